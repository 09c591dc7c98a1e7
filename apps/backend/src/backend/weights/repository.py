"""The SQL of weights."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.state import object_keys
from backend.state.jobs import Job
from backend.state.statuses import ACTIVE
from backend.state.weights import Weights

NEWEST_FIRST = select(Weights).order_by(Weights.created_at.desc(), Weights.sha256)


async def find(session: AsyncSession, reference: str) -> dict[str, Any] | None:
    """As `artifacts.repository.left_by_a_job`, by name or `sha256:…`; held against deletion."""
    meant = or_(Weights.name == reference, Weights.sha256 == reference.removeprefix("sha256:"))
    latest = NEWEST_FIRST.where(meant).limit(1).with_for_update(read=True)
    if (row := (await session.scalars(latest)).first()) is None:
        return None
    file = {"name": row.name, "key": object_keys.weights(row.sha256), "sha256": row.sha256}
    return file | {"task": row.task, "model": row.model}


async def unfinished_jobs(session: AsyncSession, sha256: str) -> Sequence[str]:
    """Ids of jobs that start from it and have not finished, at most 10."""
    users = select(Job.id).where(Job.weights["key"].as_string() == object_keys.weights(sha256))
    return (await session.scalars(users.where(Job.status.in_(ACTIVE)).limit(10))).all()
