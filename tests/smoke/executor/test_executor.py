"""The executor on a real cluster: how attempts end, and what is left of them.

    apps/backend/.venv/bin/python -m pytest -c apps/backend/pyproject.toml --confcutdir tests/smoke/executor tests/smoke/executor

needs kubectl, helm, the backend's environment and a kind cluster whose nodes have the image IMAGE.
It must be one that nobody else needs: a test stops its API server.
"""

import asyncio
import json
import subprocess
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest
from backend.executors.base import (
    AttemptRef,
    ExecutorUnavailableError,
    LaunchError,
    Observation,
)
from backend.executors.kubernetes.executor import KubernetesExecutor
from backend.executors.kubernetes.objects import build_job, load_template
from backend.settings import Settings
from backend.state.causes import Cause

from smoke.executor.attempts import WITHIN_S, Told, observing, selector, spec, until
from smoke.executor.namespace import NAMESPACE, kubectl, objects


@pytest.mark.parametrize(("script", "exit_code"), [("echo hello", 0), ("echo why; exit 3", 3)])
async def test_exit_and_output(
    executor: KubernetesExecutor, told: Told, script: str, exit_code: int
) -> None:
    attempt = spec(script)
    await executor.launch(attempt)
    await executor.launch(attempt)
    ended = await told.end(attempt.ref)
    assert ended == Observation(attempt.ref, "ended", exit_code=exit_code)
    assert await log(executor, attempt.ref) in {b"hello\n", b"why\n"}
    assert len(objects("pods", selector(attempt.ref))) == 1
    await executor.forget(attempt.ref)
    assert attempt.ref not in {seen.ref for seen in await executor.list()}
    (job,) = objects("jobs", selector(attempt.ref))
    assert job["metadata"]["name"] == f"train-{attempt.ref.job_id}-1"
    (secret,) = objects("secrets", selector(attempt.ref))
    assert secret["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]


async def test_environment(executor: KubernetesExecutor, told: Told) -> None:
    attempt = spec('test ${#CALLBACK_TOKEN} = 6 && test "$HOME" = /tmp && touch /tmp/x')
    await executor.launch(attempt)
    assert (await told.end(attempt.ref)).exit_code == 0
    (pod,) = objects("pods", selector(attempt.ref))
    assert "s3cret" not in str(pod)


async def test_out_of_memory(executor: KubernetesExecutor, told: Told) -> None:
    attempt = spec("head -c 200000000 /dev/zero | tail")
    await executor.launch(attempt)
    ended = await told.end(attempt.ref)
    assert (ended.cause, ended.message) == (Cause.OUT_OF_MEMORY, "It was allowed 32Mi.")


async def test_image_that_cannot_be_pulled(executor: KubernetesExecutor, told: Told) -> None:
    attempt = spec("", image="registry.invalid/trainer:7")
    await executor.launch(attempt)
    waiting = await told.until(attempt.ref, lambda seen: seen.message is not None)
    assert waiting.state == "running"
    ended = await told.end(attempt.ref)
    assert ended.cause == Cause.IMAGE_PULL_FAILED
    assert ended.message is not None
    assert ended.message.startswith("Image registry.invalid/trainer:7: ")
    await executor.forget(attempt.ref)
    await until(lambda: not objects("jobs,pods,secrets", selector(attempt.ref)))


async def test_name_of_an_image_that_is_none(executor: KubernetesExecutor, told: Told) -> None:
    attempt = spec("", image="Not An Image")
    await executor.launch(attempt)
    assert (await told.end(attempt.ref, 10)).cause == Cause.IMAGE_PULL_FAILED


async def test_unschedulable(executor: KubernetesExecutor, told: Told) -> None:
    attempt = spec("", cpu=1000, gpu=1)
    await executor.launch(attempt)
    ended = await told.end(attempt.ref, 15)
    assert ended.cause == Cause.UNSCHEDULABLE
    assert ended.message is not None
    assert "cpu 1k, memory 32Mi, nvidia.com/gpu 1" in ended.message
    assert "Insufficient" in ended.message


async def test_command_that_is_not_there(executor: KubernetesExecutor, told: Told) -> None:
    attempt = spec("", command=["no-such-command"])
    await executor.launch(attempt)
    ended = await told.end(attempt.ref)
    assert ended.cause == Cause.LAUNCH_FAILED
    assert ended.message is not None
    assert "no-such-command" in ended.message


async def test_a_job_that_is_refused(executor: KubernetesExecutor, told: Told) -> None:
    attempt = spec("", trainer="not a label")
    with pytest.raises(LaunchError, match="not a label"):
        await executor.launch(attempt)
    assert not objects("jobs", selector(attempt.ref))


async def test_stop_leaves_nothing(executor: KubernetesExecutor, told: Told) -> None:
    attempt = spec("trap 'echo saved; exit 143' TERM; echo on; while :; do sleep 0.1; done")
    await executor.launch(attempt)
    await until(lambda: _running(attempt.ref))
    printed = asyncio.create_task(log(executor, attempt.ref))
    await asyncio.sleep(2)  # it follows
    await executor.stop(attempt.ref, 2)
    await executor.stop(attempt.ref, 1)
    ended = await told.end(attempt.ref, 15)
    assert ended.exit_code == 143
    assert await printed == b"on\nsaved\n"
    await executor.forget(attempt.ref)
    await until(lambda: not objects("jobs,pods,secrets", selector(attempt.ref)))
    assert attempt.ref not in {seen.ref for seen in await executor.list()}
    await executor.stop(attempt.ref, 0)


async def test_stop_of_a_deaf_trainer(executor: KubernetesExecutor, told: Told) -> None:
    attempt = spec("trap '' TERM; while :; do sleep 0.1; done")
    await executor.launch(attempt)
    await until(lambda: _running(attempt.ref))
    await executor.stop(attempt.ref, 2)
    assert (await told.end(attempt.ref, 15)).exit_code == 137


async def test_stop_before_the_pod_runs(executor: KubernetesExecutor, told: Told) -> None:
    attempt = spec("sleep 60")
    await executor.launch(attempt)
    await executor.stop(attempt.ref, 2)
    await told.end(attempt.ref)
    await until(lambda: not objects("jobs,pods,secrets", selector(attempt.ref)))


async def test_job_deleted_by_hand(executor: KubernetesExecutor, told: Told) -> None:
    attempt = spec("while :; do sleep 0.1; done", cpu=1000)
    await executor.launch(attempt)
    await until(lambda: objects("jobs", selector(attempt.ref)))
    kubectl("delete", "job", "-n", NAMESPACE, f"train-{attempt.ref.job_id}-1")
    assert (await told.end(attempt.ref)).cause in {Cause.PREEMPTED, Cause.UNSCHEDULABLE}


@pytest.mark.parametrize("what", ["job", "pod", "pod --force --grace-period=0"])
async def test_a_running_attempt_deleted_by_hand(
    executor: KubernetesExecutor, told: Told, what: str
) -> None:
    attempt = spec("trap 'exit 143' TERM; while :; do sleep 0.1; done")
    await executor.launch(attempt)
    await until(lambda: _running(attempt.ref))
    await told.until(attempt.ref, lambda seen: seen.state == "running")
    kind, *how = what.split()
    where = ["-n", NAMESPACE, "-l", selector(attempt.ref), "--wait=false"]
    kubectl("delete", kind, *where, *how)
    ended = await told.end(attempt.ref)
    # By itself this exit code means the same.
    assert ended.cause == Cause.PREEMPTED or (ended.cause, ended.exit_code) == (None, 143)


async def test_pod_evicted(executor: KubernetesExecutor, told: Told) -> None:
    attempt = spec("trap 'exit 143' TERM; while :; do sleep 0.1; done")
    await executor.launch(attempt)
    pod = await until(lambda: _running(attempt.ref))
    eviction = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}/eviction"
    body = f'{{"apiVersion":"policy/v1","kind":"Eviction","metadata":{{"name":"{pod}"}}}}'
    kubectl("create", "--raw", eviction, "-f", "-", text=body)
    ended = await told.end(attempt.ref)
    assert ended.cause == Cause.EVICTED
    assert ended.message is not None
    assert ended.message.startswith("Node ")


