"""Watches the executor: records which attempts have ended, their unsent logs, and what they wait for."""

import asyncio
import logging
from contextlib import aclosing

from backend.callbacks import log_repository
from backend.callbacks.log_repository import LogWrite
from backend.context import Context
from backend.executors.base import AttemptRef, ExecutorUnavailableError, Observation
from backend.orchestration import repository
from backend.orchestration.attempts import end
from backend.state.jobs import Attempt, Job

logger = logging.getLogger(__name__)

# As trainers send it: a reader of the log reads whole chunks.
LOG_CHUNK_BYTES = 2**20


async def watch(ctx: Context) -> None:
    """Record each end as the executor sees it, and tell what an attempt waits for."""
    waiting: set[AttemptRef] = set()
    async with aclosing(ctx.executor.observe()) as observed:
        async for observations in observed:
            news = []
            for seen in observations:
                if seen.state == "ended":
                    news.append(_record_end(ctx, seen))
                    waiting.discard(seen.ref)
                elif seen.message is not None or seen.ref in waiting:
                    news.append(_record_waiting(ctx, seen))
                    waiting.add(seen.ref)
            # At once: each end also waits for Temporal, which may say nothing.
            await asyncio.gather(*news)


async def _record_end(ctx: Context, seen: Observation) -> None:
    await keep_log(ctx, seen.ref)
    await end(ctx, seen)
    await _quietly_forget(ctx, seen.ref)


async def _record_waiting(ctx: Context, observation: Observation) -> None:
    async with ctx.db.transaction() as session:
        await repository.record_waiting(session, observation.ref, observation.message)
    await ctx.bus.publish(observation.ref.job_id)


async def _quietly_forget(ctx: Context, ref: AttemptRef) -> None:
    try:
        await ctx.executor.forget(ref)
    except ExecutorUnavailableError as error:
        logger.warning("job %s: attempt %d is forgotten later: %s", *ref, error)


async def keep_log(ctx: Context, ref: AttemptRef) -> None:
    """Store what an attempt printed, unless its supervisor has sent it. Not after its end."""
    async with ctx.db.reading() as session:
        attempt, job = await session.get(Attempt, ref), await session.get(Job, ref.job_id)
    if attempt is None or job is None or job.log_size != attempt.log_base:
        return
    output = await ctx.executor.log(ref)
    if not output:
        return
    limit = ctx.settings.log_limit_bytes
    async with ctx.db.transaction() as session:
        for offset in range(0, len(output), LOG_CHUNK_BYTES):
            write = LogWrite(
                attempt.token_sha256, offset, output[offset : offset + LOG_CHUNK_BYTES]
            )
            # Nothing is appended where the end is recorded already.
            await log_repository.append(session, {ref.job_id: write}, limit)
    await ctx.bus.publish(ref.job_id)
