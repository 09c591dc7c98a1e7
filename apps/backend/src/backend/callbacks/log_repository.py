"""The SQL of a job's log: appending what trainers send, reading what is kept."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, String, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.callbacks import batch_sql
from backend.infra.database import UtcDateTime, utcnow
from backend.state.jobs import Job, LogChunk

_MAX_CHUNKS = 10_000

_LOGS = """
SELECT jobs.id, jobs.log_size, attempts.log_base, attempts.stop_requested_at
FROM beat JOIN jobs ON jobs.id = beat.job_id
JOIN attempts ON attempts.job_id = jobs.id AND attempts.number = jobs.attempt
WHERE attempts.token_sha256 = beat.token AND attempts.ended_at IS NULL
ORDER BY jobs.id
"""
_LOG_LOCK = " FOR NO KEY UPDATE OF jobs"
_LOG_SIZES = """
UPDATE jobs SET log_size = beat.log_size, updated_at = :now
FROM beat WHERE jobs.id = beat.job_id
"""


class LogWrite(NamedTuple):
    """Bytes of an attempt's log, from `offset` on."""

    token_sha256: str
    offset: int
    data: bytes


class Appended(NamedTuple):
    next_offset: int
    stop: bool
    new: bytes


class LogSlice(NamedTuple):
    """Bytes of a log; `next_offset` is where the next slice begins."""

    data: bytes
    next_offset: int


async def append(
    session: AsyncSession, writes: Mapping[str, LogWrite], limit: int
) -> dict[str, Appended]:
    """Append what is new of the writes, each to another job's log.

    Beyond `limit` bytes of a job's log, bytes are counted but not kept; a line says so.

    Returns:
        By job id, those whose token is that of a running attempt. Where bytes before a write's
        offset are missing, nothing is new, and `next_offset` is below it.
    """
    senders = [{"job_id": id_, "token": write.token_sha256} for id_, write in writes.items()]
    lock = _LOG_LOCK if session.get_bind().dialect.name == "postgresql" else ""
    rows = await batch_sql.run(
        session,
        _LOGS + lock,
        senders,
        id=String,
        log_size=BigInteger,
        log_base=BigInteger,
        stop_requested_at=UtcDateTime,
    )
    appended, chunks, sizes = {}, list[dict[str, Any]](), []
    for row in rows:
        write = writes[row.id]
        received = row.log_size - row.log_base
        new = write.data[received - write.offset :] if write.offset <= received else b""
        stop = row.stop_requested_at is not None
        appended[row.id] = Appended(received + len(new), stop, new)
        if new:
            chunks += _chunks(row.id, row.log_size, new, limit)
            sizes.append({"job_id": row.id, "log_size": row.log_size + len(new)})
    if chunks:
        await session.execute(insert(LogChunk), chunks)
    if sizes:
        await batch_sql.run(session, _LOG_SIZES, sizes, utcnow())
    return appended


def _chunks(job_id: str, start: int, new: bytes, limit: int) -> list[dict[str, Any]]:
    chunks = []
    if kept := new[: max(0, limit - start)]:
        chunks.append({"job_id": job_id, "offset": start, "data": kept})
    if start <= limit < start + len(new):
        notice = f"\n[trainyard] The log reached {limit} bytes (LOG_LIMIT_BYTES); the rest is not kept.\n"
        chunks.append({"job_id": job_id, "offset": limit, "data": notice.encode()})
    return chunks


async def read(session: AsyncSession, job: Job, offset: int, limit: int) -> LogSlice:
    """At most `limit` bytes from `offset` on.

    `job` must have been read before: what it counts as received is visible then. Where bytes were
    not kept (LOG_LIMIT_BYTES), `next_offset` skips them.
    """
    first = (
        select(func.coalesce(func.max(LogChunk.offset), 0))
        .where(LogChunk.job_id == job.id, LogChunk.offset <= offset)
        .scalar_subquery()
    )
    rows = await session.execute(
        select(LogChunk.offset, LogChunk.data)
        .where(LogChunk.job_id == job.id, LogChunk.offset >= first)
        .where(LogChunk.offset < offset + limit)
        .order_by(LogChunk.offset)
        .limit(_MAX_CHUNKS)
    )
    parts = []
    end, chunks = offset, 0
    for chunk_offset, data in rows:
        chunks += 1
        part = data[max(0, offset - chunk_offset) : offset + limit - chunk_offset]
        if part:
            parts.append(part)
            end = chunk_offset + max(0, offset - chunk_offset) + len(part)
    cut = end == offset + limit or chunks == _MAX_CHUNKS
    return LogSlice(b"".join(parts), end if cut else max(end, job.log_size))
