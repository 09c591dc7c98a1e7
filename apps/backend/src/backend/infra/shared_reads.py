"""One reading of the database for all who ask for the same at about the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")

# Whoever is woken by the same news asks within it.
GATHER_S = 0.005


class SharedReads:
    def __init__(self) -> None:
        # Those that have not begun: who joins one is told of everything until now.
        self._waiting: dict[Hashable, asyncio.Task[Any]] = {}

    async def get(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """What `read` returns, called once for all who ask with this `key`; it begins after all have asked.

        Raises whatever `read` raises.
        """
        task: asyncio.Task[T] | None = self._waiting.get(key)
        if task is None:
            task = self._waiting[key] = asyncio.create_task(self._read(key, read))
            # If all have left, nobody hears of an error.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        # One who leaves takes it from nobody.
        return await asyncio.shield(task)

    async def _read(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        try:
            await asyncio.sleep(GATHER_S)
        finally:
            del self._waiting[key]
        return await read()
