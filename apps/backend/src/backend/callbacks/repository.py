"""The SQL of what trainers write: heartbeats in batches, log bytes, the reported cause."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Integer, String, bindparam, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.infra.database import UtcDateTime, utcnow
from backend.infra.problems import Problem, not_found
from backend.state.causes import Cause
from backend.state.jobs import Attempt, Job, LogChunk
from backend.state.statuses import JobStatus
from backend.state.transitions import transition

# One parameter however many heartbeats: the statement is prepared once, and is the same on both
# databases but for the name of the function that unfolds it.
_BEATS = """
WITH beat AS (
  SELECT value->>'job_id' AS job_id, value->>'token' AS token,
    CAST(value->>'attempt' AS INTEGER) AS attempt,
    CAST(value->>'log_size' AS BIGINT) AS log_size, CAST(value->>'seq' AS BIGINT) AS seq, value->>'phase' AS phase,
    CAST(value->>'epoch' AS INTEGER) AS epoch, CAST(value->>'step' AS BIGINT) AS step,
    CAST(value->>'progress' AS DOUBLE PRECISION) AS progress,
    CAST(value->>'speed' AS DOUBLE PRECISION) AS speed,
    CAST(value->>'transferred' AS BIGINT) AS transferred,
    value->'system' AS system, value->'metrics' AS metrics,
    CAST(value->>'trains' AS INTEGER) AS trains, CAST(value->>'stepped' AS INTEGER) AS stepped
  FROM {unfold}(CAST(:beats AS {json})) AS unfolded
)
"""
_DIALECTS = {
    "postgresql": {"unfold": "json_array_elements", "json": "JSON"},
    "sqlite": {"unfold": "json_each", "json": "TEXT"},
}
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
_ATTEMPTS = """
UPDATE attempts SET
  seq = COALESCE(beat.seq, attempts.seq), phase = COALESCE(beat.phase, attempts.phase),
  epoch = COALESCE(beat.epoch, attempts.epoch), step = COALESCE(beat.step, attempts.step),
  progress = COALESCE(beat.progress, attempts.progress),
  speed = COALESCE(beat.speed, attempts.speed), system = COALESCE(beat.system, attempts.system),
  heartbeat_at = :now,
  progress_at = CASE
    WHEN beat.step > COALESCE(attempts.step, -1) OR beat.epoch > COALESCE(attempts.epoch, -1)
      OR beat.progress > COALESCE(attempts.progress, -1)
      OR beat.phase <> COALESCE(attempts.phase, '') OR beat.transferred > 0 THEN :now
    ELSE attempts.progress_at END
FROM beat, jobs
WHERE attempts.job_id = beat.job_id AND attempts.token_sha256 = beat.token
  AND attempts.ended_at IS NULL
  AND jobs.id = attempts.job_id AND jobs.attempt = attempts.number
  AND (beat.seq IS NULL OR attempts.seq IS NULL OR beat.seq > attempts.seq)
RETURNING attempts.job_id, attempts.number, attempts.stop_requested_at
"""
_JOBS = """
UPDATE jobs SET
  epoch = COALESCE(beat.epoch, jobs.epoch), metrics = COALESCE(beat.metrics, jobs.metrics),
  first_step_at = CASE WHEN beat.stepped = 1 THEN COALESCE(jobs.first_step_at, :now)
    ELSE jobs.first_step_at END,
  updated_at = :now
FROM beat
WHERE jobs.id = beat.job_id AND (
  beat.epoch IS NOT NULL OR beat.metrics IS NOT NULL
  OR (beat.stepped = 1 AND jobs.first_step_at IS NULL)
  OR (beat.trains = 1 AND jobs.status = 'preparing'))
