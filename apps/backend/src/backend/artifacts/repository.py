"""The artifacts' SQL."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.state import object_keys
from backend.state.artifacts import BEST, Artifact
from backend.state.jobs import Attempt, Job
from backend.state.statuses import FINISHED


async def attempts(session: AsyncSession, job_id: str) -> Sequence[int]:
    """The numbers of the job's attempts."""
    return (await session.scalars(select(Attempt.number).where(Attempt.job_id == job_id))).all()


async def left_by_a_job(session: AsyncSession, reference: str) -> dict[str, Any] | None:
    """Name, key and sha256 of what `job:JOB/FILE` means, and the trainer, task and model it is for.

    JOB is the latest with this id or name that left such a file behind, which is best.pt by default;
    it is held against deletion.
    """
    name, _, file = reference.removeprefix("job:").partition("/")
    latest = _models(name).where(Artifact.name == (file or BEST)).limit(1)
    row = (await session.execute(latest.with_for_update(read=True, of=Job))).first()
    if row is None:
        return None
    job, artifact = row
    key = object_keys.artifact(job.id, artifact.attempt, artifact.name)
    found = {"name": f"job:{job.id}/{artifact.name}", "key": key, "sha256": artifact.sha256}
    return found | {"trainer": job.trainer, "task": job.task, "model": job.config.get("model")}


async def models_left_by(session: AsyncSession, reference: str) -> Sequence[str]:
    """What `job:JOB/FILE` can mean for this JOB, at most 20."""
    name = reference.removeprefix("job:").partition("/")[0]
    made = await session.execute(_models(name).limit(20))
    return [f"job:{job.id}/{file.name}" for job, file in made]


def _models(job: str) -> Select[Job, Artifact]:
    """By id or name, the latest first: what jobs start from. What else one leaves is nothing for that."""
    made = select(Job, Artifact).join(Artifact, Artifact.job_id == Job.id)
    made = made.where(or_(Job.id == job, Job.name == job), ~Job.deleting)
    made = made.where(Artifact.name.like("%.pt"), Artifact.sha256.is_not(None))
    return made.order_by(Job.created_at.desc(), Artifact.name)


async def replace(session: AsyncSession, job_id: str, artifacts: Sequence[Artifact]) -> None:
    """Unless the job has ended: what it left, and the sha256 of each, stays what was found then."""
    job = await session.get(Job, job_id, with_for_update=True)
    if job is not None and job.status not in FINISHED:
        await session.execute(delete(Artifact).where(Artifact.job_id == job_id))
        session.add_all(artifacts)


async def of_job(session: AsyncSession, job_id: str) -> Sequence[Artifact]:
    """By name; none before the job has finished."""
    query = select(Artifact).where(Artifact.job_id == job_id)
    return (await session.scalars(query.order_by(Artifact.name))).all()
