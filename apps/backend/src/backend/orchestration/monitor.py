"""Watches attempts from outside: which have ended, which must be stopped, which have vanished.

It looks at how things are, never at what it has missed, so it may be ended and started anywhere,
and several replicas may run it at once.
"""

import asyncio
import logging
import time
from datetime import datetime, timedelta

from backend.context import Context
from backend.executors.base import AttemptRef, ExecutorUnavailableError, Observation
from backend.infra.database import utcnow
from backend.orchestration import repository
from backend.orchestration.attempts import end, leave_behind
from backend.orchestration.unsent_log import keep_log
from backend.state.causes import Cause

logger = logging.getLogger(__name__)

SWEEP_S = 2.0
# Comparing lists of thousands of attempts may take so much of the time: `watch` tells of ends at once.
COMPARE_SHARE = 0.05
# A launched attempt that the executor does not list by then is lost.
LISTED_AFTER = timedelta(seconds=10)
# So long between two sweeps: this process slept, or the database was away.
GAP = timedelta(seconds=10)
# An end is signalled when it is recorded, and again if that is not settled by then.
SETTLED_AFTER = timedelta(seconds=2)


async def watch(ctx: Context) -> None:
    """Record each end as the executor sees it, and tell what an attempt waits for."""
    waiting: set[AttemptRef] = set()
    async for observations in ctx.executor.observe():
        for seen in observations:
            if seen.state == "ended":
                await keep_log(ctx, seen.ref)
                await end(ctx, seen)
                await _quietly_forget(ctx, seen.ref)
                waiting.discard(seen.ref)
            elif seen.message is not None or seen.ref in waiting:
                await _explain(ctx, seen)
                waiting.add(seen.ref)


async def _explain(ctx: Context, seen: Observation) -> None:
    async with ctx.db.transaction() as session:
        await repository.record_waiting(session, seen.ref, seen.message)
    await ctx.bus.publish(seen.ref.job_id)


async def sweep_forever(ctx: Context) -> None:
    listening_since = last = utcnow()
    compare_at = 0.0
    while True:
        if utcnow() - last > GAP:
            # HeartbeatIngest could not arrive in between: nobody is silent before they could again.
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
    await _resignal(ctx)
    await _stop_late(ctx, listening_since)
    try:
        await _repeat_stops(ctx)
        if compare:
            await _compare(ctx)
    except ExecutorUnavailableError as error:
        # `observe` warns of it, once.
        logger.debug("%s", error)


async def _resignal(ctx: Context) -> None:
    async with ctx.db.reading() as session:
        refs = await repository.unsettled(session, utcnow() - SETTLED_AFTER)
    for ref in refs:
        if not await ctx.temporal.attempt_ended(*ref):
            return


async def _stop_late(ctx: Context, listening_since: datetime) -> None:
    listened = utcnow() - listening_since
    silence = timedelta(seconds=ctx.settings.heartbeat_timeout_s)
    stall = timedelta(seconds=ctx.settings.stall_timeout_s)
    async with ctx.db.transaction() as session:
        await repository.stop_overdue(session)
        if listened > silence:
            await repository.stop_silent(session, utcnow() - silence)
        if listened > stall:
            await repository.stop_stalled(session, utcnow() - stall)


async def _repeat_stops(ctx: Context) -> None:
    async with ctx.db.reading() as session:
        stopping = await repository.stopping(session, ctx.executor.name)
    for ref, since in stopping:
        passed = (utcnow() - since).total_seconds()
        await ctx.executor.stop(ref, max(0.0, ctx.settings.stop_grace_s - passed))


async def _compare(ctx: Context) -> None:
    """Hold what the executor lists against the attempts that the database has as open."""
    before = utcnow() - LISTED_AFTER
    listed = {seen.ref: seen for seen in await ctx.executor.list()}
    async with ctx.db.reading() as session:
        opened = await repository.open_attempts(session)
    for ref, (executor, launched_at) in opened.items():
        if executor != ctx.executor.name:
            await leave_behind(ctx, ref, executor)
        elif ref not in listed and launched_at is not None and launched_at < before:
            await end(ctx, Observation(ref, "ended", cause=Cause.NODE_LOST))
    for ref, seen in listed.items():
        if ref in opened:
            continue
        if seen.state == "running":
            logger.warning("job %s: attempt %d runs though it has ended; stopping it", *ref)
            await ctx.executor.stop(ref, ctx.settings.stop_grace_s)
        else:
            await ctx.executor.forget(ref)


async def _quietly_forget(ctx: Context, ref: AttemptRef) -> None:
    try:
        await ctx.executor.forget(ref)
    except ExecutorUnavailableError as error:
        logger.warning("job %s: attempt %d is forgotten later: %s", *ref, error)