async def test_quota(executor: KubernetesExecutor, told: Told) -> None:
    quota = ["-n", NAMESPACE, "no-more-pods"]
    kubectl("create", "quota", *quota, "--hard=pods=0")
    try:
        attempt = spec("")
        await executor.launch(attempt)
        ended = await told.end(attempt.ref)
    finally:
        kubectl("delete", "quota", *quota)
    assert ended.cause == Cause.UNSCHEDULABLE
    assert ended.message is not None
    assert "exceeded quota: no-more-pods" in ended.message


async def test_what_ended_while_nobody_looked(make: Callable[..., KubernetesExecutor]) -> None:
    executor = make()
    done, killed, runs = spec("exit 5"), spec("sleep 60"), spec("sleep 60")
    for attempt in (done, killed, runs):
        await executor.launch(attempt)
    async with observing(executor) as told:
        await told.until(killed.ref, lambda _: True)
        await until(lambda: _running(killed.ref))
    kubectl(
        "delete", "job", "-n", NAMESPACE, f"train-{killed.ref.job_id}-1", "--cascade=foreground"
    )
    assert {seen.ref for seen in await executor.list()} >= {done.ref, runs.ref}
    async with observing(make()) as told:
        assert (await told.end(done.ref)).exit_code == 5
        assert [seen.state for seen in told.of[runs.ref]] == ["running"]
        assert killed.ref not in told.of
    await executor.stop(runs.ref, 0)


