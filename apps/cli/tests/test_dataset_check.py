"""`yard dataset check` on real folders and archives, with no server."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from conftest import Yard
from PIL import Image

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound dataset of 12 images, next to a file that does not belong."""
    root = tmp_path / "pets"
    for number in range(12):
        split = "val" if number < 2 else "train"
        data = io.BytesIO()
        Image.new("RGB", (32, 32), (number, 90, 200)).save(data, "PNG")
        for part, suffix, content in (
            ("images", ".png", data.getvalue()),
            ("labels", ".txt", b"0 0.5 0.5 0.2 0.2\n"),
        ):
            path = root / part / split / f"{number}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    (root / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [cat]\n")
    (root / "notes.md").write_text("x")
    return root


def test_a_sound_folder(folder: Path, yard: Yard) -> None:
    done = yard("dataset", "check", str(folder), url=NOWHERE)
    assert done.returncode == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0].startswith("25 files, ")
    assert lines[0].endswith("1 left out · detect (guessed; --task says otherwise)")
    assert lines[1:5] == ["status ready", "task detect", "images 10 train · 2 val", "labels 12"]
    assert lines[-1].startswith("0 cat 10 2 █")


def test_a_folder_that_would_be_rejected(folder: Path, yard: Yard) -> None:
    for path in (folder / "images/val").iterdir():
        path.write_bytes(b"not an image")
    (folder / "labels/train/3.txt").write_text("0 320 240 20 20\n")
    done = yard("dataset", "check", str(folder), url=NOWHERE)
    assert done.returncode == 1
    assert "error: " in done.stderr
    assert "would be rejected" in done.stderr
    assert "val has no usable image" in done.stdout
    assert "images/val/" in done.stdout
    assert "has the coordinate 320" in done.stdout
    again = yard("dataset", "check", str(folder), "--json", url=NOWHERE)
    said = json.loads(again.stdout)
    assert (again.returncode, said["status"], said["task"]) == (1, "rejected", "detect")
    assert said["report"]["images"] == {"train": 10, "val": 2}


def test_an_archive(folder: Path, yard: Yard, tmp_path: Path) -> None:
    packed = tmp_path / "pets.zip"
    with zipfile.ZipFile(packed, "w") as target:
        for path in sorted(folder.rglob("*")):
            target.write(path, path.relative_to(tmp_path))
    done = yard("dataset", "check", str(packed), url=NOWHERE)
    assert done.returncode == 0, done.stderr
    assert "10 train · 2 val" in done.stdout
    packed.write_bytes(packed.read_bytes()[:-100])
    done = yard("dataset", "check", str(packed), url=NOWHERE)
    assert done.returncode == 1
    assert "This is not a zip archive, or it is truncated" in done.stderr


def test_another_task(folder: Path, yard: Yard) -> None:
    done = yard("dataset", "check", str(folder), "--task", "segment", url=NOWHERE)
    assert done.returncode == 1
    assert "Push it with task detect" in done.stdout


def test_no_folder(yard: Yard) -> None:
    done = yard("dataset", "check", "absent", url=NOWHERE)
    assert done.returncode == 3
    assert "absent is not a folder" in done.stderr
