from fastapi import APIRouter
from pydantic import BaseModel, Field
from trainyard_manifest import Manifest, TrainerSummary, wanted

from backend.context import Ctx

router = APIRouter(prefix="/api/v1/trainers", tags=["trainers"])


class TrainerOut(Manifest):
    accepts: dict[str, str] = Field(
        description="What each field of `config_schema` may be, in words"
    )


class TrainerList(BaseModel):
    items: list[TrainerSummary]


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
