"""The datasets' SQL."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.state.datasets import Dataset, DatasetStatus


async def find_ready(session: AsyncSession, name: str, task: str, sha256: str) -> Dataset | None:
    """The latest ready version with these very bytes."""
    same = select(Dataset).where(Dataset.name == name, Dataset.task == task)
    usable = Dataset.status == DatasetStatus.READY, Dataset.index_sha256.is_not(None)
    ready = same.where(Dataset.sha256 == sha256, *usable)
    return await session.scalar(ready.order_by(Dataset.version.desc()).limit(1))


async def add(session: AsyncSession, id_: str, **columns: Any) -> Dataset:
    """Insert the next version of `name`.

    Raises:
        sqlalchemy.exc.IntegrityError: another session took that version; try again.
    """
    following = select(func.coalesce(func.max(Dataset.version), 0) + 1)
    version = following.where(Dataset.name == columns["name"]).scalar_subquery()
    await session.execute(insert(Dataset).values(id=id_, version=version, **columns))
    return await session.get_one(Dataset, id_)


async def reject_uploads(
    session: AsyncSession, before: datetime, report: dict[str, Any]
) -> set[str | None]:
    """Reject those announced or taken up last before then; the store's ids of those that go on."""
    uploading = Dataset.status == DatasetStatus.UPLOADING
    late = update(Dataset).where(uploading, Dataset.updated_at < before)
    await session.execute(late.values(status=DatasetStatus.REJECTED, report=report))
    return set(await session.scalars(select(Dataset.upload_id).where(uploading)))
