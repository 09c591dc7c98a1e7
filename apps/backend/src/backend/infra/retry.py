"""Retries forever with backoff and logging."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential

logger = logging.getLogger(__name__)


def forever(what: str, *errors: type[Exception], traceback: bool = False) -> AsyncRetrying:
    """A retrier: call it with a coroutine function and its arguments; it repeats while `errors` are raised.

    Args:
        what: logged with the error before each pause.
        errors: which exceptions are waited out; any other is raised.
        traceback: whether the log shows where the error came from.
    """

    def say(state: RetryCallState) -> None:
        if being_cancelled():
            raise asyncio.CancelledError
        error = state.outcome.exception() if state.outcome else None
        logger.warning("%s: %s", what, error, exc_info=error if traceback else None)

    return AsyncRetrying(
        retry=retry_if_exception_type(errors),
        wait=wait_exponential(multiplier=0.1, max=2),
        before_sleep=say,
    )


def being_cancelled() -> bool:
    """Whether this task was told to end: an error that cleaning up raised then is no reason to go on."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def always(name: str, work: Callable[[], Awaitable[Any]]) -> None:
    """Run `work`; should it fail, say so and start it again."""

    async def run() -> None:
        await work()

    what = f"the background task {name!r} failed and starts again"
    await forever(what, Exception, traceback=True)(run)
