"""The bodies of the routes of registered models."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from backend.infra.pagination import Page
from backend.infra.schemas import RequestBody, Schema


def _by_key(tags: list[Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in tags}


class Promotion(RequestBody):
    """Without a dataset it is the way back, to the version that the present one replaced."""

    version: int = Field(ge=1)
    dataset_id: str | None = None
    """The gate: how it was judged on this"""
    split: Literal["train", "val", "test"] = "val"
    threshold: float | None = None
    """null: what the replaced version has"""


class ModelVersion(Schema):
    """As MLflow has it; `tags` tell its job, and who moved an alias to it, when and why."""

    name: str
    version: int
    aliases: list[str] = Field(default=[])
    run_id: str | None = None
    source: str
    tags: Annotated[dict[str, str], BeforeValidator(_by_key)] = Field(default={})
    created_at: datetime = Field(validation_alias="creation_timestamp")


class ModelVersionList(Page[ModelVersion]): ...
