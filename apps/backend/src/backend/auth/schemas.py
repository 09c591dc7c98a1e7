"""The bodies of the routes of tokens."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from backend.state.tokens import Access

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
_LONGEST_S = 10 * 365 * 24 * 3600


class TokenCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(
        pattern=NAME,
        description="Must be new: jobs and datasets show the name of the token that made them",
    )
    access: Literal[Access.READ, Access.WRITE] = Field(
        default=Access.WRITE, description="`read`: it changes nothing"
    )
    expires_in_s: int | None = Field(
        default=None, ge=60, le=_LONGEST_S, description="Seconds; null: when it is revoked"
    )


class TokenOut(BaseModel):
    """A token without its secret, which nobody can read again. Times are UTC."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    access: Access
    created_by: str | None = Field(
        description="The token that made it; null: the backend's command"
    )
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="Up to a minute ago it may not be told yet")


class TokenCreated(TokenOut):
    token: str = Field(description="The secret; told only here")


class TokenList(BaseModel):
    items: list[TokenOut]
    next_cursor: str | None = Field(description="null on the last page")
