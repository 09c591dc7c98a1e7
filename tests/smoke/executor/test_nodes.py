"""Deaths of nodes that train together: the first one is told, with its cause and node, not its echo.

Runs as test_executor.py does. The ranks are scripts: a node that loses the other ends with 1, later.
"""

import asyncio
from typing import Any

import pytest
from backend.executors.base import AttemptRef, Observation
from backend.executors.kubernetes.executor import KubernetesExecutor
from backend.state.causes import Cause

from smoke.executor.attempts import Told, selector, spec, until
from smoke.executor.namespace import NAMESPACE, kubectl, objects

RUNS = "trap 'exit 143' TERM; while :; do sleep 0.1; done"
# Of the node that is not the first to die: it notices that after 3 s, or is stopped before.
ECHO = "trap 'exit 143' TERM; for _ in $(seq 30); do sleep 0.1; done; exit 1"
MEMORY = "head -c 200000000 /dev/zero | tail"


def pod_of(ref: AttemptRef, node: int) -> str | None:
    """The node's pod, where both run."""
    pods = objects("pods", selector(ref))
    names = {
        int(pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"]): pod
        for pod in pods
        if pod["status"]["phase"] == "Running"
    }
    return str(names[node]["metadata"]["name"]) if len(names) == 2 else None


async def left(ref: AttemptRef) -> None:
    """Until no pod runs any more."""
    await until(lambda: {pod["status"]["phase"] for pod in objects("pods", selector(ref))} <= {"Failed", "Succeeded"})  # fmt: skip


@pytest.mark.parametrize("node", [0, 1])
@pytest.mark.parametrize(
    ("dies", "code", "cause", "message"),
    [
        ("sleep 1; exit 3", 3, None, "Its exit code was 3."),
        ("sleep 1; sh -c 'kill -9 $PPID'", 137, Cause.TRAINER_CRASHED, "Its exit code was 137."),
        (f"sleep 1; {MEMORY}", 137, Cause.OUT_OF_MEMORY, "It was allowed 32Mi."),
    ],
    ids=["exit", "killed", "memory"],
)
@pytest.mark.parametrize("other", [RUNS, ECHO], ids=["stopped", "echo"])
async def test_a_node_dies(
    executor: KubernetesExecutor,
    told: Told,
    *,
    node: int,
    dies: str,
    code: int,
    cause: Cause | None,
    message: str,
    other: str,
) -> None:
    # The echo comes at the death's time, not before.
    script = f"if [ $PET_NODE_RANK = {node} ]; then {dies}; else sleep 1; {other}; fi"
    attempt = spec(script, nodes=2)
    await executor.launch(attempt)
    ended = await told.end(attempt.ref)
    expected = (code, cause, f"Node {node} of 2: {message}")
    assert (ended.exit_code, ended.cause, ended.message) == expected
    await executor.forget(attempt.ref)
    await left(attempt.ref)


def evict(pod: str) -> None:
    body = f'{{"apiVersion":"policy/v1","kind":"Eviction","metadata":{{"name":"{pod}"}}}}'
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}/eviction"
    kubectl("create", "--raw", path, "-f", "-", text=body)


def delete(pod: str, *how: str) -> None:
    kubectl("delete", "pod", "-n", NAMESPACE, pod, "--wait=false", *how)


@pytest.mark.parametrize("node", [0, 1])
@pytest.mark.parametrize(
    ("take", "cause", "message"),
    [
        (evict, Cause.EVICTED, "Node "),
        (delete, Cause.PREEMPTED, "Its pod was deleted."),
        (lambda pod: delete(pod, "--force", "--grace-period=0"), Cause.PREEMPTED, "Its pod "),
    ],
    ids=["evicted", "deleted", "deleted by force"],
)
async def test_a_node_is_taken(
    executor: KubernetesExecutor,
    told: Told,
    *,
    node: int,
    take: Any,
    cause: Cause,
    message: str,
) -> None:
    attempt = spec(RUNS, nodes=2)
    await executor.launch(attempt)
    pod = await until(lambda: pod_of(attempt.ref, node))
    await asyncio.to_thread(take, pod)
    ended = await told.end(attempt.ref)
    assert ended.cause == cause
    assert (ended.message or "").startswith(f"Node {node} of 2: {message}")
    await executor.forget(attempt.ref)
    await left(attempt.ref)


async def test_the_first_node_s_success_is_the_attempt_s(
    executor: KubernetesExecutor, told: Told
) -> None:
    attempt = spec(f"if [ $PET_NODE_RANK = 0 ]; then sleep 1; else {RUNS}; fi", nodes=2)
    await executor.launch(attempt)
    assert await told.end(attempt.ref) == Observation(attempt.ref, "ended", exit_code=0)
    await executor.forget(attempt.ref)
    await left(attempt.ref)

    def complete() -> bool:
        [job] = objects("jobs", selector(attempt.ref))
        return any(one["type"] == "Complete" for one in job["status"]["conditions"])

    await until(complete)


async def test_a_node_without_a_place(executor: KubernetesExecutor, told: Told) -> None:
    """One fits on the machine, two do not; the one that has its place gives it back."""
    [node] = objects("nodes", "")
    free = float(node["status"]["allocatable"]["cpu"]) - await asyncio.to_thread(_requested)
    attempt = spec(RUNS, nodes=2, cpu=round(free * 0.6, 2))
    await executor.launch(attempt)
    ended = await told.end(attempt.ref)
    assert ended.cause == Cause.UNSCHEDULABLE
    assert (ended.message or "").startswith("1 of 2 nodes has its place; node ")
    await executor.forget(attempt.ref)
    await until(lambda: not objects("jobs,pods,secrets,networkpolicies", selector(attempt.ref)))


def _requested() -> float:
    """CPUs that the pods of the cluster have asked for."""
    shown = kubectl("get", "pods", "-A", "--field-selector=status.phase=Running", "-o",
        "jsonpath={range .items[*].spec.containers[*]}{.resources.requests.cpu} {end}")  # fmt: skip
    return sum(float(one[:-1]) / 1000 if one.endswith("m") else float(one) for one in shown.split())


async def test_stop_leaves_nothing_of_any_node(executor: KubernetesExecutor, told: Told) -> None:
    attempt = spec(RUNS, nodes=2)
    await executor.launch(attempt)
    await until(lambda: pod_of(attempt.ref, 1))
    await executor.stop(attempt.ref, 2)
    await told.end(attempt.ref)
    await executor.forget(attempt.ref)
    await until(lambda: not objects("jobs,pods,secrets,networkpolicies", selector(attempt.ref)))
