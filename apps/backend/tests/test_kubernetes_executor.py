"""The Kubernetes executor against a fake API server, with the watch and the repairs that use it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import servers
from api_support import get_attempt
from backend.callbacks import log_repository
from backend.context import Context
from backend.executors.base import AttemptRef, AttemptSpec, ExecutorUnavailableError, LaunchError
from backend.executors.kubernetes.executor import KubernetesExecutor
from backend.executors.kubernetes.objects import ATTEMPT, INDEX
from backend.infra.database import utcnow
from backend.orchestration import attempts, log_follower, repairs
from backend.settings import Settings
from backend.state.causes import Cause
from backend.state.jobs import Attempt
from backend.state.retry_policy import settled_cause
from backend.state.statuses import JobStatus
from fake_kubernetes import FakeKubernetes
from training_support import add_job, log_of, make_context, running, settings, until
from trainyard_manifest import Resources

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def executor(kubernetes: FakeKubernetes, tmp_path: Path) -> KubernetesExecutor:
    return KubernetesExecutor(
        Settings.model_construct(
            trainer_job_template=tmp_path / "job.yaml",
            stop_grace_s=2,
            unschedulable_after_s=60,
        )
    )


@pytest.fixture
async def ctx(
    database_url: str,
    store: servers.S3Server,
    executor: KubernetesExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Context]:
    monkeypatch.setattr(log_follower, "LOOK_S", 0.05)
    monkeypatch.setattr(log_follower, "SUPERVISOR_S", 0)
    monkeypatch.setattr(log_follower, "PAUSE_S", 0)
    ctx = await make_context(settings(database_url, store, "127.0.0.1:1"), executor)
    async with running(ctx, "monitor"):
        yield ctx
    await ctx.db.close()


async def add_attempt(ctx: Context, **columns: Any) -> AttemptRef:
    """An attempt that was launched a minute ago, by a backend whose row says so."""
    ref = AttemptRef(await add_job(ctx, status=JobStatus.RUNNING, attempt=1), 1)
    at = utcnow() - timedelta(minutes=1)
    row = {"executor": "kubernetes", "token_sha256": "", "launched_at": at, **columns}
    async with ctx.db.transaction() as session:
        session.add(Attempt(job_id=ref.job_id, number=1, **row))
    return ref


def ended(ctx: Context, ref: AttemptRef) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return (await get_attempt(ctx, *ref)).ended_at is not None

    return look


def told(ctx: Context, ref: AttemptRef, state: str | None) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        with suppress(ExecutorUnavailableError):
            states = {seen.ref: seen.state for seen in await ctx.executor.list()}
            return states.get(ref) == state
        return False

    return look


async def sweep(ctx: Context) -> None:
    await repairs.sweep(ctx, utcnow())


@pytest.mark.parametrize("code", [143, 137])
async def test_a_job_deleted_by_hand_is_preempted_and_its_log_is_kept(
    ctx: Context, kubernetes: FakeKubernetes, code: int
) -> None:
    """Whatever looks at the attempt while the rest of its log is awaited."""
    ref = await add_attempt(ctx)
    pod = await kubernetes.run(ref)
    await until(told(ctx, ref, "running"), "the pod is seen")
    await kubernetes.remove("jobs", f"train-{ref.job_id}-1")
    await kubernetes.leave(pod)
    await kubernetes.print(pod, b"one\n")
    await until(lambda: _asked(kubernetes), "its log is read")
    await sweep(ctx)
    await kubernetes.exit(pod, code)
    await kubernetes.remove("pods", pod)
    await until(told(ctx, ref, "ended"), "its end is seen")
    await sweep(ctx)
    assert not await ended(ctx, ref)()
    await kubernetes.print(pod, b"two\n")
    await kubernetes.end_log(pod)
    await until(ended(ctx, ref), "its end is recorded")
    attempt = await get_attempt(ctx, *ref)
    assert (settled_cause(attempt), attempt.exit_code) == (Cause.PREEMPTED, code)
    assert await log_of(ctx, ref) == b"one\ntwo\n"
    await until(told(ctx, ref, None), "it is forgotten")


@pytest.mark.parametrize(
    ("label", "value"), [(INDEX, "999999999"), (INDEX, "first"), (ATTEMPT, "first")]
)
async def test_a_pod_that_somebody_labelled_stops_no_watch(
    ctx: Context, kubernetes: FakeKubernetes, label: str, value: str
) -> None:
    strange, ref = await add_attempt(ctx), await add_attempt(ctx)
    pod = kubernetes.kinds["pods"][await kubernetes.run(strange)]
    labels = pod["metadata"]["labels"] | {label: value}
    await kubernetes.put("pods", {**pod, "metadata": {**pod["metadata"], "labels": labels}})
    await kubernetes.run(ref)
    await until(told(ctx, ref, "running"), "another attempt is seen")
    if label == INDEX:  # else it is a pod of no attempt
        await kubernetes.exit(pod["metadata"]["name"], 3)
        await until(told(ctx, strange, "ended"), "its own end is seen")


@pytest.mark.parametrize("first", [0, 1])
async def test_of_two_pods_that_are_deleted_in_one_second_the_first_is_told(
    ctx: Context, kubernetes: FakeKubernetes, first: int
) -> None:
    """The Job's controller deletes the other one, which may have left before it."""
    ref = await add_attempt(ctx)
    pods = [(await kubernetes.run(ref, 2))[:-1] + str(node) for node in (first, 1 - first)]
    await until(told(ctx, ref, "running"), "the pods are seen")
    for pod in pods:
        await kubernetes.leave(pod)
    for pod in reversed(pods):
        await kubernetes.exit(pod, 143)
    await until(told(ctx, ref, "ended"), "their end is seen")
    [seen] = await ctx.executor.list()
    assert seen.message == f"Node {first} of 2: Its pod was deleted."