async def test_backend_that_died_before_the_secret(
    executor: KubernetesExecutor, told: Told, template: Path
) -> None:
    attempt = spec("")
    half = build_job(load_template(template), attempt, Settings.model_construct(stop_grace_s=2))
    kubectl("create", "-f", "-", text=json.dumps(half))
    ended = await told.end(attempt.ref)
    assert ended.cause == Cause.LAUNCH_FAILED
    assert ended.message is not None
    assert f'secret "{half["metadata"]["name"]}" not found' in ended.message


async def test_api_server_that_is_away(executor: KubernetesExecutor, told: Told) -> None:
    """On kind: the API server is killed while attempts end, and held back while one is launched."""
    node = f"{kubectl('config', 'current-context').strip().removeprefix('kind-')}-control-plane"
    before, runs = spec("sleep 10; exit 4"), spec("sleep 300")
    for attempt in (before, runs):
        await executor.launch(attempt)
    await until(lambda: _running(before.ref))
    manifest = "/etc/kubernetes/manifests/kube-apiserver.yaml"
    try:
        in_node(node, f"mv {manifest} /root/ && pkill -KILL kube-apiserver")
        with pytest.raises(ExecutorUnavailableError):
            await executor.list()
        late = spec("")
        launching = asyncio.create_task(executor.launch(late))
        await asyncio.wait({launching}, timeout=15)
    finally:
        in_node(node, f"mv /root/kube-apiserver.yaml {manifest}")
    await launching
    assert (await told.end(before.ref, 60)).exit_code == 4
    # The controllers wait for their leases before they make its pod.
    assert (await told.end(late.ref, 120)).exit_code == 0
    assert [seen.state for seen in told.of[runs.ref]] == ["running"]
    for attempt in (before, runs, late):
        assert len(objects("pods", selector(attempt.ref))) == 1
    await executor.stop(runs.ref, 0)


async def test_a_log_as_it_is_printed(executor: KubernetesExecutor, told: Told) -> None:
    attempt = spec("echo one; echo two; sleep 300")
    await executor.launch(attempt)
    await until(lambda: _running(attempt.ref))
    await told.until(attempt.ref, lambda seen: seen.state == "running")
    times: list[str] = []
    for since, expected in ((None, b"one\ntwo\n"), (0, b"two\n")):
        printed = b""
        async with asyncio.timeout(WITHIN_S):
            while not printed.endswith(expected):
                lines = executor.log(attempt.ref, None if since is None else times[since])
                async with aclosing(lines) as output:
                    async for batch in output:
                        times += [time for time, _ in batch]
                        printed += b"".join(text for _, text in batch)
                        if printed.endswith(expected):
                            break
    assert len(set(times)) == 2
    await executor.stop(attempt.ref, 0)


async def log(executor: KubernetesExecutor, ref: AttemptRef) -> bytes:
    """What it printed, once that is something: until its pod has ended."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            lines = [line async for lines in executor.log(ref, None) for line in lines]
            if lines:
                return b"".join(text for _, text in lines)
            await asyncio.sleep(0.1)


def in_node(node: str, script: str) -> None:
    subprocess.run(["docker", "exec", node, "sh", "-c", script], check=True)


def _running(ref: AttemptRef) -> str | None:
    """The name of the attempt's pod, once it runs."""
    pods = objects("pods", selector(ref))
    if pods and pods[0]["status"]["phase"] == "Running":
        name: str = pods[0]["metadata"]["name"]
        return name
    return None
