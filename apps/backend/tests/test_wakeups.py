"""Wake-ups between replicas, through a real Redis that comes and goes."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import servers
from backend.infra.wakeups import SAFETY_POLL_S, WakeupBus
from redis_support import redis, running


async def woken(
    publisher: WakeupBus, subscription: Callable[[], Awaitable[None]], job_id: str
) -> None:
    """Publish until it arrives: a replica that has just connected may have missed the first."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        await publisher.publish(job_id)
        began = time.monotonic()
        await subscription()
        if time.monotonic() - began < SAFETY_POLL_S / 2:
            return
    raise AssertionError("the other replica was not woken")


async def test_replicas_wake_each_other_and_outlive_redis(tmp_path: Path) -> None:
    port = servers.free_port()
    url = f"redis://127.0.0.1:{port}"
    async with running(url) as here, running(url) as there, here.subscribe("a") as listener:
        with redis(tmp_path, port):
            await woken(there, listener, "a")
        began = time.monotonic()
        await here.publish("a")
        await listener()
        assert time.monotonic() - began < 0.5, "without Redis the own process is woken all the same"
        with redis(tmp_path, port):
            await woken(there, listener, "a")


async def test_only_the_job_s_own_subscribers_wake_and_none_is_kept() -> None:
    bus = WakeupBus()
    async with bus.subscribe("a") as mine, bus.subscribe("b") as other:
        await bus.publish("a", "a")
        async with asyncio.timeout(30):
            await mine()
        assert not any(woken.is_set() for woken in bus._subscriptions["b"])
        bus.close()
        async with asyncio.timeout(30):
            await other()
    assert bus._subscriptions == {}
