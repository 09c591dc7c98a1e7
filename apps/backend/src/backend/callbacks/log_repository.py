"""The SQL of a job's log: appending what trainers send, reading what is kept."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import delete, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.callbacks import batch_sql
from backend.infra.database import utcnow
from backend.state.jobs import Attempt, Job, LogChunk

_MAX_CHUNKS = 10_000
_MAX_NOTE_BYTES = 2000
_GAP_LINE_BYTES = 100  # at most

_LOGS = """
SELECT jobs.id, jobs.log_size, attempts.log_base, attempts.stop_requested_at, attempts.progress_at
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
# Output is progress. A heartbeat that has locked the row is not waited for: it locks rows of other
# jobs too, in another order.
_PROGRESS = """
UPDATE attempts SET progress_at = :now
FROM beat WHERE attempts.job_id = beat.job_id AND attempts.token_sha256 = beat.token
  AND attempts.ended_at IS NULL
"""
_PROGRESS_FREE = """
  AND (attempts.job_id, attempts.number) IN (
    SELECT one.job_id, one.number FROM attempts one JOIN beat ON one.job_id = beat.job_id
      AND one.token_sha256 = beat.token FOR NO KEY UPDATE OF one SKIP LOCKED)
"""
_PROGRESS_EVERY = timedelta(seconds=5)
_CHUNKS = select(LogChunk.offset, LogChunk.data)


class LogWrite(NamedTuple):
    """Bytes of an attempt's log, from `offset` on."""

    token_sha256: str
    offset: int
    data: bytes


class Appended(NamedTuple):
    """`new` begins at `start` of the job's log."""

    next_offset: int
    stop: bool
    new: bytes
    start: int


class LogSlice(NamedTuple):
    """Bytes of a log; `next_offset` is where the next slice begins."""

    data: bytes
    next_offset: int


async def append(
    session: AsyncSession, writes: Mapping[str, LogWrite], limit: int
) -> dict[str, Appended]:
    """Append what is new of the writes, each to another job's log.

    Of a log longer than `limit` bytes its beginning and its end are kept; a line between says how
    much is left out.

    Returns:
        By job id, those whose token is that of a running attempt. Where bytes before a write's
        offset are missing, nothing is new, and `next_offset` is below it.
    """
    senders = [{"job_id": id_, "token": write.token_sha256} for id_, write in writes.items()]
    shared = session.get_bind().dialect.name == "postgresql"
    told = Attempt.log_base, Attempt.stop_requested_at, Attempt.progress_at
    query = _LOGS + _LOG_LOCK * shared
    rows = await batch_sql.run(session, query, senders, None, Job.id, Job.log_size, *told)
    appended, added, progressed, now = {}, [], [], utcnow()
    for row in rows:
        write = writes[row.id]
        received = row.log_size - row.log_base
        new = write.data[received - write.offset :] if write.offset <= received else b""
        stop = row.stop_requested_at is not None
        appended[row.id] = Appended(received + len(new), stop, new, row.log_size)
        if new:
            added.append({"job_id": row.id, "offset": row.log_size, "data": new})
            if row.progress_at is None or row.progress_at < now - _PROGRESS_EVERY:
                progressed.append({"job_id": row.id, "token": write.token_sha256})
    if added:
        await _keep(session, added, limit)
    if progressed:
        await batch_sql.run(session, _PROGRESS + _PROGRESS_FREE * shared, progressed, now)
    return appended


async def note(session: AsyncSession, job_id: str, text: str, detail: str, limit: int) -> None:
    """Add a line of the platform's own to the job's log, unless the log has one with this `text`."""
    job = await session.get(Job, job_id, with_for_update={"key_share": True})
    begin = f"\n[trainyard] {text} ".encode()
    notes = LogChunk.job_id == job_id, func.length(LogChunk.data) < _MAX_NOTE_BYTES
    told = exists().where(*notes, func.substr(LogChunk.data, 1, len(begin)) == begin)
    if job is None or await session.scalar(select(told)):
        return
    line = begin + detail.encode()[: _MAX_NOTE_BYTES - len(begin) - 2] + b"\n"
    await _keep(session, [{"job_id": job_id, "offset": job.log_size, "data": line}], limit)
    # The trainer's own offsets stay as they are.
    latest = update(Attempt).filter_by(job_id=job_id, number=job.attempt)
    await session.execute(latest.values(log_base=Attempt.log_base + len(line)))


