from fastapi import APIRouter
from trainyard_manifest import wanted

from backend.context import Ctx
from backend.trainers.schemas import TrainerList, TrainerOut

router = APIRouter(prefix="/api/v1/trainers", tags=["trainers"])


@router.get("")
async def list_trainers(ctx: Ctx) -> TrainerList:
    """The trainers that jobs can name."""
    return TrainerList(items=list(ctx.trainers.all()))


@router.get("/{name}")
async def get_trainer(name: str, ctx: Ctx) -> TrainerOut:
    """A trainer's manifest, with the JSON Schema of its config."""
    manifest = ctx.trainers.get(name)
    schema = manifest.config_schema
    accepts = {field: wanted(schema, rules) for field, rules in manifest.fields.items()}
    return TrainerOut(**manifest.model_dump(), accepts=accepts)