RETURNING jobs.id, jobs.status, jobs.attempt, jobs.created_at, jobs.first_step_at
"""
_EPOCHS = """
INSERT INTO epoch_metrics (job_id, epoch, attempt, "values", at)
SELECT job_id, epoch, attempt, metrics, :now FROM beat
WHERE epoch IS NOT NULL AND metrics IS NOT NULL
ON CONFLICT (job_id, epoch) DO UPDATE
SET attempt = excluded.attempt, "values" = excluded."values", at = excluded.at
WHERE epoch_metrics.attempt <> excluded.attempt
  OR CAST(epoch_metrics."values" AS TEXT) <> CAST(excluded."values" AS TEXT)
"""
# Everything that changes a job locks its row first and its attempts' after, in the order of ids:
# no two transactions can wait for each other. SQLite has one writer anyway.
_LOCK = """
SELECT jobs.id FROM jobs JOIN beat ON jobs.id = beat.job_id
ORDER BY jobs.id FOR NO KEY UPDATE OF jobs
"""


class Accepted(NamedTuple):
    """A heartbeat that was written."""

    attempt: int
    stop: bool


class Started(NamedTuple):
    """A job whose first batch is trained."""

    attempt: int
    seconds: float


class LogPart(NamedTuple):
    """Bytes of an attempt's output, from `offset` on."""

    token_sha256: str
    offset: int
    data: bytes


class Appended(NamedTuple):
    next_offset: int
    stop: bool
    new: bytes


async def write_beats(
    session: AsyncSession, beats: Mapping[str, dict[str, Any]], now: datetime
) -> tuple[dict[str, Accepted], list[Started]]:
    """Write heartbeats of different jobs at once.

    Args:
        session: its transaction should do nothing else.
        beats: by job id; the members of `_BEATS`, without those that are None.
        now: when they arrived.

    Returns:
        The jobs whose heartbeat was written; any other had a wrong or dead token or an old `seq`
        and changed nothing. And the jobs whose first batch this one reported.
    """
    telling = [beat for beat in beats.values() if _tells_of_job(beat)]
    if telling and session.get_bind().dialect.name == "postgresql":
        await _run(session, _LOCK, telling)
    rows = await _run(
        session,
        _ATTEMPTS,
        list(beats.values()),
        now,
        job_id=String,
        number=Integer,
        stop_requested_at=UtcDateTime,
    )
    # Not told by SQL: SQLite 3.40 gets IS NULL wrong in the RETURNING of an UPDATE … FROM.
    accepted = {row.job_id: Accepted(row.number, row.stop_requested_at is not None) for row in rows}
    told = [
        {**beat, "attempt": accepted[beat["job_id"]].attempt}
        for beat in telling
        if beat["job_id"] in accepted
    ]
    return accepted, await _write_jobs(session, told, now) if told else []


def _tells_of_job(beat: Mapping[str, Any]) -> bool:
    return any(beat.get(name) for name in ("trains", "stepped", "metrics"))


async def _write_jobs(
    session: AsyncSession, beats: Sequence[Mapping[str, Any]], now: datetime
) -> list[Started]:
    jobs = await _run(
        session,
        _JOBS,
        beats,
        now,
        id=String,
        status=String,
        attempt=Integer,
        created_at=UtcDateTime,
        first_step_at=UtcDateTime,
    )
    for job in jobs:
        if job.status == JobStatus.PREPARING:
            await transition(session, job.id, JobStatus.RUNNING, attempt=job.attempt, message=None)
    if any("epoch" in beat and "metrics" in beat for beat in beats):
        await _run(session, _EPOCHS, beats, now)
    return [
        Started(job.attempt, (now - job.created_at).total_seconds())
        for job in jobs
        if job.first_step_at == now
    ]


