"""Work that goes on for ever: repeated, and retried with backoff and logging."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential

logger = logging.getLogger(__name__)


async def forever(
    what: str,
    errors: type[Exception] | tuple[type[Exception], ...],
    work: Callable[..., Awaitable[Any]],
    *arguments: Any,
    traceback: bool = False,
) -> Any:
    """What `work` returns, called with `arguments`, and again while it raises `errors`.

    Args:
        what: logged with the error before each pause.
        errors: which exceptions are waited out; any other is raised.
        work: what to call.
        arguments: of it.
        traceback: whether the log shows where the error came from.
    """

    def say(state: RetryCallState) -> None:
        if being_cancelled():
            raise asyncio.CancelledError
        error = state.outcome.exception() if state.outcome else None
        logger.warning("%s: %s", what, error, exc_info=error if traceback else None)

    async def once() -> Any:
        # A task of its own: a TaskGroup that failed leaves its cancel counted on the task that it
        # is in (Python 3.11 and 3.12), which would then look cancelled for ever.
        return await asyncio.ensure_future(work(*arguments))

    retrying = AsyncRetrying(
        retry=retry_if_exception_type(errors),
        wait=wait_exponential(multiplier=0.1, max=2),
        before_sleep=say,
    )
    return await retrying(once)


def being_cancelled() -> bool:
    """Whether this task was told to end: an error that cleaning up raised then is no reason to go on."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def every(pause_s: float, work: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
    """Call `work` with `arguments` for ever, with a pause in between."""
    while True:
        await work(*arguments)
        await asyncio.sleep(pause_s)


async def always(name: str, work: Callable[[], Awaitable[Any]]) -> None:
    """Run `work`; should it fail, say so and start it again."""
    what = f"the background task {name!r} failed and starts again"
    await forever(what, Exception, work, traceback=True)
