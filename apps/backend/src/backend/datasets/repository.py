"""The datasets' SQL."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete as sql_delete
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.infra import pagination
from backend.infra.database import execute_guarded
from backend.infra.problems import Problem, not_found, wrong_field
from backend.state.datasets import Dataset, DatasetStatus
from backend.state.jobs import Job
from backend.state.statuses import ACTIVE


async def get(session: AsyncSession, id_: str) -> Dataset:
    """Raise a Problem (404) unless there is such a dataset."""
    dataset = await session.get(Dataset, id_)
    if dataset is None:
        raise not_found("Dataset", id_)
    return dataset


async def get_ready(session: AsyncSession, id_: str) -> Dataset:
    """The dataset, held against deletion until the transaction ends.

    Raises:
        Problem: 422 when there is no such dataset or it cannot be trained on (yet).
    """
    found = await session.execute(
        select(Dataset).where(Dataset.id == id_).with_for_update(read=True)
    )
    dataset = found.scalar_one_or_none()
    if dataset is None:
        raise _unusable(f"There is no dataset {id_!r}. List the datasets and use one of their ids.")
    name = f"Dataset {dataset.name} version {dataset.version}"
    if dataset.status == DatasetStatus.UPLOADING:
        raise _unusable(f"{name} is not uploaded yet. Finish the upload, or push it again.")
    if dataset.status == DatasetStatus.CHECKING:
        raise _unusable(f"{name} is still being checked. Submit the job when it is ready.")
    if dataset.status == DatasetStatus.REJECTED:
        problems = (dataset.report or {}).get("problems") or [{"message": ""}]
        raise _unusable(f"{name} was rejected: {problems[0]['message']} Mend it and push it again.")
    return dataset


async def find_ready(session: AsyncSession, name: str, task: str, sha256: str) -> Dataset | None:
    """The latest ready version with these very bytes."""
    found = await session.execute(
        select(Dataset)
        .where(Dataset.name == name, Dataset.task == task, Dataset.sha256 == sha256)
        .where(Dataset.status == DatasetStatus.READY)
        .order_by(Dataset.version.desc())
        .limit(1)
    )
    return found.scalar_one_or_none()


async def add(session: AsyncSession, id_: str, **columns: Any) -> Dataset:
    """Insert the next version of `name`.

    Raises:
        sqlalchemy.exc.IntegrityError: another session took that version; try again.
    """
    version = (
        select(func.coalesce(func.max(Dataset.version), 0) + 1)
        .where(Dataset.name == columns["name"])
        .scalar_subquery()
    )
    await session.execute(insert(Dataset).values(id=id_, version=version, **columns))
    return await get(session, id_)


async def page(
    session: AsyncSession, limit: int, cursor: str | None
) -> tuple[Sequence[Dataset], str | None]:
    """As `pagination.page`."""
    rows, next_cursor = await pagination.page(session, select(Dataset), Dataset, limit, cursor)
    return [row[0] for row in rows], next_cursor


async def transition(
    session: AsyncSession, id_: str, source: DatasetStatus, to: DatasetStatus, **columns: Any
) -> bool:
    """One guarded update; False when the dataset was not in `source`."""
    movable = update(Dataset).where(Dataset.id == id_, Dataset.status == source)
    return await execute_guarded(session, movable.values(status=to, **columns))


async def withdraw(session: AsyncSession, id_: str, report: dict[str, Any]) -> Dataset:
    """Bar the dataset from new jobs.

    Raises:
        Problem: 404 when there is none, 409 while jobs that use it are not finished.
    """
    found = await session.execute(select(Dataset).where(Dataset.id == id_).with_for_update())
    dataset = found.scalar_one_or_none()
    if dataset is None:
        raise not_found("Dataset", id_)
    users = await session.scalars(
        select(Job.id).where(Job.dataset_id == id_, Job.status.in_(ACTIVE)).limit(10)
    )
    if jobs := users.all():
        raise Problem(
            409,
            "Dataset in use",
            f"These jobs still use it: {', '.join(jobs)}. Cancel them or wait for their end.",
        )
    dataset.status, dataset.report = DatasetStatus.REJECTED, report
    return dataset


async def delete(session: AsyncSession, id_: str) -> None:
    await session.execute(sql_delete(Dataset).where(Dataset.id == id_))


def _unusable(detail: str) -> Problem:
    return wrong_field("Dataset not ready", "dataset_id", detail)
