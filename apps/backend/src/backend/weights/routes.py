from typing import Annotated

from fastapi import APIRouter, Path, Query, status

from backend.context import Ctx
from backend.infra.pagination import ListQuery, page
from backend.state.weights import Weights
from backend.weights import service
from backend.weights.schemas import WeightsList, WeightsOut, WeightsPut, WeightsUpload

router = APIRouter(prefix="/api/v1/weights", tags=["weights"])
Sha256 = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


@router.put("/{sha256}")
async def put_weights(sha256: Sha256, body: WeightsPut, ctx: Ctx) -> WeightsOut | WeightsUpload:
    """Keep the file with this sha256: once to get the upload's link, and again when it is there.

    422 if it is not safe to load, or for another task or model; 409 if it is kept by another name.
    """
    return await service.put(ctx, sha256, body)


@router.get("")
async def list_weights(ctx: Ctx, wanted: Annotated[ListQuery, Query()]) -> WeightsList:
    """Newest first; `id_prefix` is of the sha256."""
    found = await page(ctx.db, Weights, wanted)
    return WeightsList(**dict(found), downloads=bool(ctx.settings.weights_download))


@router.delete("/{sha256}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_weights(sha256: Sha256, ctx: Ctx) -> None:
    """409 while jobs that start from them are not finished."""
    await service.delete(ctx, sha256)
