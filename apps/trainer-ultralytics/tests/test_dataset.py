"""Hostile and broken archives: each is refused with its reason, and nothing is written outside."""

import io
import stat
import warnings
import zipfile
from pathlib import Path

import pytest
import samples
import yaml
from trainer.contract import AttemptError, Cause
from trainer.dataset.fetch import unpack


def with_yaml(**changes: object) -> dict[str, bytes]:
    content = samples.files("detect")
    settings = yaml.safe_load(content["data.yaml"]) | changes
    return content | {"data.yaml": yaml.safe_dump(settings).encode()}


def with_entry(name: str, body: bytes = b"", mode: int = 0, method: int = 0) -> bytes:
    data = io.BytesIO(samples.archive(samples.files("detect")))
    with zipfile.ZipFile(data, "a", method) as target, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's own about a name that comes twice
        info = zipfile.ZipInfo("x")
        info.filename = info.orig_filename = name
        info.external_attr = mode << 16
        info.compress_type = method
        target.writestr(info, body)
    return data.getvalue()


DETECT = samples.archive(samples.files("detect"))
UNSAFE = [
    ("absolute", with_entry("/etc/passwd.png"), "absolute"),
    ("drive", with_entry("C:/x.png"), "absolute"),
    ("backslash", with_entry("images\\..\\..\\x.png"), "absolute"),
    ("parent", with_entry("images/../../x.png"), "leave"),
    ("dot", with_entry("./images/x.png"), "leave"),
    ("empty part", with_entry("images//x.png"), "leave"),
    ("newline", with_entry("images/a\nb.png"), "name"),
    ("long name", with_entry("images/" + "a" * 300 + ".png"), "name"),
    ("symlink", with_entry("images/x.png", b"/etc/passwd", stat.S_IFLNK | 0o777), "link"),
    ("fifo", with_entry("images/x.png", b"", stat.S_IFIFO | 0o644), "special"),
    ("device", with_entry("images/x.png", b"", stat.S_IFCHR | 0o644), "special"),
    ("twice", with_entry("images/train/0.png"), "two entries"),
    ("file as folder", with_entry("images/train/0.png/x.png"), "two entries"),
    ("bomb", with_entry("images/x.png", bytes(100 << 20), 0, zipfile.ZIP_DEFLATED), "bomb"),
    ("long label", with_entry("labels/train/9.txt", bytes(17 << 20)), "larger"),
    ("truncated", DETECT[: len(DETECT) // 2], "damaged"),
    ("damaged", DETECT.replace(b"IDAT", b"XXXX", 3)[:-1], "damaged"),
    ("no zip", b"hello", "no zip file"),
    ("empty", b"", "no zip file"),
    ("nothing inside", samples.archive({}), "no data.yaml"),
    ("no yaml", samples.archive({"images/train/0.png": b"x"}), "no data.yaml"),
    ("yaml list", samples.archive({"data.yaml": b"[1]"}), "must hold keys"),
    ("yaml broken", samples.archive({"data.yaml": b"a: [1"}), "cannot be read"),
    (
        "yaml object",
        samples.archive({"data.yaml": b"!!python/object/apply:os.system [id]"}),
        "read",
    ),
    ("no val", samples.archive(with_yaml(val=None)), "'val'"),
    ("outside", samples.archive(with_yaml(train="../../../etc")), "leads out"),
    ("host path", samples.archive(with_yaml(train="/etc")), "leads out"),
    ("list file", samples.archive(with_yaml(train="train.txt")), "folder without images"),
    ("number", samples.archive(with_yaml(train=7)), "must name a folder"),
    ("no names", samples.archive(with_yaml(names=None)), "must list the classes"),
    ("nested names", samples.archive(with_yaml(names=[["a"], "b"])), "plain names"),
    ("gap in names", samples.archive(with_yaml(names={0: "a", 2: "b"})), "without gaps"),
    ("wrong nc", samples.archive(with_yaml(nc=5)), "'nc' is 5"),
    (
        "no labels",
        samples.archive(
            {k: b"" if k.endswith(".txt") else v for k, v in samples.files("detect").items()}
        ),
        "no labels",
    ),
]


@pytest.mark.parametrize(("data", "words"), [c[1:] for c in UNSAFE], ids=[c[0] for c in UNSAFE])
def test_unsafe_archives_are_refused(data: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "archive.zip").write_bytes(data)
    with pytest.raises(AttemptError) as refused:
        unpack(tmp_path / "archive.zip", tmp_path / "data", "detect")
    assert refused.value.cause is Cause.DATASET_INVALID
    assert words in refused.value.message
    assert {path.name for path in tmp_path.iterdir()} <= {"archive.zip", "data"}


POSE = {"kpt_shape": [2, 3], "flip_idx": [0, 1]}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"kpt_shape": None}, "kpt_shape"),
        ({"kpt_shape": [2, 4]}, "kpt_shape"),
        ({"kpt_shape": "os.system"}, "kpt_shape"),
        ({"flip_idx": [0, 5]}, "flip_idx"),
        ({"flip_idx": "abc"}, "flip_idx"),
    ],
)
def test_keypoint_settings_are_checked(keys: dict[str, object], words: str, tmp_path: Path) -> None:
    content = samples.files("pose")
    settings = yaml.safe_load(content["data.yaml"]) | POSE | keys
    content["data.yaml"] = yaml.safe_dump(settings).encode()
    (tmp_path / "archive.zip").write_bytes(samples.archive(content))
    with pytest.raises(AttemptError, match=words):
        unpack(tmp_path / "archive.zip", tmp_path / "data", "pose")


def test_only_what_training_needs_is_written(tmp_path: Path) -> None:
    content = with_yaml(download="import os; os.abort()", path="/etc", names={0: "a", 1: "b"})
    content |= {"labels/train.cache": b"pickle", "README.md": b"hi", "run.sh": b"id"}
    content |= {"__MACOSX/images/train/0.png": b"x", "images/train/.hidden.png": b"x"}
    inside = {f"top/{name}": body for name, body in content.items()}
    (tmp_path / "archive.zip").write_bytes(samples.archive(inside))
    unpack(tmp_path / "archive.zip", tmp_path / "data", "detect")
    written = {
        str(path.relative_to(tmp_path / "data"))
        for path in (tmp_path / "data").rglob("*")
        if path.is_file()
    }
    assert written == set(samples.files("detect"))
    settings = yaml.safe_load((tmp_path / "data" / "data.yaml").read_text())
    assert settings == {
        "train": ["images/train"],
        "val": ["images/val"],
        "nc": 2,
        "names": {0: "a", 1: "b"},
    }


def test_classify_needs_both_splits(tmp_path: Path) -> None:
    for missing in ("train", "val"):
        content = {k: v for k, v in samples.files("classify").items() if missing not in k}
        (tmp_path / "archive.zip").write_bytes(samples.archive(content))
        with pytest.raises(AttemptError, match=missing):
            unpack(tmp_path / "archive.zip", tmp_path / missing, "classify")
