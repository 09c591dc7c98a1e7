"""How the trainer uses the object store."""

import os
import threading
from pathlib import Path

import pytest
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError
from conftest import DATASETS_BUCKET, MODELS_BUCKET, Jobs
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
        store.download(DATASETS_BUCKET, "x.zip", tmp_path / "x.zip")
    assert failed.value.cause is Cause.STORAGE_UNAVAILABLE


def test_a_refusal_is_told_at_once(jobs: Jobs, tmp_path: Path) -> None:
    env = jobs.env() | {"AWS_SECRET_ACCESS_KEY": "wrong"}
    store = object_store.ObjectStore(Attempt.from_env(env), threading.Event())
    source = tmp_path / "source"
    source.write_bytes(b"artifact")
    # A store that does not answer would be asked for 300 s, longer than a test may take.
    with pytest.raises(AttemptError, match=r"refused \w+ \(SignatureDoesNotMatch\)") as failed:
        store.upload(source, MODELS_BUCKET, "key")
    assert failed.value.cause is Cause.STORAGE_UNAVAILABLE


def test_a_bucket_that_is_not_there_is_a_refusal(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the store's words: the one that runs here makes a bucket that is not there."""
    store = object_store.ObjectStore(Attempt.from_env(jobs.env()), threading.Event())
    no_bucket = {
        "Error": {"Code": "NoSuchBucket", "Message": "The specified bucket does not exist"},
        "ResponseMetadata": {"HTTPStatusCode": 404},
    }

    def refuse(*_: object, **__: object) -> None:
        answer = ClientError(no_bucket, "PutObject")  # type: ignore[arg-type]
        raise S3UploadFailedError(f"Failed to upload: {answer}") from answer

    monkeypatch.setattr(store._s3, "upload_file", refuse)
    source = tmp_path / "source"
    source.write_bytes(b"artifact")
    with pytest.raises(AttemptError, match=r"refused PutObject \(NoSuchBucket\)") as failed:
        store.upload(source, "acme-nowhere", "key")
    assert failed.value.cause is Cause.STORAGE_UNAVAILABLE


def test_store_tells_of_what_moves(jobs: Jobs, tmp_path: Path) -> None:
    moved: list[int] = []
    store = object_store.ObjectStore(Attempt.from_env(jobs.env()), threading.Event(), moved.append)
    source, size = tmp_path / "source", 20 << 20
    source.write_bytes(os.urandom(size))
    store.upload(source, MODELS_BUCKET, "moved")
    assert sum(moved) == size
    assert store.download(MODELS_BUCKET, "moved", tmp_path / "target") == object_store.file_sha256(
        source
    )
    assert sum(moved) == 2 * size
    assert len(moved) > 4  # on the way, not at the end
