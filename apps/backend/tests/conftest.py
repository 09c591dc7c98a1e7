"""Fixtures shared by the backend's tests: both databases, the store and Temporal, all real."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import servers
from backend.db import Base, Database, new_id


@pytest.fixture(scope="session")
def servers_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """`USER@HOST:PORT` of a PostgreSQL server whose database `template` has the schema."""
    with servers.postgres() as address:
        _execute(address, "CREATE DATABASE template")
        _create_schema(f"postgresql+asyncpg://{address}/template")
        yield address


@pytest.fixture(scope="session")
def sqlite_template(servers_dir: Path) -> Path:
    path = servers_dir / "template.sqlite3"
    _create_schema(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The DATABASE_URL of an empty database with the schema, once on SQLite, once on PostgreSQL."""
    if request.param == "sqlite":
        path = tmp_path / "backend.sqlite3"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite+aiosqlite:///{path}"
    address = request.getfixturevalue("postgres")
    name = f"test_{new_id()}"
    _execute(address, f"CREATE DATABASE {name} TEMPLATE template")
    return f"postgresql+asyncpg://{address}/{name}"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def store(servers_dir: Path) -> Iterator[servers.S3Server]:
    """A SeaweedFS S3 server: `.endpoint`, `.access_key`, `.secret_key`."""
    with servers.seaweedfs(servers_dir / "seaweedfs") as server:
        yield server


@pytest.fixture(scope="session")
def temporal(servers_dir: Path) -> Iterator[str]:
    """`HOST:PORT` of a Temporal dev server with the namespace `default`."""
    with servers.temporal(servers_dir / "temporal") as address:
        yield address


def _execute(address: str, statement: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(f"postgresql://{address}/postgres")
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


def _create_schema(url: str) -> None:
    async def run() -> None:
        database = Database(url)
        async with database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        await database.close()

    asyncio.run(run())
