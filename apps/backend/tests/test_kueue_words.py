"""The words that Kueue's conditions become, each by itself."""

from typing import Any

import kueue_workloads as kueue
import pytest
from backend.executors.base import AttemptRef, Observation
from backend.executors.kubernetes.diagnosis import AttemptObjects, Pending, trim
from backend.executors.kubernetes.kueue import diagnose
from backend.state.causes import Cause

REF = AttemptRef("0123456789ab", 1)
NAME = "train-0123456789ab-1"
Conditions = dict[str, tuple[str, str, str]]
QUEUE = "queue team-vision"


def judged(conditions: Conditions, place: int | None = None, **spec: Any) -> Observation | Pending:
    job = trim({"metadata": {"name": NAME}, "spec": {"suspend": True}, "status": {}})
    known = {REF: {0: trim(kueue.workload(NAME, conditions, **spec))}}
    return diagnose(REF, AttemptObjects(job), known, place)


@pytest.mark.parametrize(
    ("conditions", "place", "message"),
    [
        ({}, None, f"In {QUEUE}: waits for its turn."),
        (kueue.NOT_LOOKED_AT, 7, f"Place 7 in {QUEUE}: waits for its turn."),
        (kueue.WAITS_FOR_QUOTA, 3, f"Place 3 in {QUEUE}: waits for 4 GPUs of its quota."),
        (kueue.WAITS_UNNAMED, None, f"In {QUEUE}: waits for 4 GPUs of its quota."),
        (
            kueue.WAITS_FOR_TWO,
            1,
            f"Place 1 in {QUEUE}: waits for 500m cpu and 4 GPUs of its quota.",
        ),
        (kueue.WAITS_FOR_LEAVERS, 1, f"Place 1 in {QUEUE}: waits for 4 GPUs of its quota."),
        (kueue.TOO_MUCH_OF_ONE, None, f"In {QUEUE}: waits for 4 GPUs of its quota."),
        (kueue.DEACTIVATED, 2, f"Place 2 in {QUEUE}: The workload is deactivated."),
        (
            kueue.TOO_MUCH_AND_TOPOLOGY,
            None,
            f'In {QUEUE}: {kueue.MOST}, topology "default" doesn\'t allow to fit any of 2 pod(s).',
        ),
        (kueue.STOPPED, 2, f"Place 2 in {QUEUE}: LocalQueue team-vision is inactive."),
        (
            kueue.TOPOLOGY,
            1,
            f'Place 1 in {QUEUE}: topology "default" doesn\'t allow to fit any of 2 pod(s).',
        ),
        (
            kueue.CHECKED,
            None,
            f"In {QUEUE}: has its quota, and waits for what the cluster checks before a start.",
        ),
    ],
)
def test_what_a_job_in_a_queue_waits_for(
    conditions: Conditions, place: int | None, message: str
) -> None:
    assert judged(conditions, place) == Observation(REF, "running", message=message)


@pytest.mark.parametrize(
    ("conditions", "why"),
    [
        (kueue.TOO_MUCH_AND_TAINT, "asks for 16 GPUs, and the most is 12."),
        (kueue.NOT_OFFERED, "resource nvidia.com/gpu unavailable in ClusterQueue."),
        (kueue.TOO_MUCH, "asks for 16 GPUs, and the most is 12."),
        (kueue.TOO_MUCH_UNNAMED, "asks for 16 GPUs, and the most is 12."),
        (kueue.NO_FLAVOR, "flavor a100 doesn't match node affinity."),
        (kueue.NO_QUEUE, "LocalQueue team-vision doesn't exist."),
        (kueue.NO_QUEUE_UNNAMED, "LocalQueue team-vision doesn't exist."),
    ],
)
def test_what_can_never_be_admitted(conditions: Conditions, why: str) -> None:
    told = judged(conditions, 1)
    message = f"Queue team-vision can never take it: {why}"
    assert told == Pending(Cause.UNSCHEDULABLE, message, None)


@pytest.mark.parametrize(
    ("conditions", "spec", "why"),
    [
        (
            kueue.DEACTIVATED,
            {"active": False},
            "Queue team-vision can never take it: The workload is deactivated.",
        ),
        (
            {"QuotaReserved": ("False", "Inadmissible", "LocalQueue  doesn't exist")},
            {"queue": None},
            "Queue (none) can never take it: LocalQueue  doesn't exist.",
        ),
    ],
)
def test_what_its_spec_keeps_from_being_admitted(
    conditions: Conditions, spec: dict[str, Any], why: str
) -> None:
    assert judged(conditions, **spec) == Pending(Cause.UNSCHEDULABLE, why, None)
