"""A dataset's life: announced, uploaded in parts, checked, deleted."""

import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from trainyard_datasets import outcome, parts
from trainyard_datasets.report import Report

from backend.context import Context
from backend.datasets import repository
from backend.datasets.schemas import CompletedPart, DatasetCreate, Upload, UploadPart
from backend.infra.database import count, existing, new_id, utcnow
from backend.infra.object_store import LINK_LIFETIME_S, ObjectStoreError
from backend.infra.problems import Problem, not_found, wrong_fields
from backend.state import object_keys
from backend.state.datasets import Dataset, DatasetStatus
from backend.state.jobs import Job
from backend.state.transitions import require_unused

_BYTES = "application/octet-stream"
MAX_UPLOADS = 100  # of one token
# An upload that is taken up again has new links.
ABANDONED_S = 2 * LINK_LIFETIME_S
SWEEP_UPLOADS_S = 3600


async def get(ctx: Context, id_: str) -> Dataset:
    """Raise a Problem (404) unless there is such a dataset."""
    async with ctx.db.reading() as session:
        return await existing(session, Dataset, id_)


async def links(ctx: Context, id_: str) -> list[str]:
    """Links to the archive and its index. Raise a Problem (404) unless the dataset has an index."""
    if (await get(ctx, id_)).index_sha256 is None:
        raise not_found("Index of dataset", id_)
    keys = object_keys.dataset(id_), object_keys.dataset_index(id_)
    bucket, sign = ctx.settings.datasets_bucket, ctx.store.presign_get
    return [await sign(bucket, key, filename=key, media_type=_BYTES) for key in keys]


async def get_ready(session: AsyncSession, id_: str) -> Dataset:
    """The dataset, held against deletion until the session's transaction ends.

    Raises:
        Problem: 422 when there is no such dataset or it cannot be trained on (yet).
    """
    dataset = await session.get(Dataset, id_, with_for_update={"read": True})
    if dataset is None:
        raise _unusable(f"There is no dataset {id_!r}. List the datasets and use one of their ids.")
    name = f"Dataset {dataset.name} version {dataset.version}"
    if dataset.status == DatasetStatus.UPLOADING:
        raise _unusable(f"{name} is not uploaded yet. Finish the upload, or push it again.")
    if dataset.status == DatasetStatus.CHECKING:
        raise _unusable(f"{name} is still being checked. Submit the job when it is ready.")
    if dataset.status == DatasetStatus.REJECTED:
        problems = (dataset.report or {}).get("problems") or [{"message": ""}]
        raise _unusable(f"{name} was rejected: {problems[0]['message']} Fix it and push it again.")
    if dataset.index_sha256 is None:
        raise _unusable(f"{name} was checked by an older version of the platform. Push it again.")
    return dataset


def _unusable(detail: str) -> Problem:
    return wrong_fields("Dataset not ready", {"dataset_id": detail})


def check_size(ctx: Context, size: int) -> None:
    """Raise a Problem (413) when an archive is larger than MAX_DATASET_BYTES."""
    if size > (most := ctx.settings.max_dataset_bytes):
        detail = f"The archive has {size:,} bytes; at most {most:,} are taken. Push a smaller one, "
        raise Problem(413, "Dataset too large", f"{detail}or have MAX_DATASET_BYTES raised.")


