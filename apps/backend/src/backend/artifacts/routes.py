from fastapi import APIRouter

from backend.artifacts import service
from backend.artifacts.schemas import ArtifactList, ArtifactPut
from backend.context import Ctx

router = APIRouter(prefix="/api/v1/jobs", tags=["artifacts"])


@router.get("/{id}/artifacts")
async def list_artifacts(id: str, ctx: Ctx) -> ArtifactList:  # noqa: A002
    """What the job left behind, by name; of one that goes on, what there is so far."""
    return ArtifactList(items=await service.artifacts(ctx, id))


@router.put("/{id}/artifacts")
async def put_artifact(id: str, body: ArtifactPut, ctx: Ctx) -> str:  # noqa: A002
    """The link to PUT a file of an attached job to, its sha256 as the header `x-amz-meta-sha256`."""
    return await service.upload_link(ctx, id, body)
