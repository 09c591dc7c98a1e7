from fastapi import APIRouter

from backend.artifacts import service
from backend.artifacts.schemas import ArtifactList
from backend.context import Ctx

router = APIRouter(prefix="/api/v1/jobs", tags=["artifacts"])


@router.get("/{id}/artifacts")
async def list_artifacts(id: str, ctx: Ctx) -> ArtifactList:  # noqa: A002
    """What the job left behind, by name; of one that goes on, what there is so far."""
    return ArtifactList(items=await service.artifacts(ctx, id))
