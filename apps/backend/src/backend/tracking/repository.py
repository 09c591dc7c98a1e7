"""The mirror's SQL: what MLflow has not got yet, and how far it has come."""

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, and_, case, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.infra.database import execute_guarded
from backend.state.artifacts import BEST, Artifact
from backend.state.jobs import DeletedJob, EpochMetrics, Job
from backend.state.statuses import FINISHED


async def due(session: AsyncSession, postponed: Collection[str], limit: int) -> Sequence[Job]:
    """Jobs of which MLflow lacks something, those that wait longest first."""
    no_status = or_(Job.mlflow_run_id.is_(None), Job.mlflow_attempt != Job.attempt)
    # The latest epoch may still get other values: it is sent with the next one.
    news = or_(no_status, Job.epoch > Job.mlflow_epoch + 1)
    lacks = or_(Job.status.in_(sorted(FINISHED)), and_(Job.attempt > 0, news))
    found = select(Job).where(~Job.mlflow_done, lacks, Job.id.not_in(postponed))
    return (await session.scalars(found.order_by(Job.updated_at).limit(limit))).all()


async def missing_epochs(session: AsyncSession, job: Job, limit: int) -> Sequence[EpochMetrics]:
    """The next epochs beyond the watermark that are complete.

    One that a later attempt repeats is not sent again: MLflow would show both values at one step.
    """
    its = EpochMetrics.job_id == job.id, EpochMetrics.attempt <= job.attempt
    missing = select(EpochMetrics).where(*its, EpochMetrics.epoch > job.mlflow_epoch)
    next_ones = missing.order_by(EpochMetrics.epoch).limit(limit + 1)
    found = (await session.scalars(next_ones)).all()
    last_is_open = job.status not in FINISHED and found and found[-1].attempt == job.attempt
    return found[:-1] if last_is_open or len(found) > limit else found


async def files(
    session: AsyncSession, job_id: str, most_bytes: int, most_of_model: int
) -> Sequence[Artifact]:
    """Those of the job that are no larger."""
    most = case((Artifact.name == BEST, most_of_model), else_=most_bytes)
    found = select(Artifact).where(Artifact.job_id == job_id, Artifact.size <= most)
    return (await session.scalars(found)).all()


async def deleted(session: AsyncSession, limit: int) -> Sequence[DeletedJob]:
    """Jobs that are gone and whose run MLflow may still have."""
    return (await session.scalars(select(DeletedJob).limit(limit))).all()


async def set_done(session: AsyncSession, job: Job) -> None:
    """MLflow has all of the job, unless it was retried in the meantime."""
    unchanged = Job.status == job.status, Job.attempt == job.attempt
    await note(session, job.id, *unchanged, mlflow_done=True)


async def note(
    session: AsyncSession, job_id: str, *guards: ColumnElement[bool], **columns: object
) -> None:
    """Note at the job what MLflow has of it. That is no change of the job: `updated_at` stays."""
    noted = update(Job).where(Job.id == job_id, *guards)
    await execute_guarded(session, noted.values(**columns, updated_at=Job.updated_at))
