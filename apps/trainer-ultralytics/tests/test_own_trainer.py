"""The helpers for own trainers (libs/trainer) are as careful with a dataset as our trainer is."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
import samples
import test_dataset
import trainyard_trainer
from conftest import Jobs
from servers import ROOT
from stand_in import Backend

OUR_OWN = {"drive", "newline", "long name", "lzma"}  # harmless here, or for the check to refuse
OUR_OWN |= {"another format", "class outside", "prefix outside", "another split"}  # not read here
REFUSED = [case for case in test_dataset.REFUSED if case[0] not in OUR_OWN]


def unpacked(data: bytes, index: bytes, folder: Path) -> trainyard_trainer.Dataset:
    (folder / "archive.zip").write_bytes(data)
    (folder / "index.jsonl").write_bytes(index)
    return trainyard_trainer.unpack(folder / "archive.zip", folder / "index.jsonl", folder / "data")


@pytest.mark.parametrize(
    ("data", "index"), [case[1:3] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_hostile_archives_are_refused(data: bytes, index: bytes, tmp_path: Path) -> None:
    with pytest.raises(trainyard_trainer.Failed, match="The dataset cannot be used") as refused:
        unpacked(data, index, tmp_path)
    assert refused.value.cause == "dataset_invalid"
    assert {path.name for path in tmp_path.iterdir()} <= {"archive.zip", "index.jsonl", "data"}
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainyard_trainer, "_MAX_FILES", len(test_dataset.DETECT) - 1)
    with pytest.raises(trainyard_trainer.Failed, match="more than"):
        unpacked(test_dataset.SOUND, test_dataset.INDEX, tmp_path)


def test_files_are_found_by_their_names_in_the_index(tmp_path: Path) -> None:
    """Of archives of Windows, of `zip -r x.zip .`, and of macOS, which sets no flag for UTF-8."""
    data = samples.archive({"images/1__.png": b"1", "x/images/2.png": b"2", "README.md": b""})
    data = data.replace(b"images/1__", b"images\\1\xc3\xa9").replace(b"x/images", b"./images")
    files = [["images/1é.png", None], ["images/2.png", None], ["images/1é.png", None]]
    index = [{"names": ["a"]}, {"split": "val", "files": files}]
    dataset = unpacked(data, "\n".join(map(json.dumps, index)).encode(), tmp_path)
    assert [image.read_bytes() for image, _ in dataset.images["val"]] == [b"1", b"2", b"1"]
    assert len([path for path in dataset.folder.rglob("*") if path.is_file()]) == 2


@pytest.mark.parametrize("variable", ["DATASET_SHA256", "DATASET_INDEX_SHA256"])
def test_a_changed_dataset_is_refused(
    jobs: Jobs, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in jobs.env(**{variable: "0" * 64}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(trainyard_trainer.Failed, match="damaged or changed after the upload"):
        trainyard_trainer.Attempt(tmp_path).dataset()


def test_an_end_is_told_as_long_as_the_backend_keeps_it(
    jobs: Jobs, backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in jobs.env().items():
        monkeypatch.setenv(name, value)
    trainyard_trainer.Attempt(tmp_path).finish("trainer_crashed", "x" * 10_000)
    limits = json.loads((ROOT / "docs/training-contract.json").read_text())["limits"]
    assert len(backend.finish["message"]) == limits["finish_message_characters"]


def test_keys_of_the_store_are_renewed_before_they_expire(
    jobs: Jobs, backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = jobs.env()
    backend.store_keys = jobs.keys(env)
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    old = {"AWS_SESSION_TOKEN": "expired", "AWS_CREDENTIAL_EXPIRATION": soon}
    for name, value in (env | backend.store_keys | old).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    attempt = trainyard_trainer.Attempt(tmp_path)
    model = tmp_path / "best.pt"
    model.write_bytes(b"model")
    attempt.save(model)
    attempt.save_checkpoint(model, 4)
    assert jobs.kept(env) == {"best.pt"}
    attempt.number = 3
    resumed = attempt.resume()
    assert resumed is not None
    assert (resumed.epoch, resumed.path.read_bytes()) == (4, b"model")
