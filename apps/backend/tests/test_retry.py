"""What repeats for ever ends when it is cancelled, and only then."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from itertools import pairwise

import pytest
from backend.callbacks.batching import WriteBatcher
from backend.infra.loop_lag import LoopLag
from backend.infra.retry import always


def repeated(work: Callable[[], Awaitable[None]]) -> list[Awaitable[None]]:
    return [always("work", work)]


def batched(work: Callable[[], Awaitable[None]]) -> list[Awaitable[None]]:
    async def write(_items: Mapping[str, int]) -> Mapping[str, int]:
        await work()
        return {}

    batcher = WriteBatcher[int, int](write, 1, LoopLag())
    return [batcher.run(), batcher.write("a", 1)]  # type: ignore[list-item]


@pytest.mark.parametrize("forms", [repeated, batched])
async def test_a_cancel_that_ends_in_an_error_is_not_retried(
    forms: Callable[[Callable[[], Awaitable[None]]], list[Awaitable[None]]],
) -> None:
    began = asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError("the connection broke while it was closed")

    running = [asyncio.ensure_future(form) for form in forms(work)]
    async with asyncio.timeout(60):
        await began.wait()
    running[0].cancel()
    await asyncio.wait(running, timeout=10)
    assert all(one.done() for one in running)
    for one in running:
        one.cancelled() or one.exception()


async def test_a_group_of_tasks_that_failed_is_repeated() -> None:
    begun = 0
    done = asyncio.Event()

    async def fails_at_first() -> None:
        nonlocal begun
        begun += 1
        if begun < 3:
            raise OSError("the server is not there yet")
        done.set()
        await asyncio.Event().wait()

    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fails_at_first())
            group.create_task(asyncio.Event().wait())

    running = asyncio.ensure_future(always("work", work))
    async with asyncio.timeout(10):
        await asyncio.wait(
            [running, asyncio.ensure_future(done.wait())], return_when="FIRST_COMPLETED"
        )
    assert not running.done()
    running.cancel()
    await asyncio.wait([running], timeout=10)
    assert running.cancelled()


@pytest.mark.parametrize(("usual_lag_s", "apart_s"), [(0, 0.01), (0.02, 0.04), (1, 0.1)])
async def test_batches_of_a_replica_that_is_late_are_further_apart(
    usual_lag_s: float, apart_s: float
) -> None:
    written: list[float] = []

    async def write(_items: Mapping[str, int]) -> Mapping[str, int]:
        written.append(time.monotonic())
        return {}

    lag = LoopLag()
    lag.usual = usual_lag_s
    batcher = WriteBatcher[int, int](write, 1, lag)
    running = asyncio.create_task(batcher.run())
    async with asyncio.timeout(60):
        for _ in range(3):
            await batcher.write("a", 1)
    assert all(later - one >= apart_s for one, later in pairwise(written))
    running.cancel()


async def test_a_write_that_waits_for_the_one_before_it_is_late() -> None:
    written = asyncio.Event()

    async def write(_items: Mapping[str, int]) -> Mapping[str, int]:
        await written.wait()
        return {}

    lag = LoopLag()
    batcher = WriteBatcher[int, int](write, 1, lag)
    running = asyncio.create_task(batcher.run())
    async with asyncio.timeout(60):
        first, second = (asyncio.create_task(batcher.write(job, 1)) for job in "ab")
        await asyncio.sleep(0.3)
        assert lag.seconds < 0.2
        written.set()
        await asyncio.gather(first, second)
    assert lag.seconds > 0.2
    running.cancel()
