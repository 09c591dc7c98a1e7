"""The artifacts' SQL."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.infra.problems import not_found
from backend.state.artifacts import Artifact
from backend.state.jobs import Job


async def replace(session: AsyncSession, job_id: str, artifacts: Sequence[Artifact]) -> None:
    await session.execute(delete(Artifact).where(Artifact.job_id == job_id))
    session.add_all(artifacts)


async def of_job(session: AsyncSession, job_id: str) -> Sequence[Artifact]:
    """By name. Raises a Problem (404) unless there is such a job."""
    if await session.get(Job, job_id) is None:
        raise not_found("Job", job_id)
    found = await session.scalars(
        select(Artifact).where(Artifact.job_id == job_id).order_by(Artifact.name)
    )
    return found.all()
