from pydantic import Field

from backend.infra.schemas import Schema


class ArtifactOut(Schema):
    """A file that a job left behind. `best.pt` is the model."""

    name: str
    size: int
    """bytes"""
    sha256: str | None
    media_type: str
    url: str
    """Download link, good for 24 hours; needs no token"""


class ArtifactList(Schema):
    items: list[ArtifactOut]


class ArtifactPut(Schema):
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")
    size: int = Field(ge=0, le=5 * 2**30)
    """Bytes"""
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
