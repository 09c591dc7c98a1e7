"""How the trainer uses the object store."""

import os
import threading
from pathlib import Path

import pytest
from conftest import Jobs
from servers import free_port
from trainer import object_store
from trainer.contract import Attempt, AttemptError, Cause


def test_store_that_does_not_answer(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(object_store, "_PATIENCE_S", 0.5)
    env = jobs.env() | {"S3_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    store = object_store.ObjectStore(Attempt.from_env(env), threading.Event())
    with pytest.raises(AttemptError, match="did not answer") as failed:
        store.download("datasets", "x.zip", tmp_path / "x.zip")
    assert failed.value.cause is Cause.STORAGE_UNAVAILABLE


def test_store_tells_of_what_moves(jobs: Jobs, tmp_path: Path) -> None:
    moved: list[int] = []
    store = object_store.ObjectStore(Attempt.from_env(jobs.env()), threading.Event(), moved.append)
    source, size = tmp_path / "source", 20 << 20
    source.write_bytes(os.urandom(size))
    store.upload(source, "models", "moved")
    assert sum(moved) == size
    assert store.download("models", "moved", tmp_path / "target") == object_store.file_sha256(
        source
    )
    assert sum(moved) == 2 * size
    assert len(moved) > 4  # on the way, not at the end
