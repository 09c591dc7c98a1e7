from pydantic import BaseModel, Field


class ArtifactOut(BaseModel):
    """A file that a job left behind. `best.pt` is the model."""

    name: str
    size: int = Field(description="bytes")
    sha256: str | None
    media_type: str
    url: str = Field(description="Download link, good for 24 hours; needs no token")


class ArtifactList(BaseModel):
    items: list[ArtifactOut]
