"""What Kueue says of Jobs in its queues: its part is played, by Workloads as its sources make them."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import kueue_workloads as kueue
import pytest
import servers
from api_support import get_attempt, get_job
from backend.context import Context
from backend.executors.base import AttemptRef, Observation
from backend.executors.kubernetes import watch
from backend.executors.kubernetes.client import KubernetesApi
from backend.executors.kubernetes.executor import KubernetesExecutor
from backend.infra.database import utcnow
from backend.infra.wakeups import wait_and_clear
from backend.orchestration import log_follower
from backend.settings import Settings
from backend.state.causes import Cause
from backend.state.jobs import Attempt
from backend.state.retry_policy import settled_cause
from backend.state.statuses import JobStatus
from fake_kubernetes import FakeKubernetes
from training_support import add_job, make_context, running, settings, until

pytestmark = pytest.mark.databases("sqlite")

REF, OTHER = AttemptRef("0123456789ab", 1), AttemptRef("ba9876543210", 1)
NAME = "train-0123456789ab-1"
Conditions = dict[str, tuple[str, str, str]]
QUEUE = "queue team-vision"


@pytest.fixture
def executor(kubernetes: FakeKubernetes, tmp_path: Path) -> KubernetesExecutor:
    return KubernetesExecutor(
        Settings.model_construct(
            trainer_job_template=tmp_path / "job.yaml",
            stop_grace_s=2,
            unschedulable_after_s=2,
            kueue=True,
        )
    )


@pytest.fixture
async def ctx(
    database_url: str,
    store: servers.S3Server,
    executor: KubernetesExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Context]:
    monkeypatch.setattr(log_follower, "SUPERVISOR_S", 0)
    monkeypatch.setattr(log_follower, "LAST_WORDS_S", 0.3)
    ctx = await make_context(settings(database_url, store, "127.0.0.1:1"), executor)
    async with running(ctx, "monitor"):
        yield ctx
    await ctx.db.close()


@asynccontextmanager
async def observed(
    executor: KubernetesExecutor,
) -> AsyncIterator[Callable[[AttemptRef, str], Awaitable[None]]]:
    """Yields what waits until this is said of an attempt."""
    async with aclosing(executor.observe()) as observing:

        async def told(ref: AttemptRef, message: str) -> None:
            async with asyncio.timeout(10):
                async for observations in observing:
                    if any(one.ref == ref and one.message == message for one in observations):
                        return

        yield told


async def add_attempt(ctx: Context) -> AttemptRef:
    ref = AttemptRef(await add_job(ctx, status=JobStatus.PREPARING, attempt=1), 1)
    row = {"executor": "kubernetes", "token_sha256": "", "launched_at": utcnow()}
    async with ctx.db.transaction() as session:
        session.add(Attempt(job_id=ref.job_id, number=1, **row))
    return ref


def says(ctx: Context, ref: AttemptRef, message: str | None) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return (await get_job(ctx, ref.job_id)).message == message

    return look


async def end_of(ctx: Context, ref: AttemptRef) -> Attempt:
    async def ended() -> bool:
        return (await get_attempt(ctx, *ref)).ended_at is not None

    await until(ended, "its end is recorded", 10)
    return await get_attempt(ctx, *ref)


async def test_a_job_from_the_queue_to_a_preemption(
    ctx: Context, kubernetes: FakeKubernetes
) -> None:
    """Each word is there within 5 s, on the row that page, command line and API read."""
    before, ref, high = [await add_attempt(ctx) for _ in range(3)]
    await kubernetes.queue(before, kueue.WAITS_FOR_QUOTA)
    await kubernetes.queue(ref, kueue.WAITS_FOR_QUOTA)
    waits = "waits for 4 GPUs of its quota."
    await until(says(ctx, ref, f"Place 2 in {QUEUE}: {waits}"), "its place", 5)
    await kubernetes.queue(before, kueue.ADMITTED)
    await until(says(ctx, ref, f"Place 1 in {QUEUE}: {waits}"), "it has moved up", 5)
    kubernetes.blind = {"team-vision"}
    await until(says(ctx, ref, f"In {QUEUE}: {waits}"), "no place is told any more", 5)
    await kubernetes.queue(ref, kueue.ADMITTED)
    pod = await kubernetes.run(ref)
    await until(says(ctx, ref, None), "it runs", 5)
    await kubernetes.queue(high, kueue.ADMITTED, priority="high")
    await kubernetes.queue(ref, kueue.preempted_by(f"train-{high.job_id}-1"))
    await kubernetes.leave(pod)
    await kubernetes.end_log(pod)
    began = time.monotonic()
    await kubernetes.exit(pod, 143)
    attempt = await end_of(ctx, ref)
    assert time.monotonic() - began < 5
    assert settled_cause(attempt) == Cause.PREEMPTED
    why = "prioritization in the ClusterQueue."
    assert attempt.message == f"Preempted by job {high.job_id} (priority high): {why}"

    async def gone() -> bool:
        return f"train-{ref.job_id}-1" not in kubernetes.kinds["jobs"]

    await until(gone, "its Job leaves the queue: Kueue would start the ended attempt again", 5)


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        (
            kueue.preempted_by("of-another-namespace"),
            "by a workload that is no job of this platform: prioritization in the ClusterQueue.",
        ),
        (
            kueue.NOT_READY,
            "quota back (PodsReadyTimeout): Exceeded the PodsReady timeout platform/job-train.",
        ),
    ],
)
async def test_why_a_place_was_taken_away(
    ctx: Context, kubernetes: FakeKubernetes, conditions: Conditions, message: str
) -> None:
    ref = await add_attempt(ctx)
    pod = await kubernetes.run(ref)
    await kubernetes.queue(ref, conditions)
    await kubernetes.remove("pods", pod)
    attempt = await end_of(ctx, ref)
    assert settled_cause(attempt) == Cause.PREEMPTED
    assert (attempt.message or "").endswith(message)


async def test_what_can_never_be_admitted_says_so_and_ends(
    ctx: Context, kubernetes: FakeKubernetes
) -> None:
    ref = await add_attempt(ctx)
    message = "Queue team-vision can never take it: asks for 16 GPUs, and the most is 12."
    began = time.monotonic()
    await kubernetes.queue(ref, kueue.TOO_MUCH)
    await until(says(ctx, ref, message), "it says so", 2)
    attempt = await end_of(ctx, ref)
    assert time.monotonic() - began > 2, "an administrator has this long to add quota"
    assert (settled_cause(attempt), attempt.message) == (Cause.UNSCHEDULABLE, message)
    assert kubernetes.kinds["jobs"] == {}


async def test_quota_that_is_added_in_time_ends_nothing(
    kubernetes: FakeKubernetes, executor: KubernetesExecutor
) -> None:
    await kubernetes.queue(REF, kueue.TOO_MUCH)
    told: list[Observation] = []
    async with aclosing(executor.observe()) as observed:
        with suppress(TimeoutError):
            async with asyncio.timeout(4):
                async for observations in observed:
                    told += observations
                    if len(told) == 1:
                        await kubernetes.queue(REF, kueue.WAITS_FOR_QUOTA)
    assert {one.state for one in told} == {"running"}
    assert told[-1].message == f"Place 1 in {QUEUE}: waits for 4 GPUs of its quota."


async def test_only_the_first_of_a_queue_have_places(
    ctx: Context, kubernetes: FakeKubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each that moves is a row that is written."""
    monkeypatch.setattr(watch, "_FIRST", {"limit": "1"})
    refs = [await add_attempt(ctx) for _ in range(2)]
    for ref in refs:
        await kubernetes.queue(ref, kueue.NOT_LOOKED_AT)
    await until(says(ctx, refs[0], f"Place 1 in {QUEUE}: waits for its turn."), "the first", 5)
    await until(says(ctx, refs[1], f"In {QUEUE}: waits for its turn."), "the second", 5)


