"""The bodies of the dataset routes."""

import re
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError
from trainyard_datasets.report import Report
from trainyard_manifest import Task

from backend.infra.pagination import ListQuery, Page
from backend.infra.schemas import RequestBody, Schema
from backend.state.datasets import DatasetStatus

_NAME = r"^[a-z0-9][a-z0-9._-]{0,62}$"


def _named(name: str) -> str:
    if not re.fullmatch(_NAME, name):
        told = "Use lower-case letters, digits and . _ - (at most 63), a letter or digit first."
        raise PydanticCustomError("dataset_name", told)
    return name


class DatasetCreate(RequestBody):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "digits", "task": "detect", "size": 1048576}]},
    )

    name: Annotated[str, AfterValidator(_named)] = Field(json_schema_extra={"pattern": _NAME})
    """Lower-case letters, digits and . _ - (at most 63); each push is a new version"""
    task: Task
    size: int = Field(gt=0, le=2**53)
    """Bytes of the zip archive"""
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """Of the archive; with it, an identical ready version is found again"""


class UploadPart(Schema):
    number: int
    url: str


class CompletedPart(Schema):
    number: int = Field(ge=1, le=10_000)
    etag: str = Field(max_length=200)
    """The ETag header of the part's PUT"""


class Upload(Schema):
    """PUT each part of `part_size` bytes (the last may be smaller) to its link within 24 hours."""

    part_size: int
    parts: list[UploadPart]
    arrived: list[CompletedPart] = Field(default=[])
    """Parts that are there already"""


class DatasetOut(Schema):
    id: str
    name: str
    version: int
    task: Task
    status: DatasetStatus
    size: int
    sha256: str | None
    report: Report | None
    created_by: str | None
    """The API token that announced it; null: none"""
    created_at: datetime


class DatasetCreated(DatasetOut):
    upload: Upload | None = None
    """null when an identical ready version exists: nothing to upload"""


class DatasetLinks(Schema):
    """Good for 24 hours; they need no token, and may be read by ranges."""

    archive: str
    index: str
    """Lines of JSON: which files of the archive training reads"""


class DatasetQuery(ListQuery):
    status: list[DatasetStatus] = Field(default=[])
    """Any of these; default: all"""
    version: int | None = Field(default=None, ge=1, le=2**31 - 1)


class DatasetList(Page[DatasetOut]): ...


class UploadComplete(RequestBody):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"parts": [{"number": 1, "etag": "9b2cf535f27731c974343645a3985328"}]}]
        },
    )

    parts: list[CompletedPart] = Field(
        max_length=10_000,
        # Told here, judged by the service, whose sentence says what to do.
        json_schema_extra={"minItems": 1},
    )
