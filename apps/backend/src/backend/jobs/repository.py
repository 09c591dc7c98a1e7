"""The SQL of what users do with jobs, and of the gauges."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Float, String, and_, cast, extract, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.infra import pagination
from backend.infra.database import Database, utcnow
from backend.jobs.schemas import JobQuery
from backend.state.jobs import Attempt, EpochMetrics, Job
from backend.state.statuses import JobStatus
from backend.state.transitions import transition

_DURATION = cast(extract("epoch", Job.finished_at), Float) - cast(
    extract("epoch", Job.started_at), Float
)
_LATEST = and_(Attempt.job_id == Job.id, Attempt.number == Job.attempt)
_WITH_ATTEMPT: Any = select(Job, Attempt).outerjoin(Attempt, _LATEST)

# States in which no trainer is running.
WAITING_STATUSES = (JobStatus.QUEUED, JobStatus.PREPARING, JobStatus.RETRYING)


class JobRow(NamedTuple):
    """A job with its latest attempt; None before the first."""

    job: Job
    attempt: Attempt | None


async def find(session: AsyncSession, job_id: str) -> JobRow | None:
    found = (await session.execute(_WITH_ATTEMPT.where(Job.id == job_id))).one_or_none()
    return JobRow(*found) if found else None


async def page(db: Database, wanted: JobQuery) -> pagination.Page[Any]:
    """As `pagination.page`, each a tuple of the job and its latest attempt."""
    query = _WITH_ATTEMPT
    if wanted.tag is not None:
        among = cast(Job.tags, String).contains(f'"{wanted.tag}"', autoescape=True)
        query = query.where(Job.tags.is_not(None), among)
    if wanted.q:
        text = Job.id.istartswith, Job.name.icontains, Job.notes.icontains
        query = query.where(or_(*(has(wanted.q, autoescape=True) for has in text)))
    return await pagination.page(db, Job, wanted, query)


async def requeue(session: AsyncSession, job_id: str) -> bool:
    """Put a failed or cancelled job back into the queue, with all its attempts to come."""
    anew: dict[str, Any] = dict.fromkeys(("cause", "message", "best", "started_at", "finished_at"))
    anew |= {"uncounted_attempts": Job.attempt, "workflow_started": False, "mlflow_done": False}
    anew |= {"earlier_duration_s": Job.earlier_duration_s + func.coalesce(_DURATION, 0)}
    return await transition(session, job_id, JobStatus.QUEUED, **anew)


async def count_by_status(session: AsyncSession, among: Collection[str]) -> dict[str, int]:
    query = select(Job.status, func.count()).where(Job.status.in_(among))
    return dict((await session.execute(query.group_by(Job.status))).all())


async def newest_bests(session: AsyncSession) -> list[Any]:
    """Ids of the newest 100 jobs and their `best`, of those that have one."""
    newest = select(Job.id, Job.best).order_by(Job.created_at.desc()).limit(100)
    rows = await session.execute(newest)
    return [(id_, best) for id_, best in rows if best and best["value"] is not None]


async def oldest_heartbeat_age(session: AsyncSession) -> float:
    """Seconds since the heartbeat of the running attempt that has been silent longest; 0: none."""
    query = select(func.min(Attempt.heartbeat_at)).where(
        Attempt.ended_at.is_(None), Attempt.seq.is_not(None)
    )
    oldest = await session.scalar(query)
    return (utcnow() - oldest).total_seconds() if oldest else 0.0


async def oldest_waiting_ages(session: AsyncSession) -> dict[str, float]:
    """By state of `WAITING_STATUSES`: seconds since the last step of the job that has waited longest.

    A step is the job's creation, and an attempt's begin or end; not `updated_at`, which moves each
    time that the job's workflow is asked for. A user's retry leaves no mark, so that such a job
    counts from its last attempt. Who waits for a place to run (in a queue that has no end), or for a
    debugger, is left out.
    """
    excused = and_(
        Job.status == JobStatus.PREPARING,
        Attempt.launched_at.is_not(None),
        Attempt.ended_at.is_(None),
        or_(Job.message.is_not(None), Job.debug),
    )
    since = func.min(func.coalesce(Attempt.ended_at, Attempt.created_at, Job.created_at))
    query = select(Job.status, since).outerjoin(Attempt, _LATEST).group_by(Job.status)
    rows = await session.execute(query.where(Job.status.in_(WAITING_STATUSES), ~excused))
    now = utcnow()
    return {status: (now - at).total_seconds() for status, at in rows}


async def database_size(session: AsyncSession) -> int | None:
    """Bytes of the database, logs included; None on SQLite."""
    if session.get_bind().dialect.name == "sqlite":
        return None
    size: int | None = await session.scalar(select(func.pg_database_size(func.current_database())))
    return size


async def metrics_since(
    session: AsyncSession, job_id: str, at: datetime
) -> Sequence[tuple[int, datetime]]:
    """Epoch and time of what was written from then on, as it was written."""
    query = select(EpochMetrics.epoch, EpochMetrics.at).where(EpochMetrics.job_id == job_id)
    found = await session.execute(query.where(EpochMetrics.at >= at).order_by(EpochMetrics.at))
    return [(epoch, at) for epoch, at in found]


async def metrics_of(
    session: AsyncSession, job_id: str, epochs: Sequence[int]
) -> Sequence[EpochMetrics]:
    query = select(EpochMetrics).where(EpochMetrics.job_id == job_id)
    return (await session.scalars(query.where(EpochMetrics.epoch.in_(epochs)))).all()


async def attempts(session: AsyncSession, job_id: str, before: int) -> Sequence[Attempt]:
    """Those of lower numbers, at most 100, the latest first."""
    query = select(Attempt).where(Attempt.job_id == job_id, Attempt.number < before)
    return (await session.scalars(query.order_by(Attempt.number.desc()).limit(100))).all()
