"""Table of API tokens; only their hashes are kept."""

import hashlib
from datetime import datetime
from enum import StrEnum

from sqlalchemy import String, func
from sqlalchemy.orm import Mapped, column_property, mapped_column

from backend.infra.database import Base, utcnow


class Access(StrEnum):
    """What a token lets its holder do; each may do what those before it may."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"  # makes and revokes tokens


class ApiToken(Base):
    """A revoked one stays, and its name with it: jobs and datasets tell by that who made them."""

    __tablename__ = "api_tokens"

    name: Mapped[str] = mapped_column(String(63), primary_key=True)
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    access: Mapped[Access] = mapped_column(String(16), server_default=Access.ADMIN)
    # The name of the token that made it; None: `python -m backend token create`.
    created_by: Mapped[str | None] = mapped_column(String(63))
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    # At most `auth.service.NOTE_USES_S` late.
    last_used_at: Mapped[datetime | None]
    id: Mapped[str] = column_property(func.substr(token_sha256, 1, 12))  # as lists have it


def sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
