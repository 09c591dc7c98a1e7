"""Which cause an ended attempt gets, and what follows from it."""

from itertools import product
from typing import Any

import pytest
from backend.state import retry_policy
from backend.state.causes import CAUSE_RULES, INFRASTRUCTURE_CAUSES, REPORTABLE, Cause, Retry
from backend.state.jobs import Attempt, Job
from backend.state.statuses import JobStatus

C = Cause


def attempt(**columns: Any) -> Attempt:
    return Attempt(**{"job_id": "0" * 12, "number": 1, **columns})


def job(**columns: Any) -> Job:
    return Job(
        **{"status": JobStatus.RUNNING, "max_attempts": 3, "uncounted_attempts": 0, **columns}
    )


@pytest.mark.parametrize("exit_code", [0, 1, 137, 143, None])
def test_precedence(exit_code: int | None) -> None:
    """Checked against the contract's words, rule by rule."""
    for ours, observed, reported in product(
        [None, C.CANCELLED, C.DEADLINE_EXCEEDED, C.STALLED],
        [None, C.OUT_OF_MEMORY, C.EVICTED, C.NODE_LOST],
        [None, *sorted(REPORTABLE)],
    ):
        causes = {"stop_cause": ours, "observed_cause": observed, "reported_cause": reported}
        done = reported == C.COMPLETED and exit_code == 0
        if ours and not (done and not observed):
            expected = ours
        elif observed:
            expected = observed
        elif reported and reported != C.COMPLETED and (reported, exit_code) != (C.PREEMPTED, 1):
            expected = reported  # who was told to leave crashes not: it lost a node that did
        else:
            told = {0: C.COMPLETED, 143: C.PREEMPTED, None: C.TRAINER_CRASHED}
            expected = told.get(exit_code, C.TRAINER_CRASHED)
        assert retry_policy.cause_of(attempt(**causes, exit_code=exit_code)) == expected, causes


@pytest.mark.parametrize(
    ("observed", "exit_code", "expected"),
    [(None, 0, C.COMPLETED), (None, 1, C.TRAINER_CRASHED), (C.EVICTED, None, C.EVICTED)],
)
def test_who_was_asked_to_finish_has_not_completed_for_that(
    observed: Cause | None, exit_code: int | None, expected: Cause
) -> None:
    ended = attempt(stop_cause=C.COMPLETED, observed_cause=observed, exit_code=exit_code)
    assert retry_policy.cause_of(ended) == expected


@pytest.mark.parametrize("cause", sorted(Cause))
def test_retries(cause: Cause) -> None:
    for progressed, number, status in product(
        [False, True], [1, 2, 3], [JobStatus.RUNNING, JobStatus.CANCELLING]
    ):
        ended = attempt(number=number, epoch=5 if progressed else 4)
        delay = retry_policy.retry_delay(job(status=status), ended, cause, epoch_before=4)
        rule = CAUSE_RULES[cause].retry
        again = rule == Retry.ALWAYS or (rule == Retry.IF_PROGRESSED and progressed)
        delays = {1: 1, 2: 5}
        if cause in INFRASTRUCTURE_CAUSES and progressed:
            delays[3] = 15  # it did not count, so the third was not the last
        expected = delays.get(number) if again and status == JobStatus.RUNNING else None
        assert delay == expected, (progressed, number, status)


def test_a_machine_taken_away_costs_no_attempt_unless_nothing_was_done() -> None:
    ended = attempt(number=1, epoch=5)
    assert not retry_policy.counts(ended, C.NODE_LOST, epoch_before=4)
    assert retry_policy.counts(ended, C.NODE_LOST, epoch_before=5)
    assert retry_policy.counts(ended, C.STALLED, epoch_before=4)


def test_a_changed_training_mode_costs_no_attempt() -> None:
    ended = attempt(number=3, left_behind=True)
    assert retry_policy.retry_delay(job(), ended, C.PREEMPTED, -1) is not None
    assert retry_policy.retry_delay(job(), attempt(number=3), C.PREEMPTED, -1) is None


