"""The one way in which a job changes its state, and what may not change until it has ended."""

from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.infra.database import execute_guarded
from backend.infra.problems import Problem
from backend.state.jobs import Job
from backend.state.statuses import ACTIVE, SOURCES, JobStatus


async def transition(
    session: AsyncSession, job_id: str, to: JobStatus, *, attempt: int | None = None, **columns: Any
) -> bool:
    """Move a job to `to`: one guarded UPDATE, so that of several writers one wins.

    Args:
        session: where it is done; the row stays locked until its transaction ends.
        job_id: which job.
        to: the new state, entered only from `SOURCES[to]`.
        attempt: the attempt that the move is about. PREPARING begins it, so it must be the one
            after the job's latest; every other move is made only while it is the latest.
        columns: further columns of the job to set with it.

    Returns:
        False: the job is not there (any more), and nothing was changed.
    """
    statement = update(Job).where(Job.id == job_id, Job.status.in_(sorted(SOURCES[to])))
    if to == JobStatus.QUEUED:
        statement = statement.where(~Job.deleting)
    if attempt is not None:
        latest = attempt - 1 if to == JobStatus.PREPARING else attempt
        statement = statement.where(Job.attempt == latest)
        columns["attempt"] = attempt
    return await execute_guarded(session, statement.values(status=to, **columns))


async def require_unused(session: AsyncSession, kind: str, using: ColumnElement[bool]) -> None:
    """Raise a Problem (409) while jobs for which `using` holds have not finished; it names some."""
    users = select(Job.id).where(using, Job.status.in_(ACTIVE)).limit(10)
    if jobs := (await session.scalars(users)).all():
        detail = f"These jobs still use it: {', '.join(jobs)}. Cancel them or wait for their end."
        raise Problem(409, f"{kind} in use", detail)
