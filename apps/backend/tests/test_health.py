"""What the backend tells probes, people and Prometheus of the services that it leans on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import api_support
import pytest
import servers
from api_support import Api
from backend.health import checks
from test_events import redis
from tiny_launcher import tiny_launcher


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
    async with tiny_launcher(tmp_path / "s"), api_support.serving(chosen) as api:
        yield api, port


@asynccontextmanager
async def mlflow(url: str) -> AsyncIterator[None]:
    """As much of MLflow as its health."""
    host, port = url.removeprefix("http://").split(":")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        found = HTTPStatus.OK if line.startswith(b"GET /health ") else HTTPStatus.NOT_FOUND
        writer.write(b"HTTP/1.1 %d x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % found)
        writer.close()

    async with await asyncio.start_server(answer, host, int(port)):
        yield


async def until_missing(api: Api, *names: str) -> dict[str, str]:
    """Ask until exactly these are not well; the readiness then."""
    async with asyncio.timeout(10):
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
