"""What repeats for ever ends when it is cancelled."""

import asyncio

from backend.infra.retry import always


async def test_a_cancel_that_ends_in_an_error_is_not_retried() -> None:
    began = asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError("the connection broke while it was closed")

    task = asyncio.create_task(always("work", work))
    await began.wait()
    task.cancel()
    await asyncio.wait({task}, timeout=10)
    assert task.cancelled()
