"""What repeats for ever ends when it is cancelled."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import pytest
from backend.callbacks.batching import WriteBatcher
from backend.infra.retry import always


def repeated(work: Callable[[], Awaitable[None]]) -> list[Awaitable[None]]:
    return [always("work", work)]


def batched(work: Callable[[], Awaitable[None]]) -> list[Awaitable[None]]:
    async def write(_items: Mapping[str, int]) -> Mapping[str, int]:
        await work()
        return {}

    batcher = WriteBatcher[int, int](write, 1)
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