def test_whoever_stops_the_launcher_uses_no_attempt() -> None:
    """Though no epoch was finished: the launcher says itself that it was asked to."""
    stopped = attempt(number=3, executor="subprocess", observed_cause=C.PREEMPTED)
    assert not retry_policy.counts(stopped, C.PREEMPTED, epoch_before=-1)
    # What a node's loss preempts, or the trainer's own exit code, may repeat for ever.
    for other in (
        attempt(number=3, executor="kubernetes", observed_cause=C.PREEMPTED),
        attempt(number=3, executor="subprocess", reported_cause=C.PREEMPTED, exit_code=143),
    ):
        assert retry_policy.counts(other, C.PREEMPTED, epoch_before=-1)
    stalled = attempt(executor="subprocess", stop_cause=C.STALLED, observed_cause=C.PREEMPTED)
    assert retry_policy.counts(stalled, retry_policy.cause_of(stalled), epoch_before=-1)


def test_a_users_retry_has_all_attempts_again() -> None:
    ended = attempt(number=4)
    assert retry_policy.retry_delay(job(uncounted_attempts=3), ended, C.EVICTED, -1) == 1
    assert retry_policy.retry_delay(job(uncounted_attempts=1), ended, C.EVICTED, -1) is None


def test_delays_grow_and_stay() -> None:
    many = job(max_attempts=9)
    delays = [retry_policy.retry_delay(many, attempt(number=n), C.EVICTED, -1) for n in range(1, 6)]
    assert delays == [1, 5, 15, 15, 15]


@pytest.mark.parametrize("cause", sorted(Cause))
def test_who_cancels_gets_a_cancelled_job(cause: Cause) -> None:
    ended = attempt(cause=cause)
    expected = C.COMPLETED if cause == C.COMPLETED else C.CANCELLED
    assert retry_policy.final_cause(job(status=JobStatus.CANCELLING), ended) == expected
    assert retry_policy.final_cause(job(), ended) == cause


def test_messages() -> None:
    ended = attempt(
        number=3, reported_cause=C.TRAINER_CRASHED, reported_message="ValueError: no", exit_code=1
    )
    ended.message = retry_policy.detail_of(ended, C.TRAINER_CRASHED)
    ended.cause = C.TRAINER_CRASHED
    assert retry_policy.final_message(job(), ended, C.TRAINER_CRASHED) == (
        "The trainer ended with an error. The end of its log tells which. ValueError: no "
        "This was the last of 3 attempts."
    )
    # What the trainer reported is no detail of a cause that somebody else knew.
    assert retry_policy.detail_of(ended, C.STALLED) is None
    assert (
        retry_policy.final_message(job(), ended, C.CANCELLED) == CAUSE_RULES[C.CANCELLED].sentence
    )


@pytest.mark.parametrize(
    ("columns", "cause"),
    [
        ({"exit_code": 0}, C.COMPLETED),
        ({"exit_code": 0, "reported_cause": C.COMPLETED}, C.COMPLETED),
        ({"exit_code": 0, "reported_cause": C.DATASET_INVALID}, C.HEARTBEAT_LOST),
        ({"exit_code": 143}, C.HEARTBEAT_LOST),
        ({"exit_code": None}, C.HEARTBEAT_LOST),
        ({"exit_code": 0, "observed_cause": C.EVICTED}, C.HEARTBEAT_LOST),
    ],
)
def test_silence_of_a_trainer_that_had_ended_well(columns: dict[str, Any], cause: Cause) -> None:
    assert retry_policy.cause_of(attempt(stop_cause=C.HEARTBEAT_LOST, **columns)) == cause


def test_silence_of_a_node_that_is_lost() -> None:
    silent = attempt(stop_cause=C.HEARTBEAT_LOST, observed_cause=C.NODE_LOST)
    assert retry_policy.cause_of(silent) == C.NODE_LOST
    assert retry_policy.cause_of(attempt(stop_cause=C.HEARTBEAT_LOST)) == C.HEARTBEAT_LOST
