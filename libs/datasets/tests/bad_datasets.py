"""What users and attackers push instead of a dataset, as archives with what the check says of them."""

import stat
import zipfile
from collections.abc import Callable, Mapping
from typing import NamedTuple

import archives
from archives import BOX, YAML, picture, zipped


class Case(NamedTuple):
    """`status` is what becomes of it. Commands in archives touch `canary` where they are run."""

    name: str
    archive: Callable[[], bytes]
    message: str
    status: str = "rejected"
    task: str = "detect"


def changed(
    changes: Mapping[str, bytes | str | None], task: str = "detect", train: int = 4, val: int = 2
) -> Callable[[], bytes]:
    """A sound dataset with files replaced, added or (None) removed."""

    def build() -> bytes:
        files = archives.files(task, train, val)
        for name, data in changes.items():
            if data is None:
                files.pop(name)
            else:
                files[name] = data.encode() if isinstance(data, str) else data
        return zipped(files)

    return build


def yaml(text: str, task: str = "detect") -> Callable[[], bytes]:
    return changed({"data.yaml": text}, task)


def label(text: str | bytes, task: str = "detect") -> Callable[[], bytes]:
    """One bad label file among 20 images: a warning, and the dataset is ready."""
    return changed({"labels/train/0.txt": text}, task, train=20)


def entry(name: str) -> Callable[[], bytes]:
    return lambda: archives.with_entry(zipfile.ZipInfo(name))


def bombs(name: str, size: int) -> Callable[[], bytes]:
    return lambda: zipped(archives.files() | {name: bytes(size)})


def huge_picture() -> bytes:
    """A PNG's head that claims 40,000 x 40,000 pixels."""
    data = bytearray(picture("PNG"))
    data[16:24] = (40_000).to_bytes(4) * 2
    data[29:33] = zipfile.crc32(data[12:29]).to_bytes(4)  # type: ignore[attr-defined]
    return bytes(data)


def anchors() -> str:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    return YAML + "\n".join(levels)


ARCHIVES = [
    Case("no zip", lambda: b"GIF89a" + bytes(100), "This is not a zip archive"),
    Case("truncated", lambda: zipped(archives.files())[:-40], "or it is truncated"),
    Case(
        "middle cut out",
        lambda: (data := zipped(archives.files()))[:300] + data[900:],
        "A part of the archive is missing",
    ),
    Case("empty zip", lambda: zipped({}), "There is no data.yaml at the top"),
    Case("parent path", entry("../../evil.txt"), "could leave the dataset's folder"),
    Case("hidden parent", entry("images/train/../../../evil"), "could leave the dataset's folder"),
    Case("absolute path", entry("/etc/cron.d/evil"), "absolute or Windows path"),
    Case("drive name", entry("C:/evil.txt"), "absolute or Windows path"),
    Case("backslash", entry("..\\evil.txt"), "could leave the dataset's folder"),
    Case(
        "null byte",
        lambda: archives.patched(entry("evilX.txt")(), b"evilX", b"evil\0"),
        "control characters",
    ),
    Case("newline", entry("evil\nname.txt"), "control characters"),
    Case("long name", entry("x" * 300), "too long"),
    Case(
        "symbolic link",
        lambda: archives.special("images/train/x.jpg", stat.S_IFLNK | 0o777),
        "holds a link or a special file",
    ),
    Case(
        "device",
        lambda: archives.special("labels/train/x.txt", stat.S_IFCHR | 0o666),
        "holds a link or a special file",
    ),
    Case("name twice", entry("data.yaml"), "two entries of this name"),
    Case("file and folder", entry("images/train"), "both as file and as folder"),
    Case("file above folders", entry("images"), "both as file and as folder"),
    Case(
        "file with a folder's mode",
        lambda: archives.special("images/train/x.jpg", stat.S_IFDIR | 0o755),
        "link or a special file",
    ),
    Case("encrypted", archives.encrypted, "Zip it without a password"),
    Case(
        "other compression",
        lambda: zipped(archives.files(), method=zipfile.ZIP_LZMA),
        "uses compression method 14",
    ),
    Case("bomb", bombs("images/train/x.bmp", 80 * 2**20), "this looks like a zip bomb"),
    Case("overlapping entries", archives.overlapping, "entries overlap"),
    Case("folder in a file", lambda: archives.overlapping("images/x/", 40), "entries overlap"),
]

