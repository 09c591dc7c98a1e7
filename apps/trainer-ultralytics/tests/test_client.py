"""How the trainer takes what its services answer."""

import threading
import time
from pathlib import Path

import pytest
from conftest import Jobs
from servers import free_port
from stand_in import Backend
from trainer import client
from trainer.contract import Attempt, AttemptError, Cause


@pytest.fixture
def attempt(jobs: Jobs) -> Attempt:
    return Attempt.from_env(jobs.env())


@pytest.mark.parametrize(
    ("status", "problem", "error"),
    [
        (409, True, client.StaleError),
        (404, True, client.StaleError),
        (401, True, client.StaleError),
        (422, True, client.RejectedError),
        (404, False, client.UnreachableError),  # a proxy whose backend is being replaced
        (503, False, client.UnreachableError),
        (500, True, client.UnreachableError),
    ],
)
def test_refusals(
    status: int, problem: bool, error: type[Exception], attempt: Attempt, backend: Backend
) -> None:
    backend.refusal = (status, problem)
    with pytest.raises(error):
        client.Backend(attempt).heartbeat({"seq": 1})


def test_store_that_does_not_answer(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(client, "_STORE_PATIENCE_S", 0.5)
    env = jobs.env() | {"S3_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    store = client.Store(Attempt.from_env(env), threading.Event())
    with pytest.raises(AttemptError, match="did not answer") as failed:
        store.download("datasets", "x.zip", tmp_path / "x.zip")
    assert failed.value.cause is Cause.STORAGE_UNAVAILABLE


def test_trying_ends_when_the_attempt_is_abandoned() -> None:
    abandon = threading.Event()
    threading.Timer(0.3, abandon.set).start()
    begun = time.monotonic()

    def fail() -> None:
        raise client.UnreachableError("down")

    with pytest.raises(client.UnreachableError):
        client.persistently(fail, abandon)
    assert time.monotonic() - begun < 1


def test_no_secret_is_shown(attempt: Attempt, jobs: Jobs) -> None:
    assert "secret-token" not in repr(attempt)
    assert jobs.server.secret_key not in repr(attempt)
