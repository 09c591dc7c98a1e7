"""The migrations: they make what the models say, and several replicas may run them at once."""

import asyncio
import time
from contextlib import nullcontext
from pathlib import Path

import oldest_schema
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from backend.infra.database import Base, Database
from backend.state import migrate
from sqlalchemy import Connection, text


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, Base.metadata))


def _drop_all(connection: Connection) -> None:
    Base.metadata.drop_all(connection)
    connection.execute(text("DROP TABLE alembic_version"))


async def test_migrations_make_what_the_models_say(database: Database) -> None:
    async with database.engine.begin() as connection:
        await connection.run_sync(_drop_all)
        await connection.run_sync(oldest_schema.create)
    await migrate.migrate(database)
    async with database.engine.connect() as connection:
        assert await connection.run_sync(_differences) == []


async def test_replicas_may_migrate_at_once(database_url: str) -> None:
    databases = [Database(database_url) for _ in range(3)]
    try:
        async with databases[0].engine.begin() as connection:
            await connection.run_sync(_drop_all)
        with pytest.raises(migrate.SchemaError, match="python -m backend migrate"):
            await migrate.check(databases[0])
        waiting = asyncio.create_task(migrate.wait(databases[0]))
        await asyncio.gather(*(migrate.migrate(database) for database in databases))
        async with asyncio.timeout(60):
            await waiting
        async with databases[0].engine.connect() as connection:
            assert await connection.run_sync(_differences) == []
    finally:
        for database in databases:
            await database.close()


@pytest.mark.parametrize(
    ("version", "serves", "advice"),
    [("9999", True, "Go on with that version"), ("0001", False, "Bring it to 0015 with a version")],
)
async def test_the_schema_of_another_version_is_left_alone(
    database: Database, version: str, serves: bool, advice: str
) -> None:
    async with database.engine.begin() as connection:
        await connection.execute(text(f"UPDATE alembic_version SET version_num = '{version}'"))
    # An older replica may still serve.
    with nullcontext() if serves else pytest.raises(migrate.SchemaError):
        await migrate.check(database)
    with pytest.raises(migrate.SchemaError, match=rf"schema {version}.*{advice}"):
        await migrate.migrate(database)


NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = {head!r}


def upgrade():
    op.add_column("datasets", sa.Column("added", sa.Integer()))
"""


@pytest.mark.databases("postgresql")
async def test_heartbeats_do_not_wait_behind_a_migration_that_waits(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ScriptDirectory.from_config(migrate.config())
    (tmp_path / "next.py").write_text(NEXT.format(head=real.get_current_head()))

    def config(connection: Connection | None = None) -> Config:
        made = Config(attributes={"connection": connection})
        made.set_main_option("script_location", real.dir)
        made.set_main_option("path_separator", "newline")
        made.set_main_option("version_locations", f"{real.dir}/versions\n{tmp_path}")
        return made

    monkeypatch.setattr(migrate, "config", config)
    async with database.engine.begin() as backup:
        await backup.execute(text("LOCK TABLE datasets IN ACCESS SHARE MODE"))
        migrating = asyncio.create_task(migrate.migrate(database))
        async with asyncio.timeout(60):
            for _ in range(40):
                async with database.engine.begin() as connection:
                    began = time.monotonic()
                    await connection.execute(text("UPDATE datasets SET size = 1"))
                    assert time.monotonic() - began < 5
                await asyncio.sleep(0.05)
        assert not migrating.done()
    async with asyncio.timeout(60):
        await migrating
    await migrate.check(database)


async def test_database_that_is_away_is_no_schema(tmp_path: Path) -> None:
    database = Database("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    with pytest.raises(OSError):
        await migrate.check(database)
    await database.close()
