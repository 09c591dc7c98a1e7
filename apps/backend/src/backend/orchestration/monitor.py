"""Watches the executor: records which attempts have ended, their unsent logs, and what they wait for."""

import asyncio
from contextlib import aclosing

from backend.context import Context
from backend.executors.base import AttemptRef, Observation
from backend.orchestration import repository
from backend.orchestration.attempts import end, try_now
from backend.orchestration.log_follower import LogFollower


async def watch(ctx: Context) -> None:
    """Record each end as the executor sees it, and tell what an attempt waits for."""
    logs, waiting = LogFollower(ctx), set[AttemptRef]()
    following = asyncio.create_task(logs.run())
    try:
        async with aclosing(ctx.executor.observe()) as observed:
            async for observations in observed:
                news = []
                for seen in observations:
                    if seen.state == "ended":
                        news.append(_record_end(ctx, logs, seen))
                        waiting.discard(seen.ref)
                    elif seen.message is not None or seen.ref in waiting:
                        news.append(_record_waiting(ctx, seen))
                        waiting.add(seen.ref)
                # At once: each end also waits for Temporal, which may say nothing.
                await asyncio.gather(*news)
    finally:
        following.cancel()


async def _record_end(ctx: Context, logs: LogFollower, seen: Observation) -> None:
    await logs.finish(seen.ref)
    await end(ctx, seen)
    await try_now(seen.ref, "forgotten", ctx.executor.forget(seen.ref))


async def _record_waiting(ctx: Context, observation: Observation) -> None:
    async with ctx.db.transaction() as session:
        await repository.record_waiting(session, observation.ref, observation.message)
    await ctx.bus.publish(observation.ref.job_id)
