"""The bodies of the routes of registered models."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _by_key(tags: list[Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in tags}


class Promotion(BaseModel):
    """Without a dataset it is the way back, to the version that the present one replaced."""

    model_config = ConfigDict(extra="forbid")

    version: int = Field(ge=1)
    dataset_id: str | None = Field(default=None, description="The gate: how it was judged on this")
    split: Literal["train", "val", "test"] = "val"
    threshold: float | None = Field(None, description="null: what the replaced version has")


class ModelVersion(BaseModel):
    """As MLflow has it; `tags` tell its job, and who moved an alias to it, when and why."""

    name: str
    version: int
    aliases: list[str] = []
    run_id: str | None = None
    source: str
    tags: Annotated[dict[str, str], BeforeValidator(_by_key)] = {}
    created_at: datetime = Field(validation_alias="creation_timestamp")


class ModelVersionList(BaseModel):
    items: list[ModelVersion]
    next_cursor: str | None = Field(description="null on the last page")
