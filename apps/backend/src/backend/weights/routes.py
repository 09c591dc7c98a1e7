from typing import Annotated

from fastapi import APIRouter, Path, status

from backend.context import Ctx
from backend.weights import service
from backend.weights.repository import NEWEST_FIRST
from backend.weights.schemas import WeightsList, WeightsOut, WeightsPut, WeightsUpload

router = APIRouter(prefix="/api/v1/weights", tags=["weights"])
Sha256 = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


@router.put("/{sha256}")
async def put_weights(sha256: Sha256, body: WeightsPut, ctx: Ctx) -> WeightsOut | WeightsUpload:
    """Keep the file with this sha256: once to get the upload's link, and again when it is there."""
    return await service.put(ctx, sha256, body)


@router.get("")
async def list_weights(ctx: Ctx) -> WeightsList:
    """All, newest first."""
    async with ctx.db.reading() as session:
        rows = (await session.scalars(NEWEST_FIRST)).all()
    return WeightsList(items=[WeightsOut.model_validate(row) for row in rows])


@router.delete("/{sha256}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_weights(sha256: Sha256, ctx: Ctx) -> None:
    """409 while jobs that start from them are not finished."""
    await service.delete(ctx, sha256)
