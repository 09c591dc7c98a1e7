from typing import Annotated

from fastapi import APIRouter, Query, Response, status

from backend.context import Ctx, User
from backend.datasets import schemas, service
from backend.datasets.schemas import DatasetCreated, DatasetLinks, DatasetList, DatasetOut
from backend.infra.pagination import page
from backend.state.datasets import Dataset

router = APIRouter(prefix="/api/v1/datasets", tags=["datasets"])


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    response_model=DatasetCreated,
    responses={200: {"model": DatasetCreated}, 204: {"description": "It would be taken (dry run)"}},
)
async def create_dataset(
    body: schemas.DatasetCreate,
    ctx: Ctx,
    user: User,
    response: Response,
    dry_run: Annotated[bool, Query(description="Only check; create nothing")] = False,
) -> DatasetCreated | Response:
    """Announce an archive and get the links to upload it to.

    200 and no upload when a ready version of that name, task and sha256 exists.
    """
    if dry_run:
        service.check_size(ctx, body.size)
        return Response(status_code=status.HTTP_204_NO_CONTENT)
    dataset, upload = await service.create(ctx, body, user)
    if upload is None:
        response.status_code = status.HTTP_200_OK
    return DatasetCreated.model_validate(dataset).model_copy(update={"upload": upload})


@router.post("/{id}/upload")
async def resume_upload(id: str, ctx: Ctx) -> schemas.Upload:  # noqa: A002
    """What an interrupted upload still lacks, with new links. 409 when it is open no longer."""
    return await service.resume(ctx, id)


@router.post("/{id}/complete", status_code=status.HTTP_202_ACCEPTED)
async def complete_upload(id: str, body: schemas.UploadComplete, ctx: Ctx) -> DatasetOut:  # noqa: A002
    """Say that all parts are uploaded; the check starts. Calling it again is harmless."""
    return DatasetOut.model_validate(await service.complete(ctx, id, body.parts))


@router.get("")
async def list_datasets(ctx: Ctx, wanted: Annotated[schemas.DatasetQuery, Query()]) -> DatasetList:
    """Newest first; `next_cursor` is null on the last page."""
    return DatasetList.model_validate(await page(ctx.db, Dataset, wanted))


@router.get("/{id}")
async def get_dataset(id: str, ctx: Ctx) -> DatasetOut:  # noqa: A002
    return DatasetOut.model_validate(await service.get(ctx, id))


@router.get("/{id}/links")
async def link_dataset(id: str, ctx: Ctx) -> DatasetLinks:  # noqa: A002
    """Links to the archive and its index. 404 while it has none: it is not checked, or rejected."""
    archive, index = await service.links(ctx, id)
    return DatasetLinks(archive=archive, index=index)


@router.delete("/{id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_dataset(id: str, ctx: Ctx) -> None:  # noqa: A002
    """Delete the archive and its record; 409 while jobs that use it are not finished."""
    await service.delete(ctx, id)
