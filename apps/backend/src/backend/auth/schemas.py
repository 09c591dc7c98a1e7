"""The bodies of the routes of tokens."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from backend.infra.pagination import Page
from backend.infra.schemas import RequestBody, Schema
from backend.state.tokens import Access

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
_LONGEST_S = 10 * 365 * 24 * 3600


class TokenCreate(RequestBody):
    name: str = Field(pattern=NAME)
    """Must be new: jobs and datasets show the name of the token that made them"""
    access: Literal[Access.READ, Access.WRITE] = Access.WRITE
    """`read`: it changes nothing"""
    expires_in_s: int | None = Field(default=None, ge=60, le=_LONGEST_S)
    """Seconds; null: when it is revoked"""


class TokenOut(Schema):
    """A token without its secret, which nobody can read again. Times are UTC."""

    name: str
    access: Access
    created_by: str | None
    """The token that made it; null: the backend's command"""
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    """Up to a minute ago it may not be told yet"""


class TokenCreated(TokenOut):
    token: str
    """The secret; told only here"""


class TokenList(Page[TokenOut]): ...
