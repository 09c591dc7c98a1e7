"""Kueue's part is played: Workloads of a small CustomResourceDefinition, and Jobs suspended by hand.

What is real: the API server's list and watch of them, the backend's rights, and how the Job's
controller takes the pods of a suspended Job away. Its visibility API cannot be had without Kueue.
"""

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import kueue_workloads as kueue
import pytest
import yaml
from backend.executors.base import AttemptRef, Observation
from backend.executors.kubernetes.executor import KubernetesExecutor
from backend.state.causes import Cause

from smoke.executor.attempts import observing, selector, spec, until
from smoke.executor.namespace import NAMESPACE, kubectl, objects

RUNS = "trap 'exit 143' TERM; while :; do sleep 0.1; done"
CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "workloads.kueue.x-k8s.io"},
    "spec": {
        "group": "kueue.x-k8s.io",
        "scope": "Namespaced",
        "names": {"kind": "Workload", "plural": "workloads", "singular": "workload"},
        "versions": [
            {
                "name": "v1beta2",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
            }
        ],
    },
}


@pytest.fixture(scope="module", autouse=True)
def workloads(template: object) -> Iterator[None]:
    kubectl("apply", "-f", "-", text=json.dumps(CRD))
    kubectl("wait", "--for=condition=Established", "crd/workloads.kueue.x-k8s.io")
    yield
    kubectl("delete", "crd", "workloads.kueue.x-k8s.io", "--wait=false")


@pytest.fixture
def queueing(
    make: Callable[..., KubernetesExecutor], template: Path, tmp_path: Path
) -> Callable[..., KubernetesExecutor]:
    """Makes executors whose Jobs are suspended from the beginning, as Kueue's webhook has them."""
    job = yaml.safe_load(template.read_text())
    job["spec"]["suspend"] = True
    path = tmp_path / "job.yaml"
    path.write_text(yaml.safe_dump(job))
    return partial(make, kueue=True, trainer_job_template=path)


def suspend(ref: AttemptRef, *, on: bool) -> None:
    patch = json.dumps({"spec": {"suspend": on}})
    kubectl("patch", "job", f"train-{ref.job_id}-{ref.number}", "-n", NAMESPACE, "-p", patch)


def play(
    ref: AttemptRef, told: dict[str, tuple[str, str, str]], priority: str | None = None
) -> str:
    """Kueue's Workload of the Job says this; the Job's uid."""
    [job] = objects("jobs", selector(ref))
    uid = str(job["metadata"]["uid"])
    made = kueue.workload(job["metadata"]["name"], told, of=uid, priority=priority)
    made["metadata"]["namespace"] = NAMESPACE
    made["metadata"]["ownerReferences"][0] |= {"blockOwnerDeletion": True}
    kubectl("apply", "-f", "-", text=json.dumps(made))
    status = json.dumps({"status": made["status"]})
    name = made["metadata"]["name"]
    merge = ("--subresource=status", "--type=merge")
    kubectl("patch", "workloads.kueue.x-k8s.io", name, "-n", NAMESPACE, *merge, "-p", status)
    return uid


def says(message: str) -> Callable[[Observation], bool]:
    return lambda seen: seen.message == message


async def test_a_job_waits_is_admitted_and_is_preempted(
    queueing: Callable[..., KubernetesExecutor],
) -> None:
    executor = queueing()
    async with observing(executor) as told:
        attempt, high = spec(RUNS), spec(RUNS)
        for one in (attempt, high):
            await executor.launch(one)
        play(attempt.ref, kueue.WAITS_FOR_QUOTA)
        await told.until(
            attempt.ref, says("In queue team-vision: waits for 4 GPUs of its quota."), 30
        )
        play(attempt.ref, kueue.ADMITTED)
        suspend(attempt.ref, on=False)
        await until(
            lambda: any(
                pod["status"].get("phase") == "Running"
                for pod in objects("pods", selector(attempt.ref))
            )
        )
        uid = play(high.ref, kueue.ADMITTED, "high")
        taken = kueue.preempted_by("other")
        taken = {k: (s, r, m.replace(kueue.uid("other"), uid)) for k, (s, r, m) in taken.items()}
        play(attempt.ref, taken)
        suspend(attempt.ref, on=True)
        ended = await told.end(attempt.ref, 30)
        why = "prioritization in the ClusterQueue."
        message = f"Preempted by job {high.ref.job_id} (priority high): {why}"
        assert (ended.cause, ended.message) == (Cause.PREEMPTED, message)
        await executor.forget(attempt.ref)
        await until(lambda: not objects("jobs,pods,secrets", selector(attempt.ref)))
        await executor.stop(high.ref, 0)


async def test_what_can_never_be_admitted(queueing: Callable[..., KubernetesExecutor]) -> None:
    executor = queueing(unschedulable_after_s=5)
    async with observing(executor) as told:
        attempt = spec(RUNS)
        await executor.launch(attempt)
        play(attempt.ref, kueue.TOO_MUCH)
        began = time.monotonic()
        message = "Queue team-vision can never take it: asks for 16 GPUs, and the most is 12."
        assert (await told.until(attempt.ref, says(message), 30)).state == "running"
        assert time.monotonic() - began < 10, "promised"
        ended = await told.end(attempt.ref, 30)
        assert (ended.cause, ended.message) == (Cause.UNSCHEDULABLE, message)
        await executor.forget(attempt.ref)
