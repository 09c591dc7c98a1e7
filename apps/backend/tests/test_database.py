import asyncio
from datetime import timedelta
from typing import Any

import pytest
from api_support import shift_clock
from backend.infra import pagination
from backend.infra.database import Database, utcnow
from backend.state.datasets import Dataset
from backend.state.jobs import Job
from backend.state.tokens import ApiToken
from sqlalchemy import select, text


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
        async with asyncio.timeout(30), database.reading() as reader:
            assert (await reader.scalars(select(ApiToken.name))).all() == []


@pytest.mark.databases("sqlite")
async def test_a_statement_cancelled_twice_leaves_nothing_that_waits(database: Database) -> None:
    """As when a backend's loop ends while it cancels its tasks: a Ctrl-C would wait for ever."""
    slow = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<1e6) SELECT count(*) FROM c"

    async def read() -> None:
        async with database.reading() as session:
            await session.execute(text(slow))

    for turns in (1, 3, 6):
        reading = asyncio.create_task(read())
        await asyncio.sleep(0.1)
        reading.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait({reading})
        assert reading.cancelled()
        if closing := asyncio.all_tasks() - {asyncio.current_task()}:
            _, hanging = await asyncio.wait(closing, timeout=30)
            assert not hanging


@pytest.mark.parametrize("table", [Job, Dataset])
async def test_one_of_many_is_looked_up_in_an_index(database: Database, table: Any) -> None:
    age = (table.created_at.desc(), table.id.desc())
    plans = []
    async with database.reading() as session:
        sqlite = database.engine.dialect.name == "sqlite"
        if not sqlite:
            await session.execute(text("SET enable_seqscan = off"))
            await session.execute(text("SET enable_bitmapscan = off"))
        for prefix, name in (("0a", None), (None, "set"), ("0", None)):
            wanted = pagination.ListQuery(id_prefix=prefix, name=name)
            query = pagination.narrow(select(table.id), table, wanted).order_by(*age).limit(6)
            sql = query.compile(database.engine, compile_kwargs={"literal_binds": True})
            explained = await session.execute(
                text(f"EXPLAIN {'QUERY PLAN' if sqlite else ''} {sql}".replace(":", r"\:"))
            )
            plans.append("\n".join(str(row) for row in explained))
    by_id, by_name, by_digit = plans
    assert ("id>? AND id<?" if sqlite else "Index Cond: (((id)::text >= '0a00") in by_id
    assert f"ix_{table.__tablename__}_name_created" in by_name
    assert f"ix_{table.__tablename__}_created" in by_digit
    for newest_first in (by_name, by_digit):
        assert "sort" not in newest_first.lower()
        assert "TEMP B-TREE" not in newest_first


async def test_a_transaction_goes_by_the_databases_clock_from_its_start(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = utcnow()
    shift_clock(monkeypatch, 3600)
    await database.engine.dispose()  # as before the first connection
    async with database.transaction():
        ahead = utcnow() - before
    # SQLite has no clock but the machine's.
    assert (ahead > timedelta(minutes=30)) == (database.engine.dialect.name == "sqlite")
