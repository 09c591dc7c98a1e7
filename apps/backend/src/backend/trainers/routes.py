from fastapi import APIRouter

from backend.catalog.manifest import Manifest, TrainerList
from backend.context import Ctx

router = APIRouter(prefix="/api/v1/trainers", tags=["trainers"])


@router.get("")
async def list_trainers(ctx: Ctx) -> TrainerList:
    """The trainers that jobs can name."""
    return TrainerList(items=list(ctx.trainers.all()))


@router.get("/{name}")
async def get_trainer(name: str, ctx: Ctx) -> Manifest:
    """A trainer's manifest, with the JSON Schema of its config."""
    return ctx.trainers.get(name)
