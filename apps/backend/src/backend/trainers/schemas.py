from pydantic import BaseModel, Field
from trainyard_manifest import Manifest, TrainerSummary


class TrainerOut(Manifest):
    accepts: dict[str, str] = Field(
        description="What each field of `config_schema` may be, in words"
    )


class TrainerList(BaseModel):
    items: list[TrainerSummary]