@pytest.mark.parametrize(("forget", "lists"), [(False, 1), (True, 2)])
async def test_a_watch_goes_on_from_where_another_ended(
    ctx: Context, kubernetes: FakeKubernetes, forget: bool, lists: int
) -> None:
    """With 10,000 Jobs, listing them takes a second of CPU."""
    first, second = await add_attempt(ctx), await add_attempt(ctx)
    pod = await kubernetes.run(first)
    await until(told(ctx, first, "running"), "the pod is seen")
    await kubernetes.end_watches(forget=forget)
    await kubernetes.exit(pod, 3)
    await kubernetes.run(second)
    await until(told(ctx, first, "ended"), "what happened between the watches is seen")
    await until(told(ctx, second, "running"), "and what came after it")
    assert kubernetes.listed.count("pods") == lists


async def _asked(kubernetes: FakeKubernetes) -> bool:
    return bool(kubernetes.log_queries)


async def test_a_job_deleted_while_another_log_is_awaited_is_preempted(
    ctx: Context, kubernetes: FakeKubernetes
) -> None:
    """The watch knows it, though nobody has looked yet."""
    first, second = await add_attempt(ctx), await add_attempt(ctx)
    awaited = await kubernetes.run(first)
    await kubernetes.print(awaited, b"one\n")
    await until(lambda: _asked(kubernetes), "its log is read")
    await kubernetes.exit(awaited, 0)
    await until(told(ctx, first, "ended"), "its end is seen")
    pod = await kubernetes.run(second)
    await until(told(ctx, second, "running"), "its Job is listed")
    await kubernetes.remove("jobs", f"train-{second.job_id}-1")
    await kubernetes.leave(pod)
    await sweep(ctx)
    assert not await ended(ctx, second)()
    for name in (awaited, pod):
        await kubernetes.end_log(name)
    await kubernetes.exit(pod, 143)
    await until(ended(ctx, second), "its end is recorded")
    assert settled_cause(await get_attempt(ctx, *second)) == Cause.PREEMPTED


async def test_a_replica_that_is_refused_leaves_the_job_that_another_has_made(
    kubernetes: FakeKubernetes, executor: KubernetesExecutor
) -> None:
    """A quota counts the first one's Job."""
    ref = AttemptRef("0123456789ab", 1)
    token = {"CALLBACK_TOKEN": "one"}
    spec = AttemptSpec(ref, "script:1", ["true"], token, Resources())
    await executor.launch(spec)
    kubernetes.full = True
    await executor.launch(spec)
    assert [*kubernetes.kinds["jobs"]] == [f"train-{ref.job_id}-1"]
    with pytest.raises(LaunchError, match="exceeded quota"):
        await executor.launch(replace(spec, ref=AttemptRef("ba9876543210", 1)))


async def test_several_nodes_wait_for_what_lets_no_stranger_reach_them(
    kubernetes: FakeKubernetes, executor: KubernetesExecutor
) -> None:
    ref = AttemptRef("0123456789ab", 1)
    spec = AttemptSpec(ref, "script:1", ["true"], {}, Resources(nodes=2))
    await executor.launch(spec)
    await executor.launch(spec)
    assert kubernetes.made == ["jobs", "networkpolicies", "secrets"]


