from fastapi import APIRouter

from backend.context import Ctx
from backend.models import service
from backend.models.schemas import ArtifactList

router = APIRouter(prefix="/api/v1/jobs", tags=["models"])


@router.get("/{id}/artifacts")
async def list_artifacts(id: str, ctx: Ctx) -> ArtifactList:  # noqa: A002
    """What the job left behind, by name; empty until it has finished."""
    return ArtifactList(items=await service.artifacts(ctx, id))
