"""The index of a dataset: what it lists, how large it may be, and what is none."""

import hashlib
import io
import json
from typing import Any

import archives
import pytest
from archives import zipped
from trainyard_datasets import index
from trainyard_datasets.archive import Archive
from trainyard_datasets.check import check_files
from trainyard_datasets.index import Entry, Header
from trainyard_datasets.problems import RejectedError

HEADER = Header(None, "detect", "", ["cat"], {"train": ["images/train"], "val": ["images/val"]})


def indexed(files: dict[str, bytes], task: str) -> list[dict[str, Any]]:
    data = zipped(files)
    written = io.BytesIO()
    check_files(Archive(io.BytesIO(data), len(data)), task).write_index(written)
    written.seek(0)
    assert index.verify(written) == hashlib.sha256(written.getvalue()).hexdigest()
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_it_lists_what_training_reads() -> None:
    files = archives.files(train=20, val=1)
    files["images/train/0.jpg"] = b"no image"
    files["labels/train/1.txt"] = b"no label"
    del files["labels/train/2.txt"]
    inside = {f"pets/{name}": data for name, data in files.items()} | {"pets/run.sh": b"id"}
    header, train, val = indexed(inside, "detect")
    assert header == {
        "format": 2,
        "sha256": None,
        "task": "detect",
        "top": "pets/",
        "names": ["cat", "dog"],
        "folders": {"train": ["images/train"], "val": ["images/val"]},
        "kpt_shape": None,
        "flip_idx": None,
        "prefix": "",
    }
    listed = dict(train["files"])
    assert train["split"] == "train"
    assert set(listed) == {f"pets/images/train/{n}.jpg" for n in range(2, 20)}
    assert listed["pets/images/train/2.jpg"] is None
    assert listed["pets/images/train/3.jpg"] == "pets/labels/train/3.txt"
    assert val == {"split": "val", "files": [["pets/images/val/0.jpg", "pets/labels/val/0.txt"]]}


@pytest.mark.parametrize("task", archives.TASKS)
def test_every_task_has_one(task: str) -> None:
    header, *batches = indexed(archives.files(task), task)
    assert header["task"] == task
    assert header["kpt_shape"] == ([2, 3] if task == "pose" else None)
    assert header["flip_idx"] == ([1, 0] if task == "pose" else None)
    labels = [label for batch in batches for _, label in batch["files"]]
    assert all(label is None if task == "classify" else label for label in labels)


def test_many_files_are_written_and_verified_in_batches() -> None:
    written = io.BytesIO()
    entries = (Entry("train", f"images/{n}.jpg", f"labels/{n}.txt") for n in range(2500))
    index.write(written, HEADER, entries)
    _, *batches = map(json.loads, written.getvalue().splitlines())
    assert [len(batch["files"]) for batch in batches] == [1000, 1000, 500]
    written.seek(0)
    index.verify(written)


def test_one_that_would_be_too_large_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "MAX_INDEX_BYTES", 10_000)
    entries = [Entry("train", f"images/{n}.jpg", None) for n in range(5000)]
    written = io.BytesIO()
    with pytest.raises(RejectedError, match="Shorten them, or split the dataset"):
        index.write(written, HEADER, entries)
    assert len(written.getvalue()) <= 10_000


GOOD = json.dumps({"format": 2, **HEADER._asdict()}).encode() + b"\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no JSON\n",
        b"\xff\n",
        b"{}\n",
        b"[" * 100_000 + b"\n",
        GOOD.replace(b'"format": 2', b'"format": 1'),
        GOOD.replace(b'["cat"]', b"[1]"),
        GOOD.replace(b'["images/val"]', b'"images/val"'),
        GOOD[:-1],
        GOOD.replace(b'"prefix": ""', b'"prefix": "../"'),
        GOOD + GOOD,
        GOOD + b'{"split": "other", "files": []}\n',
        GOOD + b'{"split": "train", "files": [["a.jpg"]]}\n',
        GOOD + b'{"split": "train", "files": [["a.jpg", 1]]}\n',
    ],
    ids=lambda data: str(data[-40:]),
)
def test_what_is_not_an_index_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        index.verify(io.BytesIO(data))


def test_a_whole_one_is_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    good = GOOD + b'{"split": "train", "files": [["a.jpg", null]]}\n'
    assert index.verify(io.BytesIO(good)) == hashlib.sha256(good).hexdigest()
    monkeypatch.setattr(index, "MAX_INDEX_BYTES", len(good) - 1)
    with pytest.raises(ValueError, match="at most"):
        index.verify(io.BytesIO(good))
