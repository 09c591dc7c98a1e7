"""The bodies of the routes of weights."""

from datetime import datetime

from pydantic import Field
from trainyard_datasets.limits import MAX_WEIGHTS_BYTES
from trainyard_manifest import Task

from backend.infra.pagination import Page
from backend.infra.schemas import RequestBody, Schema


class WeightsPut(RequestBody):
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.pt$")
    """Jobs name them so; of several files with one name they get the latest"""
    size: int = Field(ge=1, le=MAX_WEIGHTS_BYTES)
    """Bytes"""
    task: Task | None = None
    """null: not known"""
    model: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]{1,100}$")


class WeightsOut(WeightsPut):
    sha256: str
    created_at: datetime


class WeightsUpload(Schema):
    upload: str
    """PUT the file there, then send the same request again"""


class WeightsList(Page[WeightsOut]):
    downloads: bool
    """Whether official weights are fetched on first use"""
