"""Log ingest: writes of many jobs share a transaction; each is answered after its commit."""

from collections.abc import Mapping

from backend.callbacks import log_repository
from backend.callbacks.batching import WriteBatcher
from backend.callbacks.log_printer import LogPrinter
from backend.callbacks.log_repository import Appended, LogWrite
from backend.callbacks.sender import Sender, live_attempt
from backend.context import Context
from backend.infra.problems import Problem

# Of at most 1 MiB each.
MAX_BATCH = 50


class LogIngest:
    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._printer = LogPrinter()
        self._batcher = WriteBatcher(self._commit, MAX_BATCH, ctx.lag)
        self.run = self._batcher.run

    async def append(self, sender: Sender, offset: int, data: bytes) -> Appended:
        """Append the bytes that are new, of those that begin at `offset` of the attempt's output.

        Raises:
            Problem: 401 or 409 as the contract says.
        """
        write = LogWrite(sender.token_sha256, offset, data)
        appended = await self._batcher.write(sender.job_id, write)
        if appended is None:
            # The token is wrong or dead.
            async with self._ctx.db.reading() as session:
                await live_attempt(session, sender)
            return Appended(offset, stop=False, new=b"", start=0)
        received = appended.next_offset
        if offset > received:
            gap = f"Bytes {received} to {offset} are missing. Send from offset {received} on."
            raise Problem(409, "Log gap", gap, next_offset=received)
        if appended.new:
            await self._ctx.bus.publish(sender.job_id)
            if self._ctx.executor.echoes_logs:
                limit = self._ctx.settings.log_limit_bytes
                self._printer.write(sender.job_id, appended.new, appended.start, limit)
        return appended

    async def _commit(self, writes: Mapping[str, LogWrite]) -> Mapping[str, Appended]:
        async with self._ctx.db.transaction() as session:
            return await log_repository.append(session, writes, self._ctx.settings.log_limit_bytes)
