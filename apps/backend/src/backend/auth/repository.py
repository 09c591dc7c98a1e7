"""The SQL of API tokens."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.infra.database import execute_guarded, utcnow
from backend.state.tokens import ApiToken


async def find(session: AsyncSession, digest: str) -> ApiToken | None:
    """The token with this sha256."""
    return await session.scalar(select(ApiToken).where(ApiToken.token_sha256 == digest))


async def revoke(session: AsyncSession, name: str) -> bool:
    """False: there is no such token. The first time counts."""
    token, ended = update(ApiToken).where(ApiToken.name == name), ApiToken.revoked_at
    revoked = token.values(revoked_at=func.coalesce(ended, utcnow()))
    return await execute_guarded(session, revoked)


async def note_uses(session: AsyncSession, used: Mapping[str, datetime]) -> None:
    """`used`: when, by name. In the order of names, so that no two replicas wait for each other."""
    for name, at in sorted(used.items()):
        token = update(ApiToken).where(ApiToken.name == name)
        await session.execute(token.values(last_used_at=at))