async def test_an_end_is_told_until_somebody_has_recorded_it(
    kubernetes: FakeKubernetes, executor: KubernetesExecutor
) -> None:
    """The database may be away when it comes, which ends the watch and begins another."""
    ref = AttemptRef("0123456789ab", 1)
    pod = await kubernetes.run(ref)
    with pytest.raises(ExecutorUnavailableError):
        await executor.list()
    async with aclosing(executor.observe()) as observed:
        assert [seen.state for seen in await anext(observed)] == ["running"]
        await kubernetes.remove("jobs", f"train-{ref.job_id}-1")
        await kubernetes.exit(pod, 3)
        await kubernetes.remove("pods", pod)
        [ended] = await anext(observed)
        assert (ended.state, ended.exit_code) == ("ended", 3)
    async with aclosing(executor.observe()) as observed:
        assert await anext(observed) == [ended]
        assert await executor.list() == [ended]
        await executor.forget(ref)
        assert await executor.list() == []


async def test_a_cancel_is_answered_while_the_api_server_says_nothing(
    ctx: Context, kubernetes: FakeKubernetes
) -> None:
    ref = await add_attempt(ctx)
    pod = await kubernetes.run(ref)
    await until(told(ctx, ref, "running"), "the pod is seen")
    kubernetes.silent = True
    async with asyncio.timeout(5):
        assert await attempts.request_stop(ctx, ref.job_id)
    assert (await get_attempt(ctx, *ref)).stop_cause == Cause.CANCELLED
    await kubernetes.speak()
    await sweep(ctx)
    assert not kubernetes.kinds["jobs"]
    await kubernetes.end_log(pod)
    await kubernetes.exit(pod, 143)
    await until(ended(ctx, ref), "its end is recorded")
    assert settled_cause(await get_attempt(ctx, *ref)) == Cause.CANCELLED


def has_printed(ctx: Context, ref: AttemptRef, output: bytes) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return await log_of(ctx, ref) == output

    return look


async def test_the_log_of_a_plain_trainer_is_live_and_says_what_is_missing(
    ctx: Context, kubernetes: FakeKubernetes
) -> None:
    ref = await add_attempt(ctx)
    pod = await kubernetes.run(ref)
    await kubernetes.print(pod, b"one\n")
    await until(has_printed(ctx, ref, b"one\n"), "the first line is there while it runs")
    rest = b"two\n" + b"x" * 200_000 + b"\n"
    await kubernetes.print(pod, rest, dropped=False)
    await until(has_printed(ctx, ref, b"one\n" + rest), "the rest is there once, after an outage")
    await kubernetes.print(pod, b"lost\n", dropped=True)
    await kubernetes.print(pod, b"three\n")
    whole = b"one\n" + rest + log_follower.DROPPED + b"three\n"
    await until(has_printed(ctx, ref, whole), "what is missing is said")
    await kubernetes.print(pod, b"lost\n", dropped=True)
    await kubernetes.remove("pods", pod)
    await until(ended(ctx, ref), "its end is recorded")
    assert await log_of(ctx, ref) == whole + log_follower.CUT


async def test_a_log_that_is_too_long_to_be_read_has_its_beginning_and_its_end(
    ctx: Context, kubernetes: FakeKubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_follower, "LAST_WORDS_S", 0.3)
    monkeypatch.setattr(log_follower, "LAST_LINES", 2)
    ref = await add_attempt(ctx)
    pod = await kubernetes.run(ref)
    kubernetes.slow = True
    await kubernetes.print(pod, b"one\ntwo\nthree\nfour\n")
    await kubernetes.end_log(pod)
    await until(has_printed(ctx, ref, b"one\n"), "its beginning is there")
    await kubernetes.exit(pod, 0)
    await until(ended(ctx, ref), "its end is recorded")
    assert await log_of(ctx, ref) == b"one\n" + log_follower.DROPPED + b"three\nfour\n"


async def test_the_log_of_a_trainer_with_a_supervisor_is_left_to_it(
    ctx: Context, kubernetes: FakeKubernetes
) -> None:
    ref = await add_attempt(ctx, seq=1)
    async with ctx.db.transaction() as session:
        write = log_repository.LogWrite("", 0, b"sent\n")
        await log_repository.append(session, {ref.job_id: write}, 100)
    pod = await kubernetes.run(ref)
    await kubernetes.print(pod, b"printed\n")
    await until(told(ctx, ref, "running"), "the pod is seen")
    await kubernetes.exit(pod, 0)
    await until(ended(ctx, ref), "its end is recorded")
    assert await log_of(ctx, ref) == b"sent\n"
    assert kubernetes.log_queries == []
