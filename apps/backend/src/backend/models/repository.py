"""The SQL of registered models, of which the platform has only their evaluations."""

from collections.abc import Sequence

from sqlalchemy import ScalarResult, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.models.schemas import Promotion
from backend.state.jobs import Job
from backend.state.statuses import JobStatus


async def evaluations(
    session: AsyncSession, sha256: str | None, on: Promotion, trainers: Sequence[str]
) -> ScalarResult[Job]:
    """The latest evaluations, by these trainers, of the file on the images that `on` names."""
    of_file = Job.weights["sha256"].as_string() == sha256, Job.trainer.in_(trainers)
    on_images = Job.dataset_id == on.dataset_id, Job.config["split"].as_string() == on.split
    query = select(Job).where(*of_file, *on_images, Job.status == JobStatus.SUCCEEDED)
    return await session.scalars(query.order_by(Job.created_at.desc()).limit(20))
