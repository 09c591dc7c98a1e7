"""What users and attackers push instead of a dataset: each is named, and nothing is run or lost."""

import io
import stat
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import archives
import pytest
from archives import BOX, YAML, picture, zipped
from trainyard_datasets import images, limits
from trainyard_datasets.archive import Archive
from trainyard_datasets.check import Check, check_files


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
    Case("encrypted", archives.encrypted, "Zip it without a password"),
    Case(
        "other compression",
        lambda: zipped(archives.files(), method=zipfile.ZIP_LZMA),
        "uses compression method 14",
    ),
    Case("bomb", bombs("images/train/x.bmp", 80 * 2**20), "this looks like a zip bomb"),
    Case("overlapping entries", archives.overlapping, "entries overlap"),
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

# Ready all the same: what is wrong is named, and training leaves it out.
WARNINGS = [
    Case(name, archive, message, "ready", task)
    for name, archive, message, task in [
        ("download", yaml(YAML + "download: touch canary\n"), "'download' was ignored", "detect"),
        (
            "path",
            yaml(YAML + "path: /home/me/pets\n"),
            "path is ignored: '/home/me/pets'",
            "detect",
        ),
        (
            "path of paths",
            yaml(YAML + "path: [a, b]\n"),
            "path is ignored: \"['a', 'b']\"",
            "detect",
        ),
        ("other key", yaml(YAML + "yaml_file: x\n"), "'yaml_file' was ignored", "detect"),
        (
            "pickled cache",
            changed({"labels/train.cache": archives.PICKLE_CANARY}),
            "a cache can run code",
            "detect",
        ),
        (
            "text as image",
            changed({"images/train/0.jpg": b"hello"}, train=20),
            "Cannot read this image",
            "detect",
        ),
        (
            "half a JPEG",
            changed({"images/train/0.jpg": picture(size=(640, 640))[:3000]}, train=20),
            "The image is damaged",
            "detect",
        ),
        (
            "half a PNG",
            changed({"images/train/0.jpg": picture("PNG")[:60]}, train=20),
            "The image is damaged",
            "detect",
        ),
        (
            "huge picture",
            changed({"images/train/0.jpg": huge_picture()}, train=20),
            "more than 178,956,970 pixels",
            "detect",
        ),
        (
            "tiny picture",
            changed({"images/train/0.jpg": picture(size=(4, 4))}, train=20),
            "has 4x4 pixels",
            "detect",
        ),
        (
            "empty picture",
            changed({"images/train/0.jpg": b""}, train=20),
            "Cannot read this image",
            "detect",
        ),
        ("words", label("cat 0.5 0.5 0.2 0.2"), "Line 1 has something else than numbers", "detect"),
        (
            "four numbers",
            label(BOX + "0 0.5 0.5 0.2"),
            "Line 2 has 4 numbers; a box needs 5",
            "detect",
        ),
        (
            "pixels",
            label("0 320 240 64 64"),
            "has the coordinate 320; all must be from 0 to 1",
            "detect",
        ),
        ("negative", label("0 -0.5 0.5 0.2 0.2"), "has the coordinate -0.5", "detect"),
        ("not finite", label("0 nan 0.5 0.2 0.2"), "a number that is not finite", "detect"),
        (
            "unknown class",
            label("2 0.5 0.5 0.2 0.2"),
            "has the class 2, but names has 0 to 1",
            "detect",
        ),
        ("negative class", label("-1 0.5 0.5 0.2 0.2"), "has the class -1, but", "detect"),
        (
            "class 0.5",
            label("0.5 0.5 0.5 0.2 0.2"),
            "has the class 0.5; classes are whole",
            "detect",
        ),
        ("binary label", label(b"\xff\xfe\x00"), "is not UTF-8 text", "detect"),
        ("line twice", label(BOX * 2), "1 lines repeat others", "detect"),
        (
            "box and polygon",
            label(BOX + archives.LINES["segment"]),
            "Line 1 is a box and line 2 a polygon",
            "detect",
        ),
        (
            "two points",
            label("0 0.1 0.1 0.5 0.5 0.9\n0 0.1 0.1 0.9 0.1 0.5 0.9", "segment"),
            "a polygon needs a class and at least 3 points",
            "segment",
        ),
        (
            "corner outside",
            label("0 -0.1 0.1 0.9 0.1 0.5 0.9", "segment"),
            "1 polygons reach over the border",
            "segment",
        ),
        (
            "half of train unusable",
            changed({"images/train/0.jpg": b"x", "images/train/1.jpg": b"x"}),
            "2 of 4 (50%) images in train cannot be used and are left out",
            "detect",
        ),
        (
            "only background in val",
            changed({f"labels/val/{n}.txt": "\n" for n in range(2)}),
            "No image in val has a label",
            "detect",
        ),
        (
            "class without val",
            lambda: zipped(archives.files("classify") | {"train/bird/0.jpg": picture()}),
            "train/ has the class bird, which val/ lacks",
            "classify",
        ),
        (
            "not utf-8",
            changed({"data.yaml": b"# caf\xe9\n" + YAML.encode()}),
            "Bytes that are not UTF-8 text were ignored",
            "detect",
        ),
        ("short pose", label(BOX, "pose"), "kpt_shape [2, 3] needs 11", "pose"),
        (
            "visibility",
            label("0 0.5 0.5 0.2 0.2 0.4 0.4 -1 0.6 0.6 2", "pose"),
            "has the visibility -1",
            "pose",
        ),
        (
            "keypoint out",
            label("0 0.5 0.5 0.2 0.2 1.4 0.4 2 0.6 0.6 2", "pose"),
            "has the coordinate 1.4",
            "pose",
        ),
        (
            "missing label",
            changed({"labels/train/0.txt": None}),
            "1 of 4 (25%) images in train have no label file",
            "detect",
        ),
        (
            "orphan label",
            changed({"labels/train/x.txt": BOX}),
            "1 label files have no image",
            "detect",
        ),
        (
            "train as val",
            yaml(YAML.replace("images/val", "images/train")),
            "images are in train and in val",
            "detect",
        ),
        (
            "unlearnable class",
            changed({}),
            "1 classes have no label in train, so they cannot be learnt: dog",
            "detect",
        ),
        (
            "image in no class",
            lambda: zipped(archives.files("classify") | {"train/x.jpg": picture()}),
            "1 images lie in no class folder",
            "classify",
        ),
    ]
]


