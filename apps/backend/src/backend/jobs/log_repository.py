"""Reading a job's log."""

from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.state.jobs import Job, LogChunk

_MAX_CHUNKS = 10_000


class LogPart(NamedTuple):
    """Bytes of a log; `next_offset` is where the next part begins."""

    data: bytes
    next_offset: int


async def read(session: AsyncSession, job: Job, offset: int, limit: int) -> LogPart:
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
    return LogPart(b"".join(parts), end if cut else max(end, job.log_size))
