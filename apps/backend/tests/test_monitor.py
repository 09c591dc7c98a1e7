"""What the watch makes of what the executor tells: ends, output that nobody sent, reasons to wait."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Literal

import pytest
import servers
from api_support import get_attempt
from backend.callbacks import log_repository
from backend.context import Context
from backend.executors.base import AttemptRef, Observation
from backend.infra.database import utcnow
from backend.orchestration import monitor, repository
from backend.orchestration.log_follower import LogFollower
from backend.state.causes import Cause
from backend.state.jobs import Attempt, Job
from backend.state.statuses import JobStatus
from backend.state.tokens import sha256
from training_support import (
    ScriptedExecutor,
    add_job,
    log_of,
    make_context,
    settings,
    until,
)

pytestmark = pytest.mark.databases("postgresql")

TOKEN = sha256("t")


@pytest.fixture
def executor() -> ScriptedExecutor:
    return ScriptedExecutor()


@pytest.fixture
async def ctx(
    database_url: str, store: servers.S3Server, executor: ScriptedExecutor
) -> AsyncIterator[Context]:
    ctx = await make_context(settings(database_url, store, "127.0.0.1:1"), executor)
    watching = asyncio.create_task(monitor.watch(ctx))
    yield ctx
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    await ctx.db.close()


async def add_attempt(ctx: Context) -> AttemptRef:
    """The second attempt of a job whose first has printed 5 bytes."""
    columns = {"status": JobStatus.PREPARING, "attempt": 2, "log_size": 5}
    ref = AttemptRef(await add_job(ctx, **columns), 2)
    row = {"executor": "subprocess", "token_sha256": TOKEN, "launched_at": utcnow(), "log_base": 5}
    async with ctx.db.transaction() as session:
        session.add(Attempt(job_id=ref.job_id, number=2, **row))
    return ref


async def ended(ctx: Context, executor: ScriptedExecutor, ref: AttemptRef) -> None:
    executor.finish(ref)
    await until(lambda: _has_ended(ctx, ref), "its end is recorded")


async def _is_there(read: Callable[[], Awaitable[str]]) -> bool:
    return await read() != ""


async def _has_ended(ctx: Context, ref: AttemptRef) -> bool:
    return (await get_attempt(ctx, *ref)).ended_at is not None


async def test_output_that_nobody_sent(ctx: Context, executor: ScriptedExecutor) -> None:
    ref = await add_attempt(ctx)
    executor.outputs[ref] = b"line\n" * 400_000
    await ended(ctx, executor, ref)
    assert await log_of(ctx, ref) == executor.outputs[ref]
    await LogFollower(ctx).finish(ref)
    assert await log_of(ctx, ref) == executor.outputs[ref]


async def test_output_that_a_supervisor_sent(ctx: Context, executor: ScriptedExecutor) -> None:
    ref = await add_attempt(ctx)
    executor.outputs[ref] = b"sent\nand not sent\n"
    async with ctx.db.transaction() as session:
        part = log_repository.LogWrite(TOKEN, 0, b"sent\n")
        await log_repository.append(session, {ref.job_id: part}, limit=2**20)
    await ended(ctx, executor, ref)
    assert await log_of(ctx, ref) == b"sent\n"


@pytest.mark.parametrize("state", ["ended", "running"])
async def test_words_of_others_are_made_harmless(
    ctx: Context, executor: ScriptedExecutor, state: Literal["ended", "running"]
) -> None:
    ref = await add_attempt(ctx)
    words = "\x1b[2J\u202egnihton\x85" + "x" * 5_000_000
    executor.tell(Observation(ref, state, message=words))

    async def told() -> str:
        async with ctx.db.reading() as session:
            job = await session.get_one(Job, ref.job_id)
        return job.message or (await get_attempt(ctx, *ref)).message or ""

    await until(lambda: _is_there(told), "the words are in a row")
    message = await told()
    assert message.startswith("\ufffd[2J\ufffdgnihton\ufffdxxx")
    assert len(message) <= 4000


async def test_what_it_waits_for(ctx: Context, executor: ScriptedExecutor) -> None:
    """The user reads it, and waiting for a place is no stall, however long."""
    ref = await add_attempt(ctx)
    for message in ("No node has room.", None):
        executor.tell(Observation(ref, "running", message=message))

        async def shown(expected: str | None = message) -> bool:
            async with ctx.db.reading() as session:
                return (await session.get_one(Job, ref.job_id)).message == expected

        await until(shown, f"the user reads {message}")
        async with ctx.db.transaction() as session:
            await repository.stop_stalled(session, utcnow())
        stopped = (await get_attempt(ctx, *ref)).stop_cause
        assert stopped == (None if message else Cause.STALLED)


@pytest.mark.parametrize("before", ["nothing", "heartbeat", "wait"])
async def test_a_job_has_started_unless_it_says_what_it_waits_for(
    ctx: Context, before: str
) -> None:
    """Whatever came in before its launch was confirmed."""
    ref = AttemptRef(await add_job(ctx, status=JobStatus.PREPARING, attempt=1, message=None), 1)
    beat = {"progress_at": utcnow(), "heartbeat_at": utcnow()} if before == "heartbeat" else {}
    row = {"executor": "subprocess", "token_sha256": TOKEN, **beat}

    async def job() -> Job:
        async with ctx.db.reading() as session:
            return await session.get_one(Job, ref.job_id)

    async with ctx.db.transaction() as session:
        session.add(Attempt(job_id=ref.job_id, number=1, **row))
    async with ctx.db.transaction() as session:
        if before == "wait":
            await repository.record_waiting(session, ref, "Waits for 1 GPU.")
        await repository.confirm_launch(session, ref)
    if before == "wait":
        assert ((await job()).message, (await job()).started_at) == ("Waits for 1 GPU.", None)
        async with ctx.db.transaction() as session:
            await repository.record_waiting(session, ref, None)
    assert (await job()).message is None
    assert (await job()).started_at is not None