async def create(
    ctx: Context, body: DatasetCreate, user: str | None
) -> tuple[Dataset, Upload | None]:
    """A new version and where to upload it; no upload when the same bytes are there and ready.

    Raises:
        Problem: 413 when it is larger than MAX_DATASET_BYTES, 429 when too many are not complete.
    """
    check_size(ctx, body.size)
    async with ctx.db.reading() as session:
        sha256 = body.sha256 or ""
        if ready := await repository.find_ready(session, body.name, body.task, sha256):
            return ready, None
        own = Dataset.created_by.is_not_distinct_from(user)
        if await count(session, Dataset.status == DatasetStatus.UPLOADING, own) >= MAX_UPLOADS:
            detail = f"{MAX_UPLOADS} of your uploads are not complete. Complete or delete some."
            raise Problem(429, "Too many uploads", detail)
    id_ = new_id()
    bucket, key = ctx.settings.datasets_bucket, object_keys.dataset(id_)
    upload = await ctx.store.create_upload(bucket, key)
    try:
        dataset = await _add(ctx, id_, upload_id=upload, created_by=user, **body.model_dump())
    except BaseException:
        await ctx.store.abort_upload(bucket, key, upload)
        raise
    return dataset, await _lacking(ctx, dataset, [])


async def resume(ctx: Context, id_: str) -> Upload:
    """The parts that have arrived, and new links for the others.

    Raises:
        Problem: 404, or 409 when it is complete or rejected, or has expired in the store.
    """
    async with ctx.db.transaction() as session:
        dataset = await existing(session, Dataset, id_, lock=True)
        if going_on := dataset.status == DatasetStatus.UPLOADING:
            dataset.updated_at = utcnow()  # two more days
    bucket, key = ctx.settings.datasets_bucket, object_keys.dataset(id_)
    there = await ctx.store.list_parts(bucket, key, dataset.upload_id or "") if going_on else None
    if there is None:
        detail = f"Dataset {id_} is {dataset.status}; no upload of it is open. Push it again."
        raise Problem(409, "Upload not open", detail)
    return await _lacking(ctx, dataset, there)


async def _lacking(ctx: Context, dataset: Dataset, there: Sequence[parts.UploadedPart]) -> Upload:
    bucket, key = ctx.settings.datasets_bucket, object_keys.dataset(dataset.id)
    sizes = dict(enumerate(parts.sizes(dataset.size), 1))
    whole = {one.number: one.etag for one in there if one.size == sizes.get(one.number)}
    missing = {number: size for number, size in sizes.items() if number not in whole}
    links = await ctx.store.presign_parts(bucket, key, dataset.upload_id or "", missing)
    return Upload(
        part_size=parts.part_size(dataset.size),
        parts=[UploadPart(number=number, url=url) for number, url in links.items()],
        arrived=[CompletedPart(number=number, etag=etag) for number, etag in whole.items()],
    )


async def _add(ctx: Context, id_: str, **columns: Any) -> Dataset:
    # Another session may take the version first: each time one gets its own.
    for _ in range(20):
        with suppress(IntegrityError):
            async with ctx.db.transaction() as session:
                return await repository.add(session, id_, **columns)
    raise Problem(503, "Version taken", "Many push this dataset at once. Push it again.")


async def sweep_uploads(ctx: Context) -> None:
    """Reject uploads that nobody began, took up or completed for two days; drop their parts."""
    report = Report.of_error("It was not uploaded within two days. Push it again.").model_dump()
    before = utcnow() - timedelta(seconds=ABANDONED_S)
    async with ctx.db.transaction() as session:
        going_on = await repository.reject_uploads(session, before, report)
    with suppress(ObjectStoreError):  # the next round drops them
        await ctx.store.abort_uploads(before, going_on)


async def complete(ctx: Context, id_: str, named: Sequence[CompletedPart]) -> Dataset:
    """Join the parts and have the dataset checked. A repeated call changes nothing.

    Raises:
        Problem: 422 when parts are missing, differ or do not add up to the size announced: the
            upload stays open and can be corrected.
    """
    dataset = await get(ctx, id_)
    if dataset.status == DatasetStatus.UPLOADING:
        await _join(ctx, dataset, named)
        async with ctx.db.transaction() as session:
            dataset = await existing(session, Dataset, id_, lock=True)
            if dataset.status == DatasetStatus.UPLOADING:
                dataset.status, dataset.upload_id = DatasetStatus.CHECKING, None
    if dataset.status == DatasetStatus.CHECKING:
        await ctx.temporal.start_check(id_)  # if Temporal is down, `start_workflows` does
    return dataset


