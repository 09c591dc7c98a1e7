"""Archives are unpacked by their index: hostile ones are refused, and nothing is written outside."""

import io
import json
import stat
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
import samples
import yaml
from trainer.contract import AttemptError, Cause
from trainer.dataset.fetch import unpack

DETECT = samples.files("detect")


def with_entry(name: str, body: bytes = b"", mode: int = 0, method: int = 0) -> bytes:
    """A sound archive and one more entry."""
    data = io.BytesIO(samples.archive(DETECT))
    with zipfile.ZipFile(data, "a", method) as target, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's own about a name that comes twice
        info = zipfile.ZipInfo("x")
        info.filename = info.orig_filename = name
        info.external_attr = mode << 16
        info.compress_type = method
        target.writestr(info, body)
    return data.getvalue()


def listing(*names: str) -> bytes:
    """The sound archive's index, listing more images."""
    more = {"split": "train", "files": [[name, None] for name in names]}
    return samples.index(DETECT, "detect") + json.dumps(more).encode() + b"\n"


def unpacked(data: bytes, index: bytes, folder: Path) -> Path:
    (folder / "archive.zip").write_bytes(data)
    (folder / "index.jsonl").write_bytes(index)
    unpack(folder / "archive.zip", folder / "index.jsonl", folder / "data")
    return folder / "data"


def hostile(name: str, body: bytes = b"", mode: int = 0, method: int = 0) -> tuple[bytes, bytes]:
    return with_entry(name, body, mode, method), listing(name)


