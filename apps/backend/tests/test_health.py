"""What the backend tells probes, people and Prometheus of the services that it leans on."""

import asyncio
import math
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import api_support
import data_support
import pytest
import servers
from api_support import Api, Running, add_running, set_attempt, set_job
from backend.health import checks
from backend.infra.database import Database, utcnow
from backend.infra.object_store import ObjectStore
from backend.jobs import repository
from backend.state import migrate
from backend.state.statuses import JobStatus
from fake_launcher import fake_launcher
from redis_support import redis
from small_disk import small_file_system
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

pytestmark = pytest.mark.databases("postgresql")


@pytest.fixture
async def whole(
    database_url: str, store: servers.S3Server, temporal: str, tmp_path: Path
) -> AsyncIterator[tuple[Api, int]]:
    """A backend that lacks nothing but Redis and MLflow, and Redis' port."""
    port = servers.free_port()
    changes = {
        "temporal_address": temporal,
        "redis_url": f"redis://:secret@127.0.0.1:{port}/0",
        "mlflow_tracking_uri": f"http://127.0.0.1:{servers.free_port()}",
        "launcher_socket": tmp_path / "s",
    }
    chosen = api_support.settings(database_url, tmp_path, store, **changes)
    async with fake_launcher(tmp_path / "s"), api_support.serving(chosen) as api:
        yield api, port


