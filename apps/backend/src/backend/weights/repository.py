"""The SQL of weights."""

from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.state import object_keys
from backend.state.jobs import Job
from backend.state.weights import Weights


async def find(session: AsyncSession, reference: str) -> dict[str, Any] | None:
    """As `artifacts.repository.left_by_a_job`, by name or `sha256:…`; held against deletion."""
    meant = or_(Weights.name == reference, Weights.sha256 == reference.removeprefix("sha256:"))
    latest = select(Weights).where(meant).order_by(Weights.created_at.desc(), Weights.sha256)
    if (row := await session.scalar(latest.limit(1).with_for_update(read=True))) is None:
        return None
    file = {"name": row.name, "key": object_keys.weights(row.sha256), "sha256": row.sha256}
    return file | {"task": row.task, "model": row.model}


async def is_kept(session: AsyncSession, file: dict[str, str]) -> bool:
    """Whether a file that a job starts from, as in its `weights`, is not deleted; held against that."""
    pushed = select(Weights.sha256).where(Weights.sha256 == file["sha256"])
    left = select(Job.id).where(Job.id == file["key"].partition("/")[0], ~Job.deleting)
    of_a_job = file["key"] != object_keys.weights(file["sha256"])
    kept = (left if of_a_job else pushed).with_for_update(read=True)
    return await session.scalar(kept) is not None
