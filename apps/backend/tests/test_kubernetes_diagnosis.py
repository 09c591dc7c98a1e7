"""Diagnosis of Jobs and pods recorded in a kind cluster. `succeeded` is whole; the others hold only the keys that are read."""

import json
from pathlib import Path

import pytest
from backend.executors.base import AttemptRef, Observation
from backend.executors.kubernetes.diagnosis import (
    PATIENCE_S,
    AttemptObjects,
    Pending,
    diagnose,
    trim,
)
from backend.state.causes import Cause

END_RECORDED = Path(__file__).parent / "kubernetes"
REF = AttemptRef("0123456789ab", 1)


def seen(name: str) -> AttemptObjects:
    recorded = json.loads((END_RECORDED / f"{name}.json").read_text())
    for kind in ("job", "pod"):
        recorded[kind] = recorded[kind] and trim(recorded[kind])
    return AttemptObjects(**recorded)


@pytest.mark.parametrize(
    ("name", "exit_code", "cause", "message"),
    [
        ("succeeded", 0, None, None),
        ("exit_3", 3, None, None),
        ("out_of_memory", 137, Cause.OUT_OF_MEMORY, "It was allowed 32Mi."),
        ("no_command", 128, Cause.LAUNCH_FAILED, 'exec: "no-such-command": executable file'),
        ("evicted_by_api", 143, Cause.EVICTED, "Node executor-worker: Eviction API: evicting."),
        ("evicted_for_disk", 143, Cause.EVICTED, 'volume "scratch" exceeds the limit "1Mi".'),
        ("tainted", 143, Cause.PREEMPTED, "deleting due to NoExecute taint."),
        ("preempted", 143, Cause.PREEMPTED, "to accommodate a higher priority pod."),
        ("node_gone", None, Cause.NODE_LOST, "PodGC: node no longer exists."),
    ],
)
def test_ended(name: str, exit_code: int | None, cause: Cause | None, message: str | None) -> None:
    told = diagnose(REF, seen(name))
    assert isinstance(told, Observation)
    assert (told.ref, told.state, told.exit_code, told.cause) == (REF, "ended", exit_code, cause)
    assert message == told.message or (message or "") in (told.message or "")


@pytest.mark.parametrize(
    ("name", "cause", "message", "patience_s"),
    [
        ("image_name", Cause.IMAGE_PULL_FAILED, "Image Not An Image: ", 0),
        ("image_pull", Cause.IMAGE_PULL_FAILED, "Image registry.invalid/trainer:7: ", PATIENCE_S),
        ("no_secret", Cause.LAUNCH_FAILED, 'secret "train-', PATIENCE_S),
        ("pod_security", Cause.LAUNCH_FAILED, "violates PodSecurity", PATIENCE_S),
        ("quota", Cause.UNSCHEDULABLE, "exceeded quota: q", None),
        ("node_silent", Cause.NODE_LOST, "Node executor-worker does not answer", 7),
        (
            "unschedulable",
            Cause.UNSCHEDULABLE,
            "It asks for cpu 4k, memory 32Mi, nvidia.com/gpu 1; 0/2 nodes are available: 1 Insufficient cpu, ",
            None,
        ),
    ],
)
def test_waiting(name: str, cause: Cause, message: str, patience_s: float | None) -> None:
    told = diagnose(REF, seen(name))
    assert isinstance(told, Pending)
    assert (told.cause, told.patience_s) == (cause, patience_s)
    assert message in told.message


def test_a_child_that_was_killed_for_memory_is_not_the_trainer() -> None:
    survived = seen("out_of_memory")
    assert survived.pod is not None
    survived.pod["status"]["phase"] = "Succeeded"
    survived.pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] = 0
    assert diagnose(REF, survived) == Observation(REF, "ended", exit_code=0)


def test_a_pod_deleted_by_hand() -> None:
    running = seen("node_silent")
    running.pod_gone, running.job = True, None
    told = diagnose(REF, running)
    assert told == Observation(REF, "ended", cause=Cause.PREEMPTED, message="Its pod was deleted.")


@pytest.mark.parametrize(
    ("exit_code", "cause"), [(137, Cause.PREEMPTED), (143, Cause.PREEMPTED), (3, None)]
)
def test_a_pod_deleted_by_hand_that_told_its_exit(exit_code: int, cause: Cause | None) -> None:
    """With `--force` it is killed at once."""
    stopped = seen("exit_3")
    assert stopped.pod is not None
    stopped.pod["metadata"]["deletionTimestamp"] = "2026-11-24T18:48:40Z"
    container = stopped.pod["status"]["containerStatuses"][0]
    container["state"]["terminated"]["exitCode"] = exit_code
    told = diagnose(REF, stopped)
    assert isinstance(told, Observation)
    assert (told.exit_code, told.cause) == (exit_code, cause)


def test_what_only_the_job_tells() -> None:
    done, quota = seen("succeeded"), seen("quota")
    assert done.job is not None
    assert quota.job is not None
    done.pod = None
    done.job["status"]["conditions"] = [{"type": "Complete", "status": "True"}]
    assert diagnose(REF, done) == Observation(REF, "ended", exit_code=0)
    late = {"type": "Failed", "status": "True", "reason": "DeadlineExceeded", "message": "too long"}
    done.job["status"]["conditions"] = [late]
    told = diagnose(REF, done)
    assert isinstance(told, Observation)
    assert (told.cause, told.message) == (Cause.DEADLINE_EXCEEDED, "Its pod is gone: too long.")
    quota.job["spec"]["suspend"] = True  # in Kueue's queue, for as long as that takes
    queued = diagnose(REF, quota)
    assert isinstance(queued, Observation)
    assert (queued.state, queued.message) == ("running", "It waits in its queue for its turn.")
    assert diagnose(REF, AttemptObjects()) == Observation(
        REF, "ended", cause=Cause.PREEMPTED, message="Its Job was deleted."
    )
