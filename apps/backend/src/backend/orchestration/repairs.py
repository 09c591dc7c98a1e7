"""Repairs what was interrupted: late attempts, lost signals and stops, missing workflows.

Each repair looks at how things are, never at what it has missed. It may be ended and started
anywhere, and several replicas may run it at once.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from backend.callbacks.heartbeats import LATE_S
from backend.context import Context
from backend.executors.base import AttemptRef, ExecutorUnavailableError, Observation
from backend.infra.database import PROMPT_S, utcnow
from backend.infra.wakeups import LAG
from backend.orchestration import repository
from backend.orchestration.attempts import end, leave_behind
from backend.state.causes import Cause
from backend.state.datasets import Dataset
from backend.state.jobs import Job

logger = logging.getLogger(__name__)

SWEEP_S = 2.0
# Comparing thousands of attempts takes at most this share of the time; the monitor records ends at once.
COMPARE_SHARE = 0.05
# A launched attempt that the executor does not list by then is lost.
LISTED_AFTER = timedelta(seconds=10)
# More than this between two sweeps: the process slept, or the database was away.
GAP = timedelta(seconds=10)
# Between two sweeps: a second of lag is forgotten in half a minute, when all trainers were heard again.
LAG_FADE = 0.8
# So many timeouts are longer than a late replica lets a trainer wait.
MOST_PATIENCE = 5.0
# An end is signalled when it is recorded, and again if that is not settled by then.
SETTLED_AFTER = timedelta(seconds=2)
# Between two signals of one end. A workflow takes 10,000 of them.
LONGEST_PAUSE_S = 600.0
# When this process signalled an end that is not settled yet, and how long it waits to repeat that.
_signalled: dict[AttemptRef, tuple[float, float]] = {}
# Longer than any delay between two attempts: a job that has waited this long has lost its workflow.
STALE_AFTER = timedelta(seconds=30)
# More at once, and on a slow machine none is answered in time.
STARTS_AT_ONCE = 10


async def sweep_forever(ctx: Context) -> None:
    listening_since = last = utcnow()
    compare_at = 0.0
    while True:
        if utcnow() - last > GAP:
            # No heartbeat could arrive in between: silence counts from now on.
            listening_since = utcnow()
        last = utcnow()
        began = time.monotonic()
        await sweep(ctx, listening_since, compare=began >= compare_at)
        if began >= compare_at:
            ended = time.monotonic()
            compare_at = ended + (ended - began) / COMPARE_SHARE
        await asyncio.sleep(SWEEP_S)


async def sweep(ctx: Context, listening_since: datetime, *, compare: bool = True) -> None:
    """One look at everything; `listening_since`: from when on heartbeats could have come in."""
    await ctx.db.read_clock()
    await _repeat_signals(ctx)
    await _stop_late_attempts(ctx, listening_since)
    try:
        await _repeat_stops(ctx)
        if compare:
            await _compare_with_executor(ctx)
    except ExecutorUnavailableError as error:
        # `observe` warns of it, once.
        logger.debug("%s", error)


async def _repeat_signals(ctx: Context) -> None:
    async with ctx.db.reading() as session:
        refs = set(await repository.unsettled(session, utcnow() - SETTLED_AFTER))
    for ref in _signalled.keys() - refs:
        del _signalled[ref]

    async def repeat(ref: AttemptRef) -> None:
        if await ctx.temporal.attempt_ended(*ref):
            _, pause = _signalled.get(ref, (0, SWEEP_S / 2))
            _signalled[ref] = time.monotonic(), min(2 * pause, LONGEST_PAUSE_S)

    now = time.monotonic()
    await asyncio.gather(
        *(repeat(ref) for ref in refs if now >= sum(_signalled.get(ref, (0.0, 0.0))))
    )


async def _stop_late_attempts(ctx: Context, listening_since: datetime) -> None:
    listened = utcnow() - listening_since
    # What a replica that is late does not hear is its own fault, whichever looks for the silent.
    if ctx.lag.seconds > LATE_S:
        await ctx.bus.publish(f"{LAG}{ctx.lag.seconds}")
    ctx.bus.lag = max(ctx.lag.seconds, ctx.bus.lag * LAG_FADE)
    patience = min(max(1.0, ctx.bus.lag / LATE_S), MOST_PATIENCE)
    silence = timedelta(seconds=ctx.settings.heartbeat_timeout_s) * patience
    stall = timedelta(seconds=ctx.settings.stall_timeout_s)
    async with ctx.db.transaction() as session:
        await repository.stop_overdue(session)
        if listened > silence:
            await repository.stop_silent(session, utcnow() - silence)
            await repository.end_silent_scripts(session, utcnow() - silence)
        if listened > stall:
            await repository.stop_stalled(session, utcnow() - stall)


async def _repeat_stops(ctx: Context) -> None:
    async with ctx.db.reading() as session:
        stopping = await repository.stopping(session, ctx.executor.name)
    left = ctx.settings.stop_grace_s
    await _side_by_side(
        ctx.executor.stop(ref, max(0.0, left - (utcnow() - since).total_seconds()))
        for ref, since in stopping
    )


async def _compare_with_executor(ctx: Context) -> None:
    """Hold what the executor lists against the attempts that the database has as open."""
    before = utcnow() - LISTED_AFTER
    listed = {observation.ref: observation for observation in await ctx.executor.list()}
    async with ctx.db.reading() as session:
        opened = await repository.open_attempts(session)
    ends: list[Awaitable[object]] = []
    for ref, (executor, launched_at) in opened.items():
        if launched_at is None:
            continue  # its workflow launches it, here
        if executor != ctx.executor.name:
            ends.append(leave_behind(ctx, ref))
        elif ref not in listed and launched_at < before:
            ends.append(end(ctx, Observation(ref, "ended", cause=Cause.NODE_LOST)))
    await asyncio.gather(*ends)
    rests = []
    for ref, observation in listed.items():
        if ref in opened:
            continue
        if observation.state == "running":
            logger.warning("job %s: attempt %d runs though it has ended; stopping it", *ref)
            rests.append(ctx.executor.stop(ref, ctx.settings.stop_grace_s))
        else:
            rests.append(ctx.executor.forget(ref))
    await _side_by_side(rests)


async def _side_by_side(calls: Iterable[Awaitable[None]]) -> None:
    """Make each call to the executor on its own; the next sweep repeats what was not done in time."""

    async def make(call: Awaitable[None]) -> None:
        with suppress(ExecutorUnavailableError, TimeoutError):  # `observe` warns of it, once
            async with asyncio.timeout(PROMPT_S):
                await call

    await asyncio.gather(*map(make, calls))


async def start_workflows(ctx: Context) -> None:
    """Start every missing workflow once; Temporal refuses those that do run."""
    stale = utcnow() - STALE_AFTER
    async with ctx.db.reading() as session:
        jobs = await repository.jobs_without_workflow(session, stale)
        datasets = await repository.datasets_without_workflow(session, stale)
    turns = asyncio.Semaphore(STARTS_AT_ONCE)

    async def start(
        start_workflow: Callable[[str], Awaitable[bool]], table: type[Job | Dataset], id_: str
    ) -> None:
        async with turns:
            if await start_workflow(id_):
                async with ctx.db.transaction() as session:
                    await repository.mark_workflow_started(session, table, id_)

    await asyncio.gather(
        *(start(ctx.temporal.start_training, Job, job_id) for job_id in jobs),
        *(start(ctx.temporal.start_check, Dataset, id_) for id_ in datasets),
    )
