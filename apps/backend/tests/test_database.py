import asyncio

from backend.infra.database import Database, utcnow
from backend.state.tokens import ApiToken
from sqlalchemy import select


async def test_times_keep_their_zone(database: Database) -> None:
    now = utcnow()
    async with database.transaction() as session:
        session.add(ApiToken(name="ci", token_sha256="0" * 64, created_at=now))
    async with database.transaction() as session:
        assert (await session.scalars(select(ApiToken.created_at))).one() == now


async def test_readers_do_not_wait_for_a_writer(database: Database) -> None:
    async with database.transaction() as writer:
        writer.add(ApiToken(name="ci", token_sha256="0" * 64))
        await writer.flush()
        async with asyncio.timeout(2), database.reading() as reader:
            assert (await reader.scalars(select(ApiToken.name))).all() == []
