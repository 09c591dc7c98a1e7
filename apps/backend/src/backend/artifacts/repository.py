"""The artifacts' SQL."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.state import object_keys
from backend.state.artifacts import Artifact
from backend.state.jobs import Attempt, Job


async def attempts(session: AsyncSession, job_id: str) -> Sequence[int]:
    """The numbers of the job's attempts."""
    return (await session.scalars(select(Attempt.number).where(Attempt.job_id == job_id))).all()


async def left_by_a_job(session: AsyncSession, reference: str) -> dict[str, Any] | None:
    """Name, key and sha256 of what `job:JOB/FILE` means, and the trainer, task and model it is for.

    JOB is the latest with this id or name that left such a file behind, which is best.pt by default;
    it is held against deletion.
    """
    name, _, file = reference.removeprefix("job:").partition("/")
    made = select(Job, Artifact).join(Artifact, Artifact.job_id == Job.id)
    made = made.where(or_(Job.id == name, Job.name == name), Artifact.name == (file or "best.pt"))
    latest = made.where(~Job.deleting).order_by(Job.created_at.desc()).limit(1)
    row = (await session.execute(latest.with_for_update(read=True, of=Job))).first()
    if row is None or row[1].sha256 is None:
        return None
    job, artifact = row
    key = object_keys.artifact(job.id, artifact.attempt, artifact.name)
    found = {"name": f"job:{job.id}/{artifact.name}", "key": key, "sha256": artifact.sha256}
    return found | {"trainer": job.trainer, "task": job.task, "model": job.config.get("model")}


async def replace(session: AsyncSession, job_id: str, artifacts: Sequence[Artifact]) -> None:
    await session.execute(delete(Artifact).where(Artifact.job_id == job_id))
    session.add_all(artifacts)


async def of_job(session: AsyncSession, job_id: str) -> Sequence[Artifact]:
    """By name; none before the job has finished."""
    found = await session.scalars(
        select(Artifact).where(Artifact.job_id == job_id).order_by(Artifact.name)
    )
    return found.all()