SOUND = samples.archive(DETECT)
INDEX = samples.index(DETECT, "detect")
REFUSED = [
    ("absolute", *hostile("/etc/passwd.png"), "absolute"),
    ("drive", *hostile("C:/x.png"), "absolute"),
    ("backslash", *hostile("images\\..\\..\\x.png"), "absolute"),
    ("parent", *hostile("images/../../x.png"), "leave"),
    ("dot", *hostile("./images/x.png"), "leave"),
    ("empty part", *hostile("images//x.png"), "leave"),
    ("folder", *hostile("images/x/"), "leave"),
    ("newline", *hostile("images/a\nb.png"), "name"),
    ("long name", *hostile("images/" + "a" * 300 + ".png"), "name"),
    ("symlink", *hostile("images/x.png", b"/etc/passwd", stat.S_IFLNK | 0o777), "link"),
    ("fifo", *hostile("images/x.png", b"", stat.S_IFIFO | 0o644), "special"),
    ("device", *hostile("images/x.png", b"", stat.S_IFCHR | 0o644), "special"),
    ("file as folder", *hostile("images/train/0.png/x.png"), "two entries"),
    ("bomb", *hostile("images/x.png", bytes(100 << 20), 0, zipfile.ZIP_DEFLATED), "bomb"),
    ("lzma", *hostile("images/x.png", b"x", 0, zipfile.ZIP_LZMA), "compressed otherwise"),
    ("truncated", SOUND[: len(SOUND) // 2], INDEX, "damaged"),
    ("damaged", SOUND.replace(b"IDAT", b"XXXX", 3)[:-1], INDEX, "damaged"),
    ("no zip", b"hello", INDEX, "no zip file"),
    ("empty", b"", INDEX, "no zip file"),
    ("nothing inside", samples.archive({}), INDEX, "does not fit the archive"),
    ("not in it", SOUND, listing("images/train/9.png"), "does not fit the archive"),
    ("no JSON", SOUND, b"hello\n", "does not fit the archive"),
    ("no header", SOUND, b"", "does not fit the archive"),
    ("another format", SOUND, samples.index(DETECT, "detect", format=3), "update its image"),
    (
        "class outside",
        samples.archive(samples.files("classify")),
        samples.index(samples.files("classify"), "classify", names=["../../etc"]),
        "leave",
    ),
    ("prefix outside", SOUND, samples.index(DETECT, "detect", prefix="../../"), "leave"),
    ("another split", SOUND, INDEX.replace(b'"val", "files"', b'"../x", "files"'), "does not fit"),
]


@pytest.mark.parametrize(
    ("data", "index", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_hostile_archives_are_refused(
    data: bytes, index: bytes, words: str, tmp_path: Path
) -> None:
    with pytest.raises(AttemptError) as refused:
        unpacked(data, index, tmp_path)
    assert refused.value.cause is Cause.DATASET_INVALID
    assert words in refused.value.message
    written = {path.name for path in tmp_path.iterdir()}
    assert written <= {"archive.zip", "index.jsonl", "data"}


def test_only_what_the_index_lists_is_written(tmp_path: Path) -> None:
    rest = ("labels/train.cache", "README.md", "run.sh", "images/train/unusable.png", "../x.png")
    inside = {f"top/{name}": body for name, body in DETECT.items()}
    inside |= dict.fromkeys((f"top/{name}" for name in rest), b"x")
    header, *batches = map(json.loads, INDEX.splitlines())
    lines: list[Any] = [header | {"top": "top/"}]
    for batch in batches:
        files = [[f"top/{image}", f"top/{label}"] for image, label in batch["files"]]
        lines.append(batch | {"files": files})
    index = "\n".join(map(json.dumps, lines)).encode()
    folder = unpacked(samples.archive(inside), index, tmp_path)
    written = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert written == {*DETECT, "train.txt", "val.txt"}
    assert yaml.safe_load((folder / "data.yaml").read_text()) == {
        "train": "train.txt",
        "val": "val.txt",
        "nc": 2,
        "names": {0: "disc", 1: "square"},
    }


def test_a_pose_set_keeps_its_keypoints(tmp_path: Path) -> None:
    content = samples.files("pose")
    folder = unpacked(samples.archive(content), samples.index(content, "pose"), tmp_path)
    settings = yaml.safe_load((folder / "data.yaml").read_text())
    assert {key: settings[key] for key in ("kpt_shape", "flip_idx")} == samples.KEYS["pose"]


def test_a_classify_set_has_no_data_yaml(tmp_path: Path) -> None:
    content = samples.files("classify")
    folder = unpacked(samples.archive(content), samples.index(content, "classify"), tmp_path)
    written = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert written == set(content)


def test_a_file_may_be_listed_twice(tmp_path: Path) -> None:
    folder = unpacked(SOUND, listing("images/train/0.png", "images/val/0.png"), tmp_path)
    assert (folder / "images/train/0.png").read_bytes() == DETECT["images/train/0.png"]


def test_a_class_whose_images_are_all_unusable_keeps_its_place(tmp_path: Path) -> None:
    content = samples.files("classify")
    index = samples.index(content, "classify", names=["a", "disc", "square"])
    folder = unpacked(samples.archive(content), index, tmp_path)
    assert sorted(path.name for path in (folder / "train").iterdir()) == ["a", "disc", "square"]


def test_only_the_listed_images_of_a_folder_are_trained_on(tmp_path: Path) -> None:
    names = sorted(name for name in DETECT if name.startswith("images/"))
    lines = [INDEX.splitlines()[0].decode()]
    for split, found in (("train", names[::2]), ("val", names[1::2])):
        lines.append(json.dumps({"split": split, "files": [[name, None] for name in found]}))
    folder = unpacked(SOUND, "\n".join(lines).encode(), tmp_path)
    for split, found in (("train", names[::2]), ("val", names[1::2])):
        assert (folder / f"{split}.txt").read_text().split() == [f"./{name}" for name in found]


def test_labels_beside_images_lie_where_they_are_looked_for(tmp_path: Path) -> None:
    files = {"a/x.png": DETECT["images/train/0.png"], "a/x.txt": b"0 0.5 0.5 0.1 0.1"}
    header, *_ = map(json.loads, INDEX.splitlines())
    lines = [header | {"prefix": "images/"}, {"split": "train", "files": [["a/x.png", "a/x.txt"]]}]
    folder = unpacked(samples.archive(files), "\n".join(map(json.dumps, lines)).encode(), tmp_path)
    assert (folder / "images/a/x.png").is_file()
    assert (folder / "labels/a/x.txt").read_bytes() == files["a/x.txt"]
