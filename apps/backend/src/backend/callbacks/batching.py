"""Batches writes: one commit costs as much as ten row updates."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, NamedTuple, TypeVar

from backend.infra.loop_lag import LoopLag
from backend.infra.retry import being_cancelled

logger = logging.getLogger(__name__)

# The replies to one batch bring the next: without a pause its first item would go alone.
GATHER_S = 0.002
BETWEEN_S = 0.01
# Where the loop is late anyway, batches are further apart: one of a hundred costs less than ten of ten.
LONGEST_BETWEEN_S = 0.1

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Entry(NamedTuple, Generic[Item, Result]):
    job_id: str
    item: Item
    since: float
    result: "asyncio.Future[Result | None]"


class WriteBatcher(Generic[Item, Result]):
    """Collects items while a batch is being written; each caller waits until its own is committed.

    Args:
        write: writes items of different jobs, durably; returns the results of those that it wrote.
        at_most: items of one batch.
        lag: is told how long a batch has waited for the one before it.
    """

    def __init__(
        self,
        write: Callable[[Mapping[str, Item]], Awaitable[Mapping[str, Result]]],
        at_most: int,
        lag: LoopLag,
    ) -> None:
        self._write = write
        self._at_most = at_most
        self._lag = lag
        self._waiting: list[_Entry[Item, Result]] = []
        self._arrived = asyncio.Event()

    async def write(self, job_id: str, item: Item) -> Result | None:
        """Write one item; None: it was not written. Raises what the whole batch's write raised."""
        result: asyncio.Future[Result | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Entry(job_id, item, time.monotonic(), result))
        self._arrived.set()
        return await result

    async def run(self) -> None:
        """Write batches forever."""
        earliest, between = 0.0, BETWEEN_S
        while True:
            await self._arrived.wait()
            await asyncio.sleep(max(GATHER_S, earliest - time.monotonic()))
            self._arrived.clear()
            batch = self._take()
            oldest = next(iter(batch.values()))
            self._lag.note(time.monotonic() - oldest.since - between)
            between = min(max(BETWEEN_S, 2 * self._lag.usual), LONGEST_BETWEEN_S)
            earliest = time.monotonic() + between
            try:
                results = await self._write({job_id: one.item for job_id, one in batch.items()})
            except BaseException as error:
                for one in batch.values():
                    if not one.result.done():
                        one.result.set_exception(error)
                if being_cancelled() or not isinstance(error, Exception):
                    raise
                logger.warning("callbacks of %d trainers were not written: %s", len(batch), error)
            else:
                for job_id, one in batch.items():
                    if not one.result.done():  # its client may have gone
                        one.result.set_result(results.get(job_id))

    def _take(self) -> dict[str, _Entry[Item, Result]]:
        """The next batch, with one item per job: an UPDATE changes a row once."""
        batch: dict[str, _Entry[Item, Result]] = {}
        rest = []
        for one in self._waiting:
            if len(batch) < self._at_most and one.job_id not in batch:
                batch[one.job_id] = one
            else:
                rest.append(one)
        self._waiting = rest
        if rest:
            self._arrived.set()
        return batch