async def _keep(session: AsyncSession, chunks: Sequence[dict[str, Any]], limit: int) -> None:
    """Add each of these `LogChunk`s to the end of its job's log."""
    await session.execute(insert(LogChunk), chunks)
    sizes = {one["job_id"]: one["offset"] + len(one["data"]) for one in chunks}
    rows = [{"job_id": job_id, "log_size": size} for job_id, size in sizes.items()]
    await batch_sql.run(session, _LOG_SIZES, rows, utcnow())
    for one in chunks:
        tail = _tail_start(sizes[one["job_id"]], limit)
        if tail > _tail_start(one["offset"], limit):
            await _leave_out(session, one["job_id"], limit // 2, tail)


def _tail_start(size: int, limit: int) -> int:
    """Where the end that is kept of a log begins; the beginning that is kept has half the limit.

    It moves on in steps, for each rewrites a chunk, and leaves room for the line in the gap.
    """
    step = max(limit // 16, 1)
    gap = -(-max(0, size - limit) // step) * step
    return limit // 2 + (gap if gap >= _GAP_LINE_BYTES else 0)


async def _leave_out(session: AsyncSession, job_id: str, head: int, tail: int) -> None:
    """Drop the bytes from `head` to `tail`; the chunks that reach over these are cut."""
    before = LogChunk.job_id == job_id, LogChunk.offset < tail
    around = _CHUNKS.where(*before).order_by(LogChunk.offset.desc()).limit(1)
    last = (await session.execute(around)).one()
    first = (await session.execute(around.where(LogChunk.offset < head))).one_or_none()
    begin = head if first is None else first.offset
    await session.execute(delete(LogChunk).where(*before, LogChunk.offset >= begin))
    line = f"\n[trainyard] {tail - head} bytes are left out here (LOG_LIMIT_BYTES).\n".encode()
    chunks = [(begin, b"" if first is None else first.data[: head - begin])]
    chunks += [(head, line), (tail, last.data[tail - last.offset :])]
    rows = [{"job_id": job_id, "offset": offset, "data": data} for offset, data in chunks if data]
    await session.execute(insert(LogChunk), rows)


async def read(session: AsyncSession, job: Job, offset: int, limit: int) -> LogSlice:
    """At most `limit` bytes from `offset` on.

    `job` must have been read before: what it counts as received is visible then. Where bytes were
    not kept (LOG_LIMIT_BYTES), `next_offset` skips them.
    """
    its, wanted = LogChunk.job_id == job.id, LogChunk.offset < offset + limit
    latest = select(func.coalesce(func.max(LogChunk.offset), 0))
    first = latest.where(its, LogChunk.offset <= offset).scalar_subquery()
    reached = _CHUNKS.where(its, wanted, LogChunk.offset >= first).order_by(LogChunk.offset)
    chunks = (await session.execute(reached.limit(_MAX_CHUNKS))).all()
    parts, end = [], offset
    for chunk_offset, data in chunks:
        begin = max(offset, chunk_offset)
        part = data[begin - chunk_offset : offset + limit - chunk_offset]
        if part:
            parts.append(part)
            end = begin + len(part)
    cut = end == offset + limit or len(chunks) == _MAX_CHUNKS
    if cut or end >= job.log_size:
        return LogSlice(b"".join(parts), end)
    following = select(func.min(LogChunk.offset)).where(its, ~wanted)
    behind = await session.scalar(following.where(LogChunk.offset < job.log_size))
    return LogSlice(b"".join(parts), max(end, job.log_size) if behind is None else behind)
