"""The API tokens' SQL."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.state.tokens import ApiToken


async def exists(session: AsyncSession, token_sha256: str) -> bool:
    query = select(ApiToken.name).where(ApiToken.token_sha256 == token_sha256)
    return await session.scalar(query) is not None


async def add(session: AsyncSession, name: str, token_sha256: str) -> None:
    """Insert a token.

    Raises:
        sqlalchemy.exc.IntegrityError: at the flush, when the name is taken.
    """
    session.add(ApiToken(name=name, token_sha256=token_sha256))
    await session.flush()
