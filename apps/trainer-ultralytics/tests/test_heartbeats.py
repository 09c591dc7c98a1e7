"""When heartbeats are sent."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import Jobs
from launching import wait_until
from stand_in import Backend
from trainer.contract import Attempt
from trainer.supervisor.backend_client import INTERVAL_S, BackendClient
from trainer.supervisor.heartbeats import Heartbeats


@pytest.fixture
def beats(jobs: Jobs) -> Iterator[Heartbeats]:
    """Started; nothing is measured, and nobody is told to stop."""
    attempt = Attempt.from_env(jobs.env())
    thread = Heartbeats(BackendClient(attempt), dict, *[lambda: None] * 3)
    thread.start()
    yield thread
    thread.close()
    thread.join(5)


def steps(backend: Backend) -> list[Any]:
    return [beat.get("step") for beat in backend.heartbeats]


def test_the_backend_says_how_often(backend: Backend, beats: Heartbeats) -> None:
    backend.interval_s = 0.05
    wait_until(lambda: len(backend.heartbeats) >= 6)
    backend.interval_s = 60
    beats.tell(step=1)
    wait_until(lambda: 1 in steps(backend))
    seen = len(backend.heartbeats)
    beats.tell(step=2)
    time.sleep(0.5)  # ten times as long as it was before
    assert len(backend.heartbeats) == seen


def test_news_wait_for_no_interval(backend: Backend, beats: Heartbeats) -> None:
    backend.interval_s = 60
    wait_until(lambda: backend.heartbeats)
    beats.tell(step=1, now=True)
    wait_until(lambda: 1 in steps(backend))
    for epoch in range(3):
        beats.tell_epoch(epoch, {"loss": 1.0})
    wait_until(lambda: backend.epochs == [0, 1, 2])


def test_transferred_bytes_are_reported_once(backend: Backend, beats: Heartbeats) -> None:
    backend.interval_s = 60
    wait_until(lambda: backend.heartbeats)
    backend.down()
    beats.add_transferred(3)
    beats.tell(step=1, now=True)
    time.sleep(0.2)
    beats.add_transferred(4)
    backend.up()
    wait_until(lambda: 1 in steps(backend))
    beats.tell(step=2, now=True)
    wait_until(lambda: 2 in steps(backend))
    told = {beat.get("step"): beat.get("transferred") for beat in backend.heartbeats}
    assert told == {None: None, 1: 7, 2: None}


def test_an_unanswered_one_is_repeated_soon(backend: Backend, beats: Heartbeats) -> None:
    backend.interval_s = 60
    wait_until(lambda: backend.heartbeats)
    backend.down()
    beats.tell(step=1, now=True)
    time.sleep(0.2)
    backend.up()
    begun = time.monotonic()
    wait_until(lambda: 1 in steps(backend))
    assert time.monotonic() - begun < INTERVAL_S + 1
