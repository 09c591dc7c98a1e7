"""How the trainer uses the object store."""

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError
from conftest import DATASETS_BUCKET, MODELS_BUCKET, Jobs
from servers import free_port
from trainer import object_store
from trainer.contract import Attempt, AttemptError, Cause
from trainer.retry import UnreachableError


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


def test_keys_of_the_attempt_are_renewed_before_they_expire(jobs: Jobs, tmp_path: Path) -> None:
    env = jobs.env()
    keys = jobs.keys(env)
    asked: list[str] = []
    answers: list[dict[str, str] | Exception] = [UnreachableError("away"), keys]

    def renew() -> dict[str, str]:
        answer = answers.pop(0)
        asked.append(str(answer))
        if isinstance(answer, Exception):
            raise answer
        return answer

    source = tmp_path / "source"
    source.write_bytes(b"checkpoint")
    key = f"{env['JOB_ID']}/1/checkpoint"
    fresh = object_store.ObjectStore(Attempt.from_env(env | keys), threading.Event(), None, renew)
    fresh.upload(source, MODELS_BUCKET, key, epoch=3)
    assert asked == []
    gone = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    expired = env | keys | {"AWS_CREDENTIAL_EXPIRATION": gone, "AWS_SESSION_TOKEN": "expired"}
    store = object_store.ObjectStore(Attempt.from_env(expired), threading.Event(), None, renew)
    found = store.find(MODELS_BUCKET, key)
    assert found is not None
    assert (found.epoch, len(asked)) == (3, 2), "asked again while the backend was away"
    assert store.find(MODELS_BUCKET, f"{env['JOB_ID']}/2/checkpoint") is None


def test_a_script_renews_its_keys_in_its_environment(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Boto3 by itself reads the variables again some minutes before the time that they name."""
    env = jobs.env()
    keys = jobs.keys(env)
    soon = (datetime.now(UTC) + timedelta(seconds=60)).isoformat()
    stale = keys | {"AWS_CREDENTIAL_EXPIRATION": soon, "AWS_SESSION_TOKEN": "expired"}
    for name, value in stale.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    s3 = boto3.client("s3", endpoint_url=env["S3_ENDPOINT"], region_name="us-east-1")
    target: Any = {"Bucket": MODELS_BUCKET, "Key": f"{env['JOB_ID']}/1/checkpoint"}
    with pytest.raises(ClientError):
        s3.put_object(**target, Body=b"x")
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    s3.put_object(**target, Body=b"x")
