from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, status

from backend.context import Ctx, User
from backend.models import service
from backend.models.schemas import ModelVersion, ModelVersionList, Promotion

router = APIRouter(prefix="/api/v1/models", tags=["models"])
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
Name = Annotated[str, Path(pattern=_NAME)]
JobId = Annotated[str, Body(embed=True, pattern="^[0-9a-f]{12}$")]


@router.get("")
async def list_models(
    ctx: Ctx,
    name: Annotated[str | None, Query(pattern=_NAME, description="Only this one's")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str, Query(max_length=2000, description="`next_cursor`")] = "",
) -> ModelVersionList:
    """Versions of registered models, those that changed last first."""
    return await service.versions(ctx, name, limit, cursor)


@router.post("/{name}/versions", status_code=status.HTTP_201_CREATED)
async def register_model(name: Name, job_id: JobId, ctx: Ctx) -> ModelVersion:
    """Register a job's best.pt as the model's next version. 409 unless the job has succeeded."""
    return await service.register(ctx, name, job_id)


@router.put("/{name}/aliases/{alias}")
async def promote_model(
    name: Name, alias: str, body: Promotion, ctx: Ctx, user: User
) -> ModelVersion:
    """Move the alias to a version that passes the gate. 409, with both numbers, if it does not."""
    return await service.promote(ctx, f"{name}@{alias}", body, user or "anyone")