@pytest.mark.parametrize("case", ARCHIVES + LAYOUTS + WARNINGS, ids=lambda case: case.name)
def test_bad_dataset(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    data = case.archive()
    check = Check(case.task)
    with check.rejecting():
        check.run(Archive(io.BytesIO(data), len(data)))
    report = check.report()
    assert case.message in "\n".join(problem["message"] for problem in report["problems"])
    assert check.accepted == (case.status == "ready"), report
    assert report["problems_total"] >= len(report["problems"]) > 0
    # No canary, no unpacked file, no temporary file.
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("limit", "value", "words"),
    [
        ("DECODED_JPEGS", 2, "2 of 6 (33%) images were decoded"),
        ("DECODED_PIXELS", 3000, "3 of 6 (50%) images were decoded"),
    ],
)
def test_the_report_says_how_much_was_looked_at(
    limit: str, value: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, limit, value)
    data = zipped(archives.files())
    report = check_files(Archive(io.BytesIO(data), len(data)), "detect").report()
    assert words in "\n".join(problem["message"] for problem in report["problems"])


def test_reasons_are_told_once_each_with_share_and_examples() -> None:
    labels = {f"labels/train/{n}.txt": b"0 320 240 64 64" for n in range(3)}
    data = zipped(archives.files(train=20) | labels)
    report = check_files(Archive(io.BytesIO(data), len(data)), "detect").report()
    [told] = [p for p in report["problems"] if "has the coordinate 320" in p["message"]]
    assert "3 of 22 (14%) files are left out for this, also labels/train/" in told["message"]


def test_memory_that_runs_out_rejects(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: Any, **__: Any) -> None:
        raise MemoryError

    data = zipped(archives.files())
    monkeypatch.setattr(images, "judge", exhausted)
    check = check_files(Archive(io.BytesIO(data), len(data)), "detect")
    assert not check.accepted
    assert "needs more than 3,072 MiB of memory" in check.report()["problems"][0]["message"]