async def _run(
    session: AsyncSession,
    statement: str,
    beats: Sequence[Mapping[str, Any]],
    now: datetime | None = None,
    **columns: Any,
) -> Sequence[Any]:
    words = _DIALECTS[session.get_bind().dialect.name]
    prepared: Any = text(_BEATS.format_map(words) + statement)
    parameters: dict[str, Any] = {"beats": json.dumps(beats)}
    if now is not None:
        prepared = prepared.bindparams(bindparam("now", type_=UtcDateTime))
        parameters["now"] = now
    if columns:
        prepared = prepared.columns(**columns)
    result = await session.execute(prepared, parameters)
    return result.all() if columns else []


async def live_attempt(
    session: AsyncSession, job_id: str, token_sha256: str, *, lock: bool = False
) -> tuple[Job, Attempt]:
    """The job and the attempt that a token belongs to.

    Args:
        session: with `lock`, both rows stay as they are until its transaction ends.
        job_id: which job.
        token_sha256: of the token that came with the request.
        lock: whether the caller is going to write.

    Raises:
        Problem: 401, 404 or 409 as the contract says.
    """
    job = await session.get(Job, job_id, with_for_update={"key_share": True} if lock else None)
    if job is None:
        raise not_found("Job", job_id)
    query = select(Attempt).where(Attempt.job_id == job_id, Attempt.token_sha256 == token_sha256)
    attempt = await session.scalar(query.with_for_update(key_share=True) if lock else query)
    if attempt is None:
        raise Problem(
            401,
            "Unauthorized",
            "This is no token of this job. Send `Authorization: Bearer $CALLBACK_TOKEN` with the "
            "variable of this attempt's environment.",
        )
    if attempt.ended_at is not None or attempt.number != job.attempt:
        raise Problem(
            409,
            "Attempt ended",
            f"Attempt {attempt.number} of job {job_id} has ended; nothing was changed. Exit.",
        )
    return job, attempt


async def append_logs(
    session: AsyncSession, parts: Mapping[str, LogPart], limit: int
) -> dict[str, Appended]:
    """Append what is new of the parts, each of another job's output.

    Beyond `limit` bytes of a job's log, bytes are counted but not kept; a line says so.

    Returns:
        By job id, those whose token is that of a running attempt. Where bytes before a part's
        offset are missing, nothing is new, and `next_offset` is below it.
    """
    senders = [{"job_id": id_, "token": part.token_sha256} for id_, part in parts.items()]
    lock = _LOG_LOCK if session.get_bind().dialect.name == "postgresql" else ""
    rows = await _run(
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
        part = parts[row.id]
        received = row.log_size - row.log_base
        new = part.data[received - part.offset :] if part.offset <= received else b""
        stop = row.stop_requested_at is not None
        appended[row.id] = Appended(received + len(new), stop, new)
        if new:
            chunks += _chunks(row.id, row.log_size, new, limit)
            sizes.append({"job_id": row.id, "log_size": row.log_size + len(new)})
    if chunks:
        await session.execute(insert(LogChunk), chunks)
    if sizes:
        await _run(session, _LOG_SIZES, sizes, utcnow())
    return appended


def _chunks(job_id: str, start: int, new: bytes, limit: int) -> list[dict[str, Any]]:
    chunks = []
    if kept := new[: max(0, limit - start)]:
        chunks.append({"job_id": job_id, "offset": start, "data": kept})
    if start <= limit < start + len(new):
        notice = f"\n[trainyard] The log reached {limit} bytes (LOG_LIMIT_BYTES); the rest is not kept.\n"
        chunks.append({"job_id": job_id, "offset": limit, "data": notice.encode()})
    return chunks


async def report_cause(
    session: AsyncSession, job_id: str, token_sha256: str, cause: str, message: str | None
) -> None:
    """Keep why the trainer says that it ends. Raises as `live_attempt`."""
    _, attempt = await live_attempt(session, job_id, token_sha256, lock=True)
    # A supervisor that only saw the exit code says less than what the trainer itself has said.
    if cause == Cause.TRAINER_CRASHED and attempt.reported_cause not in {None, Cause.COMPLETED}:
        return
    attempt.reported_cause, attempt.reported_message = cause, message