LAYOUTS = [
    Case("no data.yaml", changed({"data.yaml": None}), "There is no data.yaml at the top"),
    Case(
        "other name",
        changed({"data.yaml": None, "coco.yaml": YAML}),
        "There is coco.yaml: rename or move it",
    ),
    Case("not yaml", yaml("train: [images"), "data.yaml cannot be read"),
    Case(
        "python object",
        yaml(YAML + "x: !!python/object/apply:os.system ['touch canary']\n"),
        "data.yaml cannot be read",
    ),
    Case("a list", yaml("- train\n- val\n"), "data.yaml must hold keys"),
    Case("alias bomb", yaml(anchors()), "refers to itself too often"),
    Case("deep nesting", yaml("x: " + "[" * 50_000), "data.yaml cannot be read"),
    Case("huge data.yaml", yaml(YAML + "#" * 2**20), "data.yaml has more than 1,048,576 bytes"),
    Case(
        "no train", yaml("val: images/val\nnames: [cat]\n"), "data.yaml's train must name a folder"
    ),
    Case(
        "absent folder",
        yaml(YAML.replace("images/val", "images/test")),
        "val names 'images/test', a folder without images in this dataset. Images are in "
        "images/train, images/val",
    ),
    Case(
        "no image format",
        lambda: zipped({"data.yaml": YAML.encode(), "images/train/0.gif": picture("GIF")}),
        "It has no image at all that training reads",
    ),
    Case("unprintable name", yaml(YAML.replace("dog", '"do\\0g"')), "must be plain names"),
    Case("leads out", yaml(YAML.replace("images/val", "../../etc")), "leads out of the dataset"),
    Case("absolute folder", yaml(YAML.replace("images/val", "/etc")), "leads out of the dataset"),
    Case(
        "file list",
        yaml(YAML.replace("images/val", "val.txt")),
        "a list that is not in this dataset",
    ),
    Case("no names", yaml("train: images/train\nval: images/val\n"), "data.yaml lacks names"),
    Case("names with gaps", yaml(YAML.replace("[cat, dog]", "{0: cat, 2: dog}")), "without gaps"),
    Case("nested names", yaml(YAML.replace("[cat, dog]", "[[cat], dog]")), "must be plain names"),
    Case("nc differs", yaml(YAML + "nc: 3\n"), "data.yaml's nc is 3, but names has 2"),
    Case("no kpt_shape", yaml(YAML, "pose"), "A pose set needs kpt_shape", task="pose"),
    Case(
        "bad kpt_shape",
        yaml(YAML + "kpt_shape: [2, 5]\n", "pose"),
        "A pose set needs kpt_shape",
        task="pose",
    ),
    Case(
        "bad flip_idx",
        yaml(YAML + "kpt_shape: [2, 3]\nflip_idx: [0, 7]\n", "pose"),
        "must hold each of 0 to 1 once",
        task="pose",
    ),
    Case("detect as classify", changed({}), "There is no folder train/", task="classify"),
    Case(
        "no val folder",
        lambda: zipped({"train/cat/0.jpg": picture()}),
        "There are no images in val/<class>/",
        task="classify",
    ),
    Case(
        "no labels at all",
        changed({f"labels/train/{n}.txt": None for n in range(4)}),
        "train has no usable image with a label",
    ),
    Case(
        "no usable image",
        changed({"images/val/0.jpg": b"x", "images/val/1.jpg": b"x"}),
        "val has no usable image. Check the files named",
    ),
    Case(
        "boxes among polygons",
        changed({"labels/train/0.txt": BOX}, "segment"),
        "training on a segment set needs polygons in all of them",
        task="segment",
    ),
    Case(
        "boxes among oriented boxes",
        changed({"labels/train/0.txt": BOX}, "obb"),
        "training on an obb set needs oriented boxes of 4 corners in all",
        task="obb",
    ),
]