@asynccontextmanager
async def mlflow(url: str) -> AsyncIterator[None]:
    """As much of MLflow as its version, which takes the login."""
    host, port = url.removeprefix("http://").split(":")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        is_asked = line.startswith(b"GET /version ")
        found = HTTPStatus.OK if is_asked else HTTPStatus.NOT_FOUND
        writer.write(b"HTTP/1.1 %d x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % found)
        writer.close()

    async with await asyncio.start_server(answer, host, int(port)):
        yield


async def until_missing(api: Api, *names: str) -> dict[str, str]:
    """Ask until exactly these are not well; the readiness then."""
    async with asyncio.timeout(60):
        while True:
            reply = await api.http.get("/readyz")
            ready = reply.json()
            if {name for name, found in ready["checks"].items() if found != "ok"} == set(names):
                assert reply.is_success
                return {"status": ready["status"], **ready["checks"]}
            await asyncio.sleep(0.1)


async def test_without_redis_and_mlflow_it_is_ready_and_says_so(
    whole: tuple[Api, int], tmp_path: Path
) -> None:
    api, port = whole
    away = await until_missing(api, "redis", "mlflow")
    assert away["status"] == "ok"
    assert "REDIS_URL" in away["redis"]
    assert "secret" not in away["redis"]
    assert "MLFLOW_TRACKING_URI" in away["mlflow"]
    uri = api.ctx.settings.mlflow_tracking_uri
    assert uri
    with redis(tmp_path, port):
        async with mlflow(uri):
            await until_missing(api)
        await until_missing(api, "mlflow")


async def test_prometheus_gets_each_check(api: Api) -> None:
    lines = (await api.http.get("/metrics")).text.splitlines()
    for name, up in {"database": 1, "store": 0, "temporal": 0, "launcher": 0}.items():
        assert f'trainyard_dependency_up{{name="{name}"}} {up:.1f}' in lines


async def gauge(api: Api, name: str) -> float:
    lines = (await api.http.get("/metrics")).text.splitlines()
    (value,) = [line.rsplit(maxsplit=1)[1] for line in lines if line.startswith(f"{name} ")]
    return float(value)


async def minutes_waited(api: Api, status: JobStatus) -> int:
    async with api.ctx.db.reading() as session:
        ages = await repository.oldest_waiting_ages(session)
    return int(ages.get(status, 0) // 60)


@pytest.mark.databases("sqlite", "postgresql")
async def test_prometheus_gets_the_age_of_the_oldest_job_that_waits_however_many_run(
    api: Api,
) -> None:
    hour_ago = utcnow() - timedelta(hours=1)
    await add_running(api.ctx, JobStatus.RUNNING, created_at=hour_ago)
    for status in (JobStatus.QUEUED, JobStatus.PREPARING, JobStatus.RETRYING):
        assert await minutes_waited(api, status) == 0
    await add_running(api.ctx, JobStatus.QUEUED, attempt=0, created_at=hour_ago)
    await add_running(api.ctx, JobStatus.QUEUED, attempt=0)
    assert await minutes_waited(api, JobStatus.QUEUED) == 60
    age = "trainyard_oldest_waiting_job_age_seconds"
    assert await gauge(api, f'{age}{{status="queued"}}') >= 3600
    assert await gauge(api, f'{age}{{status="retrying"}}') == 0


async def test_what_waits_counts_from_its_last_attempt_not_from_the_last_look_at_it(
    api: Api,
) -> None:
    ago = {minutes: utcnow() - timedelta(minutes=minutes) for minutes in (20, 30, 600)}
    retrying = await add_running(api.ctx, JobStatus.RETRYING, created_at=ago[600])
    await set_attempt(api.ctx, retrying.job_id, created_at=ago[600], ended_at=ago[20])
    preparing = await add_running(api.ctx, created_at=ago[600])
    await set_attempt(api.ctx, preparing.job_id, created_at=ago[30])
    for running in (retrying, preparing):
        await set_job(api.ctx, running.job_id, updated_at=utcnow())
    assert await minutes_waited(api, JobStatus.RETRYING) == 20
    assert await minutes_waited(api, JobStatus.PREPARING) == 30


async def test_a_job_that_says_what_place_it_waits_for_is_no_stuck_one(api: Api) -> None:
    hour_ago = utcnow() - timedelta(hours=1)
    told = await add_running(api.ctx, message="It waits in its queue for its turn.")
    await set_attempt(api.ctx, told.job_id, created_at=hour_ago)
    assert await minutes_waited(api, JobStatus.PREPARING) == 0
    # Its executor is away: the message says so, and nothing was launched.
    await set_attempt(api.ctx, told.job_id, launched_at=None)
    assert await minutes_waited(api, JobStatus.PREPARING) == 60
    # Its attempt is over, and no workflow takes notice.
    await set_attempt(api.ctx, told.job_id, launched_at=hour_ago, ended_at=hour_ago)
    assert await minutes_waited(api, JobStatus.PREPARING) == 60


@pytest.mark.databases("sqlite", "postgresql")
async def test_prometheus_gets_the_size_of_postgresql_only(api: Api) -> None:
    size = await gauge(api, "trainyard_database_size_bytes")
    assert size > 2**20 if api.ctx.db.engine.dialect.name == "postgresql" else math.isnan(size)


@pytest.mark.databases("sqlite", "postgresql")
async def test_prometheus_gets_the_main_metric_of_a_job_s_best_model(api: Api) -> None:
    best = {"epoch": 3, "metric": "metrics/mAP50(B)", "value": 0.75}
    known, unknown = await add_running(api.ctx, best=best), await add_running(api.ctx)
    await add_running(api.ctx, best=best | {"value": None})
    text = (await api.http.get("/metrics")).text
    told = [line for line in text.splitlines() if line.startswith("trainyard_job_best{")]
    assert told == [f'trainyard_job_best{{job_id="{known.job_id}",metric="metrics/mAP50(B)"}} 0.75']
    assert unknown.job_id not in text


async def test_many_who_ask_at_once_are_one_question(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    look = checks.Checks._look

    async def counted(self: checks.Checks) -> dict[str, str]:
        nonlocal looks
        looks += 1
        return await look(self)

    monkeypatch.setattr(checks.Checks, "_look", counted)
    await asyncio.gather(*(api.http.get(path) for path in ("/readyz", "/metrics") * 10))
    assert looks <= 2  # those that come a second later ask anew


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 128 MiB, where other users may look in, such as PostgreSQL's."""
    with (
        tempfile.TemporaryDirectory(prefix="trainyard-disk-") as folder,
        small_file_system(Path(folder), "size=128m", "777") as disk,
    ):
        yield disk


@contextmanager
def database_on(disk: Path, kind: str) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite+aiosqlite:///{disk / 'db'}"
        return
    with servers.postgres(below=disk, durable=False) as address:
        yield f"postgresql+asyncpg://{address}/postgres"


async def beat(api: Api, running: Running, epoch: int) -> int:
    """Tell 200 metrics of an epoch, which takes space; the status of the answer."""
    body = {"epoch": epoch, "metrics": {f"{epoch}/{number}": number for number in range(200)}}
    at = f"{running.path}/heartbeat"
    return (await api.http.post(at, json=body, headers=running.headers)).status_code


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_database_on_a_full_disk_is_not_ready_and_jobs_say_so(
    small_disk: Path, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database_on(small_disk, kind) as url:
        database = Database(url)
        await migrate.migrate(database)
        await migrate.check(database)
        async with api_support.serving(api_support.settings(url, tmp_path)) as api:
            running = await add_running(api.ctx)
            assert await beat(api, running, 0) == 200
            with suppress(OSError), (small_disk / "rest").open("wb", buffering=0) as rest:
                while rest.write(b"x" * 4096):
                    pass

            async def check_often() -> None:
                for _ in range(50):
                    await migrate.check(database)

            with pytest.raises(DBAPIError, match=r"disk|No space left on device"):
                await check_often()
            assert Database.is_full()
            # A trainer's heartbeats notice it, too, though nobody asks for the readiness.
            monkeypatch.setattr(Database, "_full_at", -math.inf)
            statuses = [await beat(api, running, epoch) for epoch in range(1, 30)]
            assert statuses[-1] == 503
            assert "database is full" in (await api.http.get(running.path)).json()["message"]
            (small_disk / "rest").unlink()
            monkeypatch.setattr(Database, "_full_at", -math.inf)
            await migrate.check(database)
            assert await beat(api, running, 30) == 200
            assert (await api.http.get(running.path)).json()["message"] is None
        await database.close()


@pytest.mark.databases("sqlite")
async def test_a_job_says_that_nothing_of_it_can_be_stored(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = await add_running(api.ctx)
    monkeypatch.setattr(Database, "_full_at", -math.inf)
    limit = "PRAGMA max_page_count = 1"  # no page beyond those that it has
    event.listen(api.ctx.db.engine.sync_engine, "begin", lambda made: made.exec_driver_sql(limit))
    statuses = set()
    for epoch in range(100):
        statuses.add(await beat(api, running, epoch))
    assert statuses == {200, 503}
    assert "database is full" in (await api.http.get(running.path)).json()["message"]
    await set_job(api.ctx, running.job_id, status=JobStatus.FAILED, message="as it was")
    assert (await api.http.get(running.path)).json()["message"] == "as it was"


async def test_readiness_does_not_wait_for_who_holds_a_table(database: Database) -> None:
    async with database.transaction() as session, asyncio.timeout(10):
        for table in ("jobs", "attempts", "datasets"):
            await session.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
        await migrate.check(database)


async def test_readiness_writes_to_the_store(store: servers.S3Server) -> None:
    stored = ObjectStore(data_support.settings(store))
    await stored.ensure_buckets()
    await stored.check()
    assert await stored.head("models", "trainyard-readiness/written") is not None
    await stored.close()
