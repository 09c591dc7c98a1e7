from backend.auth.models import ApiToken
from backend.db import Database, utcnow
from sqlalchemy import select


async def test_times_keep_their_zone(database: Database) -> None:
    now = utcnow()
    async with database.transaction() as session:
        session.add(ApiToken(name="ci", token_sha256="0" * 64, created_at=now))
    async with database.transaction() as session:
        assert (await session.scalars(select(ApiToken.created_at))).one() == now
