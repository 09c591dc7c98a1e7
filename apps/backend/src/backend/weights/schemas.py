"""The bodies of the routes of weights."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field
from trainyard_manifest import Task

MAX_BYTES = 5 * 2**30  # that a store takes at once


class WeightsPut(BaseModel):
    model_config = ConfigDict(extra="forbid", from_attributes=True)

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.pt$",
        description="Jobs name them so; of several files with one name they get the latest",
    )
    size: int = Field(ge=1, le=MAX_BYTES, description="Bytes")
    task: Task | None = Field(default=None, description="null: not known")
    model: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]{1,100}$")


class WeightsOut(WeightsPut):
    sha256: str
    created_at: datetime


class WeightsUpload(BaseModel):
    upload: str = Field(description="PUT the file there, then send the same request again")


class WeightsList(BaseModel):
    items: list[WeightsOut]
    next_cursor: str | None = Field(description="null on the last page")
    downloads: bool = Field(description="Whether official weights are fetched on first use")