async def test_without_kueue_in_the_cluster_jobs_are_watched_all_the_same(
    ctx: Context, kubernetes: FakeKubernetes
) -> None:
    del kubernetes.kinds["workloads"]
    ref = await add_attempt(ctx)
    pod = await kubernetes.run(ref)
    job = kubernetes.kinds["jobs"][f"train-{ref.job_id}-1"]
    await kubernetes.put("jobs", {**job, "spec": {"suspend": True}})
    await kubernetes.remove("pods", pod)
    attempt = await end_of(ctx, ref)
    assert (settled_cause(attempt), attempt.message) == (Cause.PREEMPTED, "Its pod was deleted.")
    assert kubernetes.listed.count("workloads") == 1  # a warning each


def stranger(name: str, *left_out: str, **metadata: Any) -> dict[str, Any]:
    """A Workload of another team's Job, which lacks what it may."""
    made = kueue.workload(name, kueue.NOT_LOOKED_AT, queue=None)
    made["metadata"] |= metadata
    return {key: value for key, value in made.items() if key not in left_out}


@pytest.mark.parametrize(
    ("kind", "item"),
    [
        ("workloads", stranger("theirs")),
        ("workloads", stranger(NAME)),
        ("workloads", stranger("theirs", "spec")),
        ("workloads", stranger(NAME, "spec", "status")),
        ("workloads", stranger("theirs", ownerReferences=[])),
        ("workloads", stranger("theirs", "spec", "status", labels=None, ownerReferences=None)),
        ("workloads", {**stranger(NAME), "status": {"conditions": [{}]}}),
        ("events", {"metadata": {"name": "of-nothing"}, "involvedObject": {"kind": "Job"}}),
    ],
)
async def test_what_strangers_leave_in_the_namespace_ends_no_watch(
    kubernetes: FakeKubernetes,
    executor: KubernetesExecutor,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    item: dict[str, Any],
) -> None:
    """Listed, and then watched."""
    monkeypatch.setattr(watch, "PLACES_S", 0.05)
    await kubernetes.put(kind, item)
    await kubernetes.queue(OTHER, kueue.WAITS_FOR_QUOTA)
    async with observed(executor) as told:
        await told(OTHER, f"Place 1 in {QUEUE}: waits for 4 GPUs of its quota.")
        await kubernetes.put(kind, item)
        await kubernetes.queue(OTHER, kueue.STOPPED)
        await told(OTHER, f"Place 1 in {QUEUE}: LocalQueue team-vision is inactive.")
    assert kubernetes.listed.count("jobs") == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b'{"items": null}',
        b'{"items": [null]}',
        b'{"items": [{"metadata": null}]}',
        b'{"items": [{"metadata": {"ownerReferences": [{"name": 1}]}}]}',
        b'{"items": [{"metadata": {}, "positionInLocalQueue": "1"}]}',
    ],
)
async def test_whatever_is_told_of_places_ends_no_watch(
    kubernetes: FakeKubernetes,
    executor: KubernetesExecutor,
    monkeypatch: pytest.MonkeyPatch,
    answer: bytes,
) -> None:
    monkeypatch.setattr(watch, "PLACES_S", 0.05)
    kubernetes.odd = [answer]
    await kubernetes.queue(OTHER, kueue.WAITS_FOR_QUOTA)
    async with observed(executor) as told:
        await told(OTHER, f"Place 1 in {QUEUE}: waits for 4 GPUs of its quota.")
    assert kubernetes.listed.count("jobs") == 1


async def test_without_kueue_nothing_wakes_who_observes(
    kubernetes: FakeKubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "PLACES_S", 0.05)
    api = KubernetesApi("platform")
    watched = watch.AttemptWatch(api, with_kueue=False)
    following = asyncio.create_task(watched.follow())
    while not (watched.listed and "events" in kubernetes.listed):
        await wait_and_clear(watched.woken, 0.5)
    await wait_and_clear(watched.woken, 0.5)
    began = time.monotonic()
    await wait_and_clear(watched.woken, 0.5)
    assert time.monotonic() - began > 0.4
    following.cancel()
    await asyncio.wait({following})
    await api.close()
