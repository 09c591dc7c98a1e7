"""The bodies of the dataset routes."""

import re
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError
from trainyard_datasets.report import Report
from trainyard_manifest import Task

from backend.infra.pagination import ListQuery
from backend.state.datasets import DatasetStatus

_NAME = r"^[a-z0-9][a-z0-9._-]{0,62}$"


def _named(name: str) -> str:
    if not re.fullmatch(_NAME, name):
        told = "Use lower-case letters, digits and . _ - (at most 63), a letter or digit first."
        raise PydanticCustomError("dataset_name", told)
    return name


class DatasetCreate(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "digits", "task": "detect", "size": 1048576}]},
    )

    name: Annotated[str, AfterValidator(_named)] = Field(
        json_schema_extra={"pattern": _NAME},
        description="Lower-case letters, digits and . _ - (at most 63); each push is a new version",
    )
    task: Task
    size: int = Field(gt=0, le=2**53, description="Bytes of the zip archive")
    sha256: str | None = Field(
        default=None,
        pattern="^[0-9a-f]{64}$",
        description="Of the archive; with it, an identical ready version is found again",
    )


class UploadPart(BaseModel):
    number: int
    url: str


class CompletedPart(BaseModel):
    number: int = Field(ge=1, le=10_000)
    etag: str = Field(max_length=200, description="The ETag header of the part's PUT")


class Upload(BaseModel):
    """PUT each part of `part_size` bytes (the last may be smaller) to its link within 24 hours."""

    part_size: int
    parts: list[UploadPart]
    arrived: list[CompletedPart] = Field(default=[], description="Parts that are there already")


class DatasetOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    version: int
    task: Task
    status: DatasetStatus
    size: int
    sha256: str | None
    report: Report | None
    created_by: str | None = Field(description="The API token that announced it; null: none")
    created_at: datetime


class DatasetCreated(DatasetOut):
    upload: Upload | None = Field(
        default=None, description="null when an identical ready version exists: nothing to upload"
    )


class DatasetLinks(BaseModel):
    """Good for 24 hours; they need no token, and may be read by ranges."""

    archive: str
    index: str = Field(description="Lines of JSON: which files of the archive training reads")


class DatasetQuery(ListQuery):
    status: list[DatasetStatus] = Field(default=[], description="Any of these; default: all")
    version: int | None = Field(default=None, ge=1, le=2**31 - 1)


class DatasetList(BaseModel):
    items: list[DatasetOut]
    next_cursor: str | None


class UploadComplete(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"parts": [{"number": 1, "etag": "9b2cf535f27731c974343645a3985328"}]}]
        },
    )

    parts: list[CompletedPart] = Field(
        max_length=10_000,
        # Told here, judged by the service, whose sentence says what to do.
        json_schema_extra={"minItems": 1},
    )
