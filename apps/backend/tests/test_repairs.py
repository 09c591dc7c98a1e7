"""The sweep's rules, on both databases, one look at a time."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import servers
from api_support import get_attempt, get_job, set_attempt, shift_clock
from backend.callbacks import log_repository
from backend.callbacks.heartbeats import LATE_S
from backend.context import Context
from backend.executors.base import AttemptRef, ExecutorUnavailableError, Observation
from backend.infra.database import utcnow
from backend.infra.loop_lag import LoopLag
from backend.orchestration import attempts, repairs, repository
from backend.state.causes import Cause
from backend.state.jobs import ATTACHED, Attempt
from backend.state.statuses import ACTIVE, JobStatus
from backend.state.tokens import sha256
from backend.temporal.client import Temporal
from backend.temporal.workflows import Launched
from redis_support import redis
from redis_support import running as running_bus
from sqlalchemy import text
from training_support import (
    ScriptedExecutor,
    add_job,
    make_context,
    settings,
    until,
)

pytestmark = pytest.mark.databases("postgresql")

LONG_AGO = timedelta(hours=1)


@pytest.fixture
def executor() -> ScriptedExecutor:
    executor = ScriptedExecutor()
    executor.obedient = False
    return executor


@pytest.fixture
async def ctx(
    database_url: str, store: servers.S3Server, executor: ScriptedExecutor
) -> AsyncIterator[Context]:
    # Nothing listens there: what is recorded must not depend on Temporal.
    ctx = await make_context(settings(database_url, store, "127.0.0.1:1"), executor)
    yield ctx
    await ctx.db.close()


async def add_running(
    ctx: Context, executor: ScriptedExecutor, columns: dict[str, Any] | None = None, **job: Any
) -> AttemptRef:
    """A job whose attempt was launched an hour ago and runs."""
    at = utcnow() - LONG_AGO
    values = {"status": JobStatus.RUNNING, "attempt": 1, "started_at": at, **job}
    ref = AttemptRef(await add_job(ctx, **values), 1)
    given = {
        name: utcnow() - value if isinstance(value, timedelta) else value
        for name, value in (columns or {}).items()
    }
    row = {"executor": "subprocess", "token_sha256": "", "launched_at": at, **given}
    async with ctx.db.transaction() as session:
        session.add(Attempt(job_id=ref.job_id, number=1, **row))
    executor.attempts[ref] = Observation(ref, "running")
    return ref


@pytest.mark.parametrize("number", [1, 2])
async def test_each_attempt_that_waits_for_a_debugger_says_so(ctx: Context, number: int) -> None:
    status = JobStatus.QUEUED if number == 1 else JobStatus.RETRYING
    job_id = await add_job(ctx, debug=True, status=status, attempt=number - 1)
    for _ in range(2):
        await attempts.launch(ctx, job_id)
    port = (await get_attempt(ctx, job_id, number)).debug_port
    job = await get_job(ctx, job_id)
    again = " again" * (number > 1)
    assert job.message == (
        f"Attempt {number} opens a debug port and waits{again}: "
        f"attach a debugger to 127.0.0.1:{port} where it runs, or cancel the job."
    )
    async with ctx.db.reading() as session:
        log = await log_repository.read(session, job, 0, 1000)
    assert log.data.decode() == f"\n[trainyard] {job.message}\n"


async def sweep(ctx: Context, listening_since: datetime | None = None) -> None:
    await repairs.sweep(ctx, listening_since or utcnow() - 2 * LONG_AGO)


# Durations are times before the test runs.
NOW = timedelta(0)
SILENT = {"seq": 5, "heartbeat_at": LONG_AGO, "progress_at": NOW}
STALLED = {"seq": 5, "heartbeat_at": NOW, "progress_at": LONG_AGO}
WELL = {"seq": 5, "heartbeat_at": NOW, "progress_at": NOW}
CANCELLED = {"stop_cause": Cause.CANCELLED, "stop_requested_at": NOW}
# A script that sends a heartbeat an epoch promises none in between.
SEEDS_SCRIPT = {"heartbeat_at": timedelta(minutes=20), "progress_at": timedelta(minutes=20)}


@pytest.mark.databases("sqlite", "postgresql")
@pytest.mark.parametrize(
    ("columns", "job", "cause"),
    [
        (SILENT, {}, Cause.HEARTBEAT_LOST),
        (STALLED, {}, Cause.STALLED),
        ({}, {}, Cause.STALLED),
        (WELL, {"max_duration_s": 60}, Cause.DEADLINE_EXCEEDED),
        (WELL, {"max_duration_s": 7200}, None),
        (WELL, {}, None),
        (SEEDS_SCRIPT, {}, None),
        (SILENT, {"debug": True}, None),
        (STALLED, {"debug": True}, None),
        (WELL, {"debug": True, "max_duration_s": 60}, None),
    ],
)
async def test_who_is_stopped(
    ctx: Context,
    executor: ScriptedExecutor,
    columns: dict[str, Any],
    job: dict[str, Any],
    cause: Cause | None,
) -> None:
    ref = await add_running(ctx, executor, columns, **job)
    await sweep(ctx)
    assert (await get_attempt(ctx, *ref)).stop_cause == cause
    assert [stopped for stopped, _ in executor.stops] == ([ref] if cause else [])


@pytest.mark.databases("sqlite", "postgresql")
@pytest.mark.parametrize(
    ("columns", "ends", "cause"),
    [
        (SILENT, True, Cause.HEARTBEAT_LOST),
        (SILENT | CANCELLED, True, Cause.CANCELLED),
        (WELL | CANCELLED, False, Cause.CANCELLED),
        (WELL, False, None),
    ],
)
async def test_an_attached_script_ends_when_it_is_silent_and_never_for_an_executor(
    ctx: Context,
    executor: ScriptedExecutor,
    columns: dict[str, Any],
    ends: bool,
    cause: Cause | None,
) -> None:
    ref = await add_running(ctx, executor, {"executor": ATTACHED, **columns}, max_attempts=1)
    executor.attempts.clear()
    await sweep(ctx)
    attempt = await get_attempt(ctx, *ref)
    assert (attempt.stop_cause, attempt.ended_at is not None) == (cause, ends)
    if ends:
        assert (await attempts.settle(ctx, *ref)).final
        assert (await get_attempt(ctx, *ref)).cause == cause


@pytest.mark.databases("postgresql")
async def test_a_replica_whose_clock_is_ahead_stops_nobody(
    ctx: Context, executor: ScriptedExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = await add_running(ctx, executor, WELL)
    shift_clock(monkeypatch, 25)
    await sweep(ctx)
    assert (await get_attempt(ctx, *ref)).stop_cause is None


@pytest.mark.databases("sqlite", "postgresql")
async def test_nobody_is_silent_before_heartbeats_could_arrive(
    ctx: Context, executor: ScriptedExecutor
) -> None:
    ref = await add_running(ctx, executor, SILENT)
    await sweep(ctx, utcnow() - timedelta(seconds=ctx.settings.heartbeat_timeout_s - 5))
    assert (await get_attempt(ctx, *ref)).stop_cause is None


async def test_nobody_is_silent_for_a_replica_that_is_late(
    ctx: Context, executor: ScriptedExecutor
) -> None:
    twice = timedelta(seconds=2 * ctx.settings.heartbeat_timeout_s)
    ref = await add_running(ctx, executor, SILENT | {"heartbeat_at": twice})
    ctx.lag.seconds = 4 * LATE_S
    await sweep(ctx)
    assert (await get_attempt(ctx, *ref)).stop_cause is None
    # It has caught up: trainers that it told to take their time have theirs.
    ctx.lag.seconds = 0
    await sweep(ctx)
    assert (await get_attempt(ctx, *ref)).stop_cause is None
    async with asyncio.timeout(60):
        while (await get_attempt(ctx, *ref)).stop_cause is None:
            await sweep(ctx)
    assert (await get_attempt(ctx, *ref)).stop_cause == Cause.HEARTBEAT_LOST


@pytest.mark.databases("sqlite", "postgresql")
@pytest.mark.parametrize(("more_s", "named"), [(60, None), (-1, Cause.HEARTBEAT_LOST)])
async def test_nobody_is_silent_whom_a_late_replica_told_to_take_its_time(
    ctx: Context, executor: ScriptedExecutor, more_s: float, named: Cause | None
) -> None:
    patience = {"patience_s": LONG_AGO.total_seconds() + more_s}
    ref = await add_running(ctx, executor, SILENT | patience)
    await sweep(ctx)
    assert (await get_attempt(ctx, *ref)).stop_cause == named


async def test_nobody_is_silent_who_may_wait_at_another_replica_that_is_late(
    ctx: Context, executor: ScriptedExecutor, tmp_path: Path
) -> None:
    twice = timedelta(seconds=2 * ctx.settings.heartbeat_timeout_s)
    ref = await add_running(ctx, executor, SILENT | {"heartbeat_at": twice})
    port = servers.free_port()
    url = f"redis://127.0.0.1:{port}"
    with redis(tmp_path, port):
        async with running_bus(url) as here, running_bus(url) as there:
            late, other = replace(ctx, bus=there, lag=LoopLag()), replace(ctx, bus=here)
            late.lag.seconds = 4 * LATE_S
            async with asyncio.timeout(60):
                while not here.lag:  # a replica that has just connected may miss the first
                    await sweep(late)
            await sweep(other)
            assert (await get_attempt(ctx, *ref)).stop_cause is None
            late.lag.seconds = 0
            here.lag = 60.0  # the most that Redis can say
            async with asyncio.timeout(60):
                while (await get_attempt(ctx, *ref)).stop_cause is None:
                    await sweep(other)
    assert (await get_attempt(ctx, *ref)).stop_cause == Cause.HEARTBEAT_LOST


async def test_a_stop_is_repeated_with_what_is_left_of_the_grace(
    ctx: Context, executor: ScriptedExecutor
) -> None:
    asked = {"stop_cause": Cause.CANCELLED, "stop_requested_at": utcnow() - timedelta(seconds=1)}
    ref = await add_running(ctx, executor, asked)
    await sweep(ctx)
    [(stopped, grace_s)] = executor.stops
    assert stopped == ref
    assert 0 < grace_s <= 1


async def test_an_attempt_whose_stop_hangs_holds_up_no_other(
    ctx: Context, executor: ScriptedExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repairs, "PROMPT_S", 0.05)
    asked = {"stop_cause": Cause.CANCELLED, "stop_requested_at": utcnow()}
    refs = [await add_running(ctx, executor, asked) for _ in range(3)]
    over = await add_running(ctx, executor, {"ended_at": utcnow()})
    executor.deaf = {refs[1]}
    await sweep(ctx)
    assert {stopped for stopped, _ in executor.stops} == {refs[0], refs[2], over}


@pytest.mark.databases("sqlite")
async def test_an_end_is_signalled_again_after_pauses_that_grow(
    ctx: Context, executor: ScriptedExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workflow takes 10,000 signals: within a day one that does not settle would have had them."""
    ended = {"ended_at": LONG_AGO, "exit_code": 0}
    stuck, refused = [await add_running(ctx, executor, ended) for _ in range(2)]
    now, sent = 1000.0, dict[AttemptRef, list[float]]()

    async def attempt_ended(_: Temporal, job_id: str, number: int) -> bool:
        ref = AttemptRef(job_id, number)
        sent.setdefault(ref, []).append(now)
        return ref != refused

    monkeypatch.setattr(Temporal, "attempt_ended", attempt_ended)
    monkeypatch.setattr(repairs, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(repairs, "LONGEST_PAUSE_S", 16)
    for _ in range(40):
        await repairs._repeat_signals(ctx)
        now += repairs.SWEEP_S
    assert len(sent[refused]) == 40, "one that did not arrive is no signal, and holds up no other"
    times = sent[stuck]
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses[:4] == [2, 4, 8, 16]
    assert set(pauses[4:]) == {16}
    await set_attempt(ctx, stuck.job_id, cause=Cause.COMPLETED)
    await repairs._repeat_signals(ctx)
    assert stuck not in repairs._signalled


async def test_an_attempt_that_vanished(ctx: Context, executor: ScriptedExecutor) -> None:
    ref = await add_running(ctx, executor, WELL)
    del executor.attempts[ref]
    executor.away = True
    await sweep(ctx)
    assert (await get_attempt(ctx, *ref)).ended_at is None
    executor.away = False
    await sweep(ctx)
    attempt = await get_attempt(ctx, *ref)
    assert attempt.ended_at is not None
    assert attempt.observed_cause == Cause.NODE_LOST


async def test_an_attempt_that_was_just_launched_has_not_vanished(
    ctx: Context, executor: ScriptedExecutor
) -> None:
    for launched_at in (None, utcnow()):
        ref = await add_running(ctx, executor, {"launched_at": launched_at})
        del executor.attempts[ref]
        await sweep(ctx)
        assert (await get_attempt(ctx, *ref)).ended_at is None


@pytest.mark.parametrize(
    ("told", "cause"),
    [({"epoch": 0}, Cause.PREEMPTED), ({"phase": "prepare"}, Cause.LAUNCH_FAILED)],
)
@pytest.mark.parametrize("recorded", [False, True])
async def test_an_attempt_on_the_executor_of_before(
    ctx: Context, executor: ScriptedExecutor, told: dict[str, Any], cause: Cause, recorded: bool
) -> None:
    """Also where the backend of before has seen it end; one that never ran was not preempted."""
    columns = {"executor": "kubernetes", "progress_at": NOW, **told}
    ref = await add_running(ctx, executor, columns, max_attempts=1)
    if recorded:
        await attempts.end(ctx, Observation(ref, "ended", exit_code=143))
    del executor.attempts[ref]
    await sweep(ctx)
    assert (await attempts.settle(ctx, *ref)).delay_s is not None
    attempt = await get_attempt(ctx, *ref)
    assert attempt.cause == cause
    assert "TRAINING_MODE=kubernetes" in (attempt.message or "")
    assert attempt.left_behind


async def test_a_launch_that_the_executor_of_before_did_not_confirm(
    ctx: Context, executor: ScriptedExecutor
) -> None:
    """The next backend launches that very attempt: nothing of it has run."""
    job_id = await add_job(ctx)
    executor.away = True
    with pytest.raises(ExecutorUnavailableError):
        await attempts.launch(ctx, job_id)
    before = await get_attempt(ctx, job_id)
    later = ScriptedExecutor("kubernetes")
    switched = replace(ctx, executor=later)
    await sweep(switched)
    assert await attempts.launch(switched, job_id) == Launched(1, ended=False)
    attempt = await get_attempt(ctx, job_id)
    assert (attempt.executor, attempt.ended_at) == ("kubernetes", None)
    assert [sha256(spec.env["CALLBACK_TOKEN"]) for spec in later.specs] == [attempt.token_sha256]
    assert attempt.token_sha256 != before.token_sha256
    job = await get_job(ctx, job_id)
    assert (job.status, job.attempt, job.message) == (JobStatus.PREPARING, 1, None)


async def test_what_runs_though_it_has_ended_is_stopped(
    ctx: Context, executor: ScriptedExecutor
) -> None:
    ref = await add_running(ctx, executor, {"ended_at": utcnow()})
    await sweep(ctx)
    assert [stopped for stopped, _ in executor.stops] == [ref]
    executor.finish(ref)
    await sweep(ctx)
    assert executor.attempts == {}


@pytest.mark.databases("postgresql")
async def test_what_an_attempt_waits_for_and_its_launch_are_noted_at_the_same_time(
    ctx: Context, executor: ScriptedExecutor
) -> None:
    """By two replicas: neither may hold what the other waits for."""
    ref = await add_running(ctx, executor, {"launched_at": None}, status=JobStatus.PREPARING)

    async def confirm() -> None:
        async with ctx.db.transaction() as session:
            await repository.confirm_launch(session, ref)

    async def blocked() -> bool:
        async with ctx.db.reading() as session:
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            return bool(await session.scalar(text(waiting)))

    async with asyncio.TaskGroup() as group, ctx.db.transaction() as session:
        await repository.set_message(session, ref.job_id, "no node has room", *ACTIVE)
        group.create_task(confirm())
        await until(blocked, "the launch waits for the job")
        await repository.record_waiting(session, ref, None)
    attempt = await get_attempt(ctx, ref.job_id)
    assert attempt.launched_at is not None
