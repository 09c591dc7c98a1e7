"""The SQL of heartbeats, written in batches."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.callbacks import batch_sql
from backend.callbacks.schemas import Command
from backend.state.causes import Cause
from backend.state.jobs import Attempt, Job
from backend.state.statuses import JobStatus
from backend.state.transitions import transition

_ATTEMPTS = """
UPDATE attempts SET
  seq = COALESCE(beat.seq, attempts.seq), phase = COALESCE(beat.phase, attempts.phase),
  epoch = COALESCE(beat.epoch, attempts.epoch), step = COALESCE(beat.step, attempts.step),
  progress = COALESCE(beat.progress, attempts.progress),
  speed = COALESCE(beat.speed, attempts.speed), system = COALESCE(beat.system, attempts.system),
  heartbeat_at = :now, patience_s = beat.patience_s,
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
RETURNING attempts.job_id, attempts.number, attempts.stop_requested_at, attempts.stop_cause
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


async def write_beats(
    session: AsyncSession, beats: Mapping[str, dict[str, Any]], now: datetime
) -> tuple[dict[str, Command], list[float]]:
    """Write heartbeats of different jobs at once.

    Args:
        session: its transaction should do nothing else.
        beats: by job id; the columns of `batch_sql._BEATS`, without those that are None.
        now: when they arrived.

    Returns:
        By job whose heartbeat was written what its trainer is to do; any other had a wrong or dead token or an old `seq`
        and changed nothing. And for each first attempt whose first batch this one reported the
        seconds since its job was made.
    """
    telling = [beat for beat in beats.values() if _tells_of_job(beat)]
    if telling and session.get_bind().dialect.name == "postgresql":
        await batch_sql.run(session, _LOCK, telling)
    returned = Attempt.job_id, Attempt.number, Attempt.stop_requested_at, Attempt.stop_cause
    rows = await batch_sql.run(session, _ATTEMPTS, list(beats.values()), now, *returned)
    written = {row.job_id: row for row in rows}
    counted = (beat for beat in telling if beat["job_id"] in written)
    told = [beat | {"attempt": written[beat["job_id"]].number} for beat in counted]
    latencies = await _write_jobs(session, told, now) if told else []
    # Not told by SQL: SQLite 3.40 gets IS NULL wrong in the RETURNING of an UPDATE … FROM.
    return {job_id: command(row) for job_id, row in written.items()}, latencies


def _tells_of_job(beat: Mapping[str, Any]) -> bool:
    return any(beat.get(name) for name in ("trains", "stepped", "metrics"))


async def _write_jobs(
    session: AsyncSession, beats: Sequence[Mapping[str, Any]], now: datetime
) -> list[float]:
    returned = Job.id, Job.status, Job.attempt, Job.created_at, Job.first_step_at
    jobs = await batch_sql.run(session, _JOBS, beats, now, *returned)
    for job in jobs:
        if job.status == JobStatus.PREPARING:
            await transition(session, job.id, JobStatus.RUNNING, attempt=job.attempt, message=None)
    if any("epoch" in beat and "metrics" in beat for beat in beats):
        await batch_sql.run(session, _EPOCHS, beats, now)
    first = (job for job in jobs if job.attempt == 1 and job.first_step_at == now)
    return [(now - job.created_at).total_seconds() for job in first]


def command(attempt: Any) -> Command:
    """What the trainer of the attempt, or of a row with its columns, is to do."""
    if attempt.stop_requested_at is not None:
        return "stop"
    return "finish" if attempt.stop_cause == Cause.COMPLETED else "continue"


async def open_senders(session: AsyncSession) -> Sequence[Any]:
    """Job and token of each attempt that has not ended."""
    attempts = select(Attempt.job_id, Attempt.token_sha256).where(Attempt.ended_at.is_(None))
    return (await session.execute(attempts)).all()


async def find_sender(
    session: AsyncSession, job_id: str, token_sha256: str, *, lock: bool
) -> tuple[Attempt, int] | None:
    """The attempt that the token belongs to, and the number of its job's latest.

    With `lock` both rows stay as they are until the transaction ends, the job's first.
    """
    query = select(Attempt, Job.attempt).select_from(Job).join(Attempt)
    query = query.where(Job.id == job_id, Attempt.token_sha256 == token_sha256)
    locked = query.with_for_update(key_share=True) if lock else query
    return (await session.execute(locked)).one_or_none()
