"""The artifacts' SQL."""

from collections.abc import Sequence

from sqlalchemy import delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.state.artifacts import Artifact
from backend.state.jobs import Attempt, Job


async def attempts(session: AsyncSession, job_id: str) -> Sequence[int]:
    """The numbers of the job's attempts."""
    return (await session.scalars(select(Attempt.number).where(Attempt.job_id == job_id))).all()


async def made_by(session: AsyncSession, job: str, name: str) -> tuple[Job, Artifact] | None:
    """Of the latest job with this id or name that left such a file behind."""
    made = select(Job, Artifact).join(Artifact, Artifact.job_id == Job.id)
    made = made.where(or_(Job.id == job, Job.name == job), Artifact.name == name)
    row = (await session.execute(made.order_by(Job.created_at.desc()).limit(1))).first()
    return (row[0], row[1]) if row else None


async def replace(session: AsyncSession, job_id: str, artifacts: Sequence[Artifact]) -> None:
    await session.execute(delete(Artifact).where(Artifact.job_id == job_id))
    session.add_all(artifacts)


async def of_job(session: AsyncSession, job_id: str) -> Sequence[Artifact] | None:
    """By name; None: there is no such job."""
    if await session.get(Job, job_id) is None:
        return None
    found = await session.scalars(
        select(Artifact).where(Artifact.job_id == job_id).order_by(Artifact.name)
    )
    return found.all()
