"""Diagnosis of Jobs and pods recorded in a kind cluster. `succeeded` is whole; the others hold only the keys that are read."""

import json
from pathlib import Path
from typing import Any

import pytest
from backend.executors.base import AttemptRef, Observation
from backend.executors.kubernetes.diagnosis import (
    LEAVING_S,
    MAX_NODES,
    PATIENCE_S,
    SETTLE_S,
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
    job, pod = (item and trim(item) for item in (recorded["job"], recorded["pod"]))
    gone = {0} if recorded["pod_gone"] else set()
    return AttemptObjects(job, {0: pod} if pod else {}, gone, recorded["refusal"])


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
    assert message in (told.message or "")


def test_a_child_that_was_killed_for_memory_is_not_the_trainer() -> None:
    survived = seen("out_of_memory")
    status = survived.pods[0]["status"]
    status["phase"] = "Succeeded"
    status["containerStatuses"][0]["state"]["terminated"]["exitCode"] = 0
    assert diagnose(REF, survived) == Observation(REF, "ended", exit_code=0)


def test_a_pod_deleted_by_hand() -> None:
    running = seen("node_silent")
    running.gone, running.job = {0}, None
    told = diagnose(REF, running)
    assert told == Observation(REF, "ended", cause=Cause.PREEMPTED, message="Its pod was deleted.")


@pytest.mark.parametrize(
    ("exit_code", "cause"), [(137, Cause.PREEMPTED), (143, Cause.PREEMPTED), (3, None)]
)
def test_a_pod_deleted_by_hand_that_told_its_exit(exit_code: int, cause: Cause | None) -> None:
    """With `--force` it is killed at once."""
    stopped = seen("exit_3")
    stopped.pods[0]["metadata"]["deletionTimestamp"] = "2026-11-24T18:48:40Z"
    container = stopped.pods[0]["status"]["containerStatuses"][0]
    container["state"]["terminated"]["exitCode"] = exit_code
    told = diagnose(REF, stopped)
    assert isinstance(told, Observation)
    assert (told.exit_code, told.cause) == (exit_code, cause)


def test_what_only_the_job_tells() -> None:
    done, quota = seen("succeeded"), seen("quota")
    assert done.job is not None
    assert quota.job is not None
    done.pods = {}
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


def at(second: int) -> str:
    return f"2026-11-30T05:00:{second:02}Z"


def pod(recorded: str = "exit_3", code: int | None = None, **told: Any) -> Any:
    """A node's recorded pod; `end` and `deleted` are seconds, `deleted` that of the request."""
    found = seen(recorded).pods[0]
    container: dict[str, Any] = next(iter(found["status"].get("containerStatuses", [])), {})
    ended = container.get("state", {}).get("terminated", {})
    ended |= {"exitCode": code} if code is not None else {}
    ended |= {"finishedAt": at(told["end"])} if "end" in told else {}
    if code == 0:
        found["status"]["phase"] = "Succeeded"
    if "deleted" in told:
        grace = {"deletionTimestamp": at(told["deleted"] + 7), "deletionGracePeriodSeconds": 7}
        found["metadata"] |= grace
    return found


def running(**told: Any) -> Any:
    found = pod("node_silent", **told)
    if not told:
        del found["metadata"]["deletionTimestamp"]
    return found


def two(first: Any, second: Any, **job: Any) -> AttemptObjects:
    whole = {"metadata": {"labels": {}}, "spec": {"completions": 2}, "status": {}} | job
    return AttemptObjects(whole, {n: one for n, one in enumerate((first, second)) if one})


LOST = Cause.NODE_LOST


# An echo's exit code is 1: the rank of one node has lost that of the other, and its supervisor says so.
@pytest.mark.parametrize(
    ("first", "second", "code", "cause", "message"),
    [
        (pod(code=1, end=15), pod("out_of_memory", end=9), 137, Cause.OUT_OF_MEMORY, "Node 1 of 2: It was allowed 32Mi."),
        (pod("out_of_memory", end=9), pod(code=143, end=10, deleted=9), 137, Cause.OUT_OF_MEMORY, "Node 0 of 2: It was allowed 32Mi."),
        (pod(code=143, end=11, deleted=10), pod(code=1, end=10), 1, None, "Node 1 of 2: Its exit code was 1."),
        (pod(code=143, end=11, deleted=10), pod(code=137, end=10), 137, Cause.TRAINER_CRASHED, "Node 1 of 2: Its exit code was 137."),
        (pod(code=137, end=10), pod(code=1, end=16), 137, Cause.TRAINER_CRASHED, "Node 0 of 2: Its exit code was 137."),
        (pod(code=1, end=16), pod(code=143, end=11, deleted=10), 143, Cause.PREEMPTED, "Node 1 of 2: Its pod was deleted."),
        (pod(code=143, end=11, deleted=10), pod(code=143, end=13, deleted=12), 143, Cause.PREEMPTED, "Node 0 of 2: Its pod was deleted."),
        (pod(code=143, end=11, deleted=10), pod("evicted_by_api", end=12), 143, Cause.EVICTED, "Node 1 of 2: Node executor-worker: Eviction API: evicting."),
        (pod(code=143, end=11, deleted=10), pod("preempted", end=9), 143, Cause.PREEMPTED, "Node 1 of 2: Node executor-worker: "),
        (pod(code=1, end=10), pod("node_gone"), None, LOST, "Node 1 of 2: Node "),
        (pod(code=143, end=11, deleted=10), pod("no_command", end=9), 128, Cause.LAUNCH_FAILED, "Node 1 of 2: Image "),
        (pod(code=0, end=12), pod(code=1, end=9), 0, None, None),
    ],
)  # fmt: skip
def test_of_several_nodes_the_first_death_is_told_and_not_its_echo(
    first: Any, second: Any, code: int | None, cause: Cause | None, message: str | None
) -> None:
    told = diagnose(REF, two(first, second))
    assert isinstance(told, Observation)
    assert (told.state, told.exit_code, told.cause) == ("ended", code, cause)
    assert message == told.message or (told.message or "").startswith(message or "?")


@pytest.mark.parametrize(("left", "patience_s"), [({}, SETTLE_S), ({"deleted": 12}, 7 + LEAVING_S)])
def test_a_death_is_told_when_the_others_have_left_or_had_time_to(
    left: dict[str, int], patience_s: float
) -> None:
    told = diagnose(REF, two(running(**left), pod("out_of_memory", end=9)))
    message = "Node 1 of 2: It was allowed 32Mi."
    assert told == Pending(Cause.OUT_OF_MEMORY, message, patience_s, 137)


@pytest.mark.parametrize("second", [pod(code=143, end=13, deleted=12), pod(code=1, end=9)])
def test_a_machine_that_vanished_is_told_and_not_the_node_that_lost_it(second: Any) -> None:
    """Its pod is told to leave, with the Job or by its controller, and nobody is there to hear it."""
    told = diagnose(REF, two(running(deleted=12), second))
    why = "Node executor-worker does not answer: its pod was told to leave and is still there."
    assert told == Pending(LOST, f"Node 0 of 2: {why}", 7 + LEAVING_S)


def test_a_job_of_a_stranger_has_no_billion_nodes() -> None:
    assert two(running(), None, spec={"completions": 10**9}).nodes == MAX_NODES


def test_a_node_that_is_done_waits_for_the_first() -> None:
    assert diagnose(REF, two(running(), pod(code=0, end=9))) == Observation(REF, "running")


@pytest.mark.parametrize(
    ("second", "cause", "message"),
    [
        (pod("unschedulable"), Cause.UNSCHEDULABLE, "1 of 2 nodes has its place; node 1: It asks for cpu 4k"),
        (pod("image_pull"), Cause.IMAGE_PULL_FAILED, "Node 1 of 2: Image registry.invalid/trainer:7"),
        (pod("node_silent"), LOST, "Node 1 of 2: Node executor-worker does not answer"),
    ],
)  # fmt: skip
def test_a_node_that_waits_is_named(second: Any, cause: Cause, message: str) -> None:
    told = diagnose(REF, two(running(), second))
    assert isinstance(told, Pending)
    assert told.cause == cause
    assert (told.message or "").startswith(message)


def test_a_node_that_a_quota_refuses() -> None:
    seen_ = two(running(), None)
    assert diagnose(REF, seen_) == Observation(REF, "running")
    seen_.refusal = "exceeded quota: q"
    told = diagnose(REF, seen_)
    assert isinstance(told, Pending)
    assert (told.message or "").startswith("1 of 2 nodes has its place; node 1: Kubernetes refuses")


def test_a_pod_that_vanished_meanwhile_was_not_the_first() -> None:
    """Nobody watched as the Job's controller deleted it."""
    failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
    seen_ = two(running(), pod(code=1, end=9), status={"conditions": [failed]})
    seen_.gone = {0}
    told = diagnose(REF, seen_)
    assert isinstance(told, Observation)
    assert (told.exit_code, told.cause) == (1, None)
