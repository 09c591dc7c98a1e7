"""Stores the output of trainers without a supervisor, as the executor reads it.

An attempt's `log_time` says up to where: of several replicas that read the same, one stores it, and
a backend that starts goes on from there.
"""

import asyncio
import logging
from contextlib import aclosing, suppress
from datetime import datetime

from backend.callbacks import log_repository
from backend.callbacks.log_repository import LogWrite
from backend.context import Context
from backend.executors.base import AttemptRef, ExecutorUnavailableError
from backend.infra.retry import every, forever
from backend.orchestration import repository

logger = logging.getLogger(__name__)

LOOK_S = 2.0
# A supervisor says by then that it is there, and sends its output itself.
SUPERVISOR_S = 3.0
# Another replica reads the same; this one looks after it.
OTHER_REPLICA_S = 60.0
# The rest of the output of an attempt that has ended is waited for.
LAST_WORDS_S = 3.0
LAST_LINES = 20_000
# Between two reads of one log: whoever prints without end takes no more than a share of the time.
PAUSE_S = 0.2
# As trainers send it: a reader of the log reads whole chunks.
LOG_CHUNK_BYTES = 2**20

DROPPED = (
    b"[trainyard] Output is missing here: it was more than could be read, or its node dropped it.\n"
)
CUT = b"[trainyard] What followed is missing: its pod or its node went before it was read.\n"


class LogFollower:
    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._following: dict[AttemptRef, asyncio.Task[None]] = {}
        # Attempts whose output came to its end.
        self._complete: set[AttemptRef] = set()

    async def run(self) -> None:
        """Follow every log that nobody sends, for ever."""
        if self._ctx.executor.echoes_logs:
            return  # its trainers all have a supervisor
        try:
            await forever("following logs", Exception, every, LOOK_S, self._look)
        finally:
            for task in self._following.values():
                task.cancel()

    async def _look(self) -> None:
        async with self._ctx.db.reading() as session:
            unsent = await repository.unsent_logs(session, self._ctx.executor.name)
        for ref, task in list(self._following.items()):
            if ref not in unsent or task.done():
                self._following.pop(ref).cancel()
        for ref in unsent.keys() - self._following.keys():
            self._following[ref] = asyncio.create_task(self._follow(ref, unsent[ref]))

    async def finish(self, ref: AttemptRef) -> None:
        """Store the rest of what an attempt has printed, and say if that is not to be had."""
        if task := self._following.pop(ref, None):
            await asyncio.wait({task}, timeout=LAST_WORDS_S)
            task.cancel()
        async with self._ctx.db.reading() as session:
            if not await repository.is_unsent(session, ref):
                return
        # Where that takes too long, the log has its beginning, and its end tells most.
        for last_lines in (None, LAST_LINES):
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORDS_S):
                    await self._follow(ref, await self._stored(ref), last_lines, live=False)
            if ref in self._complete:
                break
        since = await self._stored(ref)
        if ref not in self._complete and since is not None:
            await self._store(ref, since, since, CUT, live=False)
        self._complete.discard(ref)

    async def _stored(self, ref: AttemptRef) -> str | None:
        """The time of the last line that is stored."""
        async with self._ctx.db.reading() as session:
            return (await repository.existing_attempt(session, ref)).log_time

    async def _follow(
        self,
        ref: AttemptRef,
        since: str | None,
        last_lines: int | None = None,
        *,
        live: bool = True,
    ) -> None:
        """Store what an attempt prints after `since`, until it has ended."""
        stored, known = since, since is None
        try:
            async with aclosing(self._ctx.executor.log(ref, since, last_lines)) as output:
                async for lines in output:
                    new = lines
                    if since is not None and stored == since:
                        # The last line that was stored is among them, if the node still has it.
                        known = known or any(time == since for time, _ in lines)
                        new = [line for line in lines if _order(line[0]) > _order(since)]
                    if not new:
                        continue
                    self._complete.discard(ref)
                    if stored is None and live:
                        await asyncio.sleep(SUPERVISOR_S)
                    data = (b"" if known else DROPPED) + b"".join(text for _, text in new)
                    if not await self._store(ref, stored, new[-1][0], data, live=live):
                        await asyncio.sleep(OTHER_REPLICA_S if live else 0)
                        return
                    stored, known = new[-1][0], True
                    await asyncio.sleep(PAUSE_S if live else 0)
            if stored is not None:
                self._complete.add(ref)
        except ExecutorUnavailableError as error:
            logger.debug("job %s: the log of attempt %d is not (all) there: %s", *ref, error)

    async def _store(
        self, ref: AttemptRef, since: str | None, time: str, data: bytes, *, live: bool
    ) -> bool:
        """Append to the log; False: somebody else has, or it has ended."""
        limit = self._ctx.settings.log_limit_bytes
        async with self._ctx.db.transaction() as session:
            job = await repository.locked_job(session, ref.job_id)
            if job is None:
                return False
            attempt = await repository.existing_attempt(session, ref)
            received = job.log_size - attempt.log_base
            ours = attempt.log_time == since and not (live and attempt.seq is not None)
            if not ours or (since is None and received) or attempt.ended_at:
                return False
            for offset in range(0, len(data), LOG_CHUNK_BYTES):
                part = data[offset : offset + LOG_CHUNK_BYTES]
                write = LogWrite(attempt.token_sha256, received + offset, part)
                await log_repository.append(session, {ref.job_id: write}, limit)
            attempt.log_time = time
        await self._ctx.bus.publish(ref.job_id)
        return True


def _order(time: str) -> tuple[datetime, str]:
    # Nodes name their own zone, and nanoseconds, which `datetime` lacks.
    return datetime.fromisoformat(time), time
