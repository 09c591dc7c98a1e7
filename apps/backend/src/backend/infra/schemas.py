"""What bodies of requests and answers have in common."""

from pydantic import BaseModel, ConfigDict


class Schema(BaseModel):
    """Made of a body, or of an object with these attributes; docstrings describe its fields."""

    model_config = ConfigDict(from_attributes=True, use_attribute_docstrings=True)


class RequestBody(Schema):
    """What a user sends: a field that it does not have is refused."""

    model_config = ConfigDict(extra="forbid")
