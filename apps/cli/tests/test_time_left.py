"""How long a job still trains, from its own epochs."""

import datetime as dt
import random
from typing import Any

import pytest
from yard import time_left

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def ends_of(*spans: float) -> list[dt.datetime]:
    ends = [START]
    for span in spans:
        ends.append(ends[-1] + dt.timedelta(seconds=span))
    return ends[1:]


def test_the_time_left_counts_from_the_last_epoch() -> None:
    ends = ends_of(60, 10, 12, 14)
    now = ends[-1] + dt.timedelta(seconds=2)
    found = time_left.estimate(ends, 5, now)
    assert found
    assert found[0] == pytest.approx(58)
    assert found[1] == pytest.approx(2 * (5 + 25 / 3) ** 0.5)
    assert time_left.estimate(ends[:2], 5, ends[1]) == (50, None)
    assert time_left.estimate(ends[:1], 5, ends[0]) is None


def test_four_of_five_jobs_end_within_a_fifth_of_what_was_told_after_two_epochs() -> None:
    chance = random.Random(4)
    close = covered = 0
    for _ in range(200):
        left = chance.randint(5, 100)
        spans = [30.0, *(chance.gauss(10, 1) for _ in range(left + 2))]  # a slow first epoch
        truth = sum(spans[2:])
        told = time_left.estimate(ends_of(*spans[:2]), len(spans) - 2, ends_of(*spans[:2])[-1])
        assert told
        close += abs(told[0] - truth) < truth / 5
        ends = ends_of(*spans[:5])
        later = time_left.estimate(ends, len(spans) - 5, ends[-1])
        assert later
        assert later[1]
        covered += abs(later[0] - sum(spans[5:])) < 2 * later[1]
    assert close > 160
    assert covered > 160


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "≈ 1 min 10 s"),
        ({"status": "succeeded"}, None),
        ({"config": {}}, None),
        ({"attempt": 3}, None),
    ],
)
def test_the_time_left_is_told_of_what_runs(change: dict[str, Any], words: str | None) -> None:
    job = {"status": "running", "attempt": 2, "config": {"epochs": 10}} | change
    ends = ends_of(60, 10)
    rows = [
        {"epoch": epoch, "attempt": attempt, "at": at.isoformat()}
        for epoch, attempt, at in (
            (0, 1, START - dt.timedelta(days=1)),
            (1, 2, ends[0]),
            (2, 2, ends[1]),
        )
    ]
    assert time_left.told(job, rows, ends[1]) == words
