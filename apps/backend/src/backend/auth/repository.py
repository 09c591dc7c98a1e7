"""The SQL of API tokens."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.state.tokens import ApiToken


async def name_of(session: AsyncSession, digest: str) -> str | None:
    """The name that the token with this sha256 was made with; None: it is not known."""
    return await session.scalar(select(ApiToken.name).where(ApiToken.token_sha256 == digest))
