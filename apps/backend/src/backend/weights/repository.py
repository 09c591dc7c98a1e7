"""The SQL of weights."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.infra import pagination
from backend.infra.pagination import ListQuery
from backend.state import object_keys
from backend.state.weights import Weights


async def find(session: AsyncSession, reference: str) -> dict[str, Any] | None:
    """As `artifacts.repository.left_by_a_job`, by name or `sha256:…`; held against deletion."""
    meant = or_(Weights.name == reference, Weights.sha256 == reference.removeprefix("sha256:"))
    latest = select(Weights).where(meant).order_by(Weights.created_at.desc(), Weights.sha256)
    if (row := await session.scalar(latest.limit(1).with_for_update(read=True))) is None:
        return None
    file = {"name": row.name, "key": object_keys.weights(row.sha256), "sha256": row.sha256}
    return file | {"task": row.task, "model": row.model}


async def page(session: AsyncSession, wanted: ListQuery) -> tuple[Sequence[Any], str | None]:
    """As `pagination.page`."""
    return await pagination.page(session, select(Weights), Weights, wanted)