async def _join(ctx: Context, dataset: Dataset, named: Sequence[CompletedPart]) -> None:
    bucket, key = ctx.settings.datasets_bucket, object_keys.dataset(dataset.id)
    upload = dataset.upload_id or ""
    arrived = await ctx.store.list_parts(bucket, key, upload)
    problem = "The store did not join the parts. Complete again."
    try:
        chosen = parts.chosen(dataset.size, arrived, [(one.number, one.etag) for one in named])
    except ValueError as error:
        problem = str(error)
    else:
        await ctx.store.complete_upload(bucket, key, upload, chosen)
    # Where it is there all the same, another call joins them now, or died before it could say so.
    if await ctx.store.head(bucket, key) is None:
        raise wrong_fields("Upload incomplete", {"parts": problem})


async def run_check(ctx: Context, id_: str) -> None:
    """Check an uploaded dataset, store its index, and make it ready or rejected.

    Nothing to do where that was done, or where it is deleted meanwhile.

    Raises:
        UnavailableError: the store does not answer; worth another try.
    """
    async with ctx.db.reading() as session:
        dataset = await session.get(Dataset, id_)
    if dataset is None or dataset.status != DatasetStatus.CHECKING:
        return
    bucket, key = ctx.settings.datasets_bucket, object_keys.dataset_index(id_)
    with tempfile.TemporaryFile() as index:
        archive = object_keys.dataset(id_)
        url = await ctx.store.presign_internal_get(bucket, archive, lifetime_s=outcome.LINK_S)
        size, sha256, task = dataset.size, dataset.sha256, dataset.task
        result = await outcome.check_archive(url, size, sha256, task, index)
        if result.index_sha256 is not None:
            await ctx.store.put(bucket, key, index)
    async with ctx.db.transaction() as session:
        left = await session.get(Dataset, id_, with_for_update=True)
        if left is not None and left.status == dataset.status:
            left.status = DatasetStatus.READY if result.accepted else DatasetStatus.REJECTED
            left.report = result.report.model_dump()
            left.sha256 = result.sha256 or left.sha256
            left.index_sha256 = result.index_sha256
    if result.accepted and (left is None or left.status != DatasetStatus.READY):
        await ctx.store.delete(bucket, key)  # the dataset was deleted meanwhile


async def give_up(ctx: Context, id_: str, reason: str) -> None:
    """Reject a dataset that the platform cannot check; `reason` is for the user."""
    report = Report.of_error(reason).model_dump()
    async with ctx.db.transaction() as session:
        dataset = await session.get(Dataset, id_, with_for_update=True)
        if dataset is not None and dataset.status == DatasetStatus.CHECKING:
            dataset.status, dataset.report = DatasetStatus.REJECTED, report


async def delete(ctx: Context, id_: str) -> None:
    """Delete the archive and its index, an unfinished upload of it, and the record.

    Raises:
        Problem: 404, or 409 while jobs that use it are not finished.
        ObjectStoreError: the dataset is barred from new jobs; deleting again goes on.
    """
    report = Report.of_error("Deletion was interrupted. Delete it again.").model_dump()
    async with ctx.db.transaction() as session:
        dataset = await existing(session, Dataset, id_, lock=True)
        await require_unused(session, "Dataset", Job.dataset_id == id_)
        dataset.status, dataset.report = DatasetStatus.REJECTED, report
    bucket, key = ctx.settings.datasets_bucket, object_keys.dataset(id_)
    if dataset.upload_id is not None:
        await ctx.store.abort_upload(bucket, key, dataset.upload_id)
    await ctx.store.delete(bucket, object_keys.dataset_index(id_))
    await ctx.store.delete(bucket, key)
    async with ctx.db.transaction() as session:
        if (left := await session.get(Dataset, id_)) is not None:
            await session.delete(left)
