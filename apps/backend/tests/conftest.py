"""Fixtures shared by the backend's tests: both databases, the store and Temporal, all real."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import api_support
import asyncpg
import botocore.session
import data_support
import pytest
import servers
from api_support import Api
from backend.context import Context
from backend.infra import database as database_module
from backend.infra.database import Database, new_id
from backend.state import migrate
from data_support import Served
from training_support import (
    MANIFEST,
    ScriptedExecutor,
    make_context,
    mlflow_settings,
    settings,
)

if TYPE_CHECKING:
    from fake_kubernetes import FakeKubernetes
    from mypy_boto3_s3 import S3Client

_JOB = (
    "{metadata: {namespace: platform}, spec: {template: {spec: {containers: [{name: trainer}]}}}}"
)
_MLFLOW_PASSWORD = "a-test-of-mlflow"
_KUBECONFIG = "kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION"

# A busy machine has let PostgreSQL wait longer than a user of the API should.
database_module.CONNECT_TIMEOUT_S = 60.0

# Each backend of a test would parse S3's model anew: a third of what its start costs.
botocore.session.create_loader = cache(botocore.session.create_loader)


@pytest.fixture(scope="session")
def servers_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """`USER@HOST:PORT` of a PostgreSQL server whose database `template` has the schema."""
    with servers.postgres(durable=False) as address:
        _execute(address, "CREATE DATABASE template")
        _create_schema(f"postgresql+asyncpg://{address}/template")
        yield address


@pytest.fixture(scope="session")
def sqlite_template(servers_dir: Path) -> Path:
    path = servers_dir / "template.sqlite3"
    _create_schema(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def mlflow_url(servers_dir: Path) -> Iterator[str]:
    """Of a real MLflow, for tests of the group `mlflow`: one worker starts it, which takes its time.

    With the user and the password that it asks for.
    """
    with servers.mlflow(servers_dir / "mlflow", password=_MLFLOW_PASSWORD) as url:
        yield url.replace("//", f"//admin:{_MLFLOW_PASSWORD}@")


@pytest.fixture
async def ctx(
    database_url: str, store: servers.S3Server, mlflow_url: str
) -> AsyncIterator[Context]:
    """Of a backend whose MLflow is real; modules whose Temporal or Kubernetes is have their own."""
    chosen = settings(database_url, store, "127.0.0.1:1", **mlflow_settings(mlflow_url))
    ctx = await make_context(chosen, ScriptedExecutor(), MANIFEST)
    yield ctx
    await ctx.db.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test of a database runs on both, unless it is marked with those it needs."""
    if "database_url" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("databases")
        names = mark.args if mark else ("sqlite", "postgresql")
        metafunc.parametrize("database_url", names, indirect=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The DATABASE_URL of an empty database with the schema."""
    if request.param == "sqlite":
        path = tmp_path / "backend.sqlite3"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite+aiosqlite:///{path}"
        return
    address = request.getfixturevalue("postgres")
    name = f"test_{new_id()}"
    _execute(address, f"CREATE DATABASE {name} TEMPLATE template")
    yield f"postgresql+asyncpg://{address}/{name}"
    _execute(address, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
async def api(database_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    """The backend with its database alone; everything else is away."""
    async with api_support.serving(api_support.settings(database_url, tmp_path)) as api:
        yield api


@pytest.fixture
async def kubernetes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator["FakeKubernetes"]:
    """The current cluster; its client takes a second to import. `job.yaml` is the template of Jobs."""
    from fake_kubernetes import FakeKubernetes  # noqa: PLC0415

    monkeypatch.setattr(_KUBECONFIG, str(tmp_path / "config"))
    (tmp_path / "job.yaml").write_text(_JOB)
    kubernetes = FakeKubernetes()
    async with kubernetes.serving(tmp_path / "config"):
        yield kubernetes


@pytest.fixture(scope="session")
def store(servers_dir: Path) -> Iterator[servers.S3Server]:
    """A SeaweedFS S3 server: `.endpoint`, `.access_key`, `.secret_key`."""
    with servers.seaweedfs(servers_dir / "seaweedfs") as server:
        yield server


@pytest.fixture
async def served(database_url: str, store: servers.S3Server) -> AsyncIterator[Served]:
    """The data's routes with a database and the store; Temporal is played."""
    async with data_support.running(database_url, store) as served:
        yield served


@pytest.fixture(scope="session")
def s3(store: servers.S3Server) -> "S3Client":
    """A client of the store's server, for what the backend itself never does."""
    return store.client()


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
        await migrate.migrate(database)
        await database.close()

    asyncio.run(run())
