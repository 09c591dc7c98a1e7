"""Wake-ups: "something new for job X", to every live stream on every replica.

A wake-up carries no data: its receiver reads the database. A lost one only delays. In place of a
job's id a replica that is late says by how much.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

from redis.asyncio import Redis
from redis.exceptions import RedisError

from backend.infra.retry import forever

CHANNEL = "trainyard:jobs"
SAFETY_POLL_S = 2.0
# Subscribed to in place of a job's id: wake-ups for all of them.
EVERY_JOB = ""
LAG = "lag="


async def wait_and_clear(event: asyncio.Event, within_s: float | None) -> None:
    """Return once `event` is set, or after `within_s`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await event.wait()
    event.clear()


class WakeupBus:
    """Within the process directly, between replicas through Redis when `redis_url` is given."""

    def __init__(self, redis_url: str | None = None) -> None:
        self._subscriptions: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        connect = partial(Redis.from_url, socket_connect_timeout=5, health_check_interval=15)
        self._redis: Redis | None = connect(redis_url) if redis_url else None
        self._unsent: set[str] = set()
        self._something_unsent = asyncio.Event()
        # The worst lag in seconds of any replica; whoever reads it lets it fade.
        self.lag = 0.0
        self.closed = False

    async def check(self) -> None:
        """Raise RedisError or OSError unless Redis answers; without one there is nothing to ask."""
        if self._redis is not None:
            await self._redis.ping()

    async def publish(self, *job_ids: str) -> None:
        """Wake every subscriber of these jobs. Never waits for Redis and never fails."""
        for job_id in job_ids:
            self._wake(job_id)
        if self._redis is not None:
            self._unsent.update(job_ids)
            self._something_unsent.set()

    @asynccontextmanager
    async def subscribe(self, job_id: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """What is yielded returns at the next wake-up, or after `SAFETY_POLL_S` in case one was lost.

        Wake-ups that arrive while its caller is busy become one.
        """
        woken = asyncio.Event()
        self._subscriptions[job_id].add(woken)
        try:
            yield partial(wait_and_clear, woken, SAFETY_POLL_S)
        finally:
            self._subscriptions[job_id].discard(woken)
            if not self._subscriptions[job_id]:
                del self._subscriptions[job_id]

    def close(self) -> None:
        """End every live stream: subscribers wake and see `closed`."""
        self.closed = True
        for job_id in self._subscriptions:
            self._wake(job_id)

    async def run(self) -> None:
        """Carry wake-ups to and from the other replicas, riding out Redis' absence."""
        if self._redis is None:
            return
        try:
            async with asyncio.TaskGroup() as group:
                away = "Redis (REDIS_URL) is away", (RedisError, OSError)
                for work in (self._send, self._receive):
                    group.create_task(forever(*away, work, self._redis))
        finally:
            await self._redis.aclose()

    def _wake(self, job_id: str) -> None:
        for subscribed in (job_id, EVERY_JOB):
            for woken in self._subscriptions.get(subscribed, ()):
                woken.set()

    async def _send(self, redis: Redis) -> None:
        while True:
            await self._something_unsent.wait()
            self._something_unsent.clear()
            job_ids, self._unsent = self._unsent, set()
            await redis.publish(CHANNEL, " ".join(job_ids))

    async def _receive(self, redis: Redis) -> None:
        async with redis.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe(CHANNEL)
            async for message in pubsub.listen():
                for told in message["data"].decode().split():
                    if told.startswith(LAG):
                        # Whatever Redis says, it fades.
                        self.lag = max(self.lag, min(60.0, float(told.removeprefix(LAG))))
                    self._wake(told)
