"""A database that goes away under load: 503 while it is gone, and nothing lost but time."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import api_support
import asyncpg
import pytest
import servers
from api_support import add_running, get_attempt
from backend.auth.service import create_token
from backend.infra import database
from backend.infra.database import new_id
from tcp_proxy import TcpProxy


@pytest.fixture
async def proxy(postgres: str) -> AsyncIterator[TcpProxy]:
    address, _, port = postgres.partition("@")[2].partition(":")
    proxy = await TcpProxy.open(address, int(port))
    yield proxy
    await proxy.shut()


@pytest.fixture
async def url(postgres: str, proxy: TcpProxy) -> str:
    """A database of its own, reached through the proxy."""
    name = f"outage_{new_id()}"
    admin = await asyncpg.connect(f"postgresql://{postgres}/postgres")
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE template")
    await admin.close()
    return f"postgresql+asyncpg://postgres@127.0.0.1:{proxy.port}/{name}"


async def test_heartbeats_ride_out_a_database_restart(
    proxy: TcpProxy, url: str, tmp_path: Path
) -> None:
    async with api_support.serving(api_support.settings(url, tmp_path)) as api:
        running = await add_running(api.ctx)

        async def beat(seq: int) -> int:
            body = {"seq": seq, "step": seq}
            path, headers = f"{running.path}/heartbeat", running.headers
            reply = await api.http.post(path, json=body, headers=headers)
            assert reply.headers["content-type"].startswith("application/")
            return reply.status_code

        assert await beat(1) == 200
        await proxy.shut()
        assert [await beat(2), await beat(3)] == [503, 503]
        await proxy.reopen()
        deadline = time.monotonic() + 60
        while await beat(4) == 503:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        assert (await get_attempt(api.ctx, running.job_id)).step == 4


async def test_connections_that_carry_nothing_any_more(
    proxy: TcpProxy, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a failover of a managed database: the kernel would wait for a quarter of an hour."""
    monkeypatch.setattr(database, "ANSWER_TIMEOUT_S", 4)
    async with api_support.serving(api_support.settings(url, tmp_path)) as api:
        running = await add_running(api.ctx)
        several = [api.http.get("/api/v1/jobs") for _ in range(5)]
        assert {reply.status_code for reply in await asyncio.gather(*several)} == {200}
        proxy.swallow()
        path, headers = f"{running.path}/heartbeat", running.headers
        async with asyncio.timeout(30):
            first = await api.http.post(path, json={"seq": 1, "step": 1}, headers=headers)
            second = await api.http.post(path, json={"seq": 1, "step": 1}, headers=headers)
        assert (first.status_code, second.status_code) == (503, 200)
        assert (await get_attempt(api.ctx, running.job_id)).step == 1


async def test_prometheus_is_told_of_it_and_gets_no_stale_numbers(
    proxy: TcpProxy, url: str, tmp_path: Path
) -> None:
    async with api_support.serving(api_support.settings(url, tmp_path)) as api:

        async def until_up(up: int) -> str:
            async with asyncio.timeout(60):
                while True:
                    reply = await api.http.get("/metrics")
                    if f'dependency_up{{name="database"}} {up:.1f}' in reply.text:
                        return reply.text
                    await asyncio.sleep(0.1)

        assert 'trainyard_jobs{status="queued"}' in await until_up(1)
        await proxy.shut()
        assert "trainyard_jobs{" not in await until_up(0)
        await proxy.reopen()
        assert 'trainyard_jobs{status="queued"}' in await until_up(1)


async def test_whoever_was_ready_keeps_its_requests_to_say_what_is_missing(
    proxy: TcpProxy, url: str, store: servers.S3Server, tmp_path: Path
) -> None:
    await proxy.shut()
    async with api_support.serving(api_support.settings(url, tmp_path, store)) as api:

        async def until(once: int, now: int) -> str:
            async with asyncio.timeout(60):
                while True:
                    ready, probe = [await api.http.get(f"/readyz{path}") for path in ("", "/once")]
                    if (probe.status_code, ready.status_code) == (once, now):
                        # The kubelet writes it into the pod's events.
                        assert (once == 503) == ("DATABASE_URL" in probe.text)
                        return ready.text
                    await asyncio.sleep(0.1)

        await until(503, 503)
        await proxy.reopen()
        await until(204, 200)
        await proxy.shut()
        assert "DATABASE_URL" in await until(204, 503)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@asynccontextmanager
async def frozen(postgres: str) -> AsyncIterator[None]:
    """The server and all its processes are stopped: connections are accepted, nothing is said."""
    admin = await asyncpg.connect(f"postgresql://{postgres}/postgres")
    pid = int((await admin.fetchval("SELECT pg_read_file('postmaster.pid')")).split()[0])
    await admin.close()
    stopped = [pid]
    try:
        # First the one that reaps the others: none of them vanishes from here on.
        os.kill(pid, signal.SIGSTOP)
        stopped += children_of(pid)
        for child in stopped[1:]:
            os.kill(child, signal.SIGSTOP)
        yield
    finally:
        for one in reversed(stopped):
            os.kill(one, signal.SIGCONT)


async def test_a_cancel_is_answered_at_once(postgres: str, url: str, tmp_path: Path) -> None:
    """By a 503 while the database says nothing; it is done once it is sent again."""
    url = f"postgresql+asyncpg://{postgres}/{url.rpartition('/')[2]}"
    async with api_support.serving(api_support.settings(url, tmp_path, api_auth="on")) as api:
        running = await add_running(api.ctx)
        headers = {"Authorization": f"Bearer {(await create_token(api.ctx.db, 'ci'))[1]}"}
        several = [api.http.get("/api/v1/jobs", headers=headers) for _ in range(5)]
        assert {reply.status_code for reply in await asyncio.gather(*several)} == {200}
        async with frozen(postgres):
            for _ in range(2):  # with the connections of before, and with new ones
                began = time.monotonic()
                refused = await api.http.post(f"{running.path}/cancel", headers=headers)
                assert time.monotonic() - began < 5
                assert refused.status_code == 503
                assert "Nothing was changed; try again." in refused.json()["detail"]
        done = await api.http.post(f"{running.path}/cancel", headers=headers)
        assert (done.status_code, done.json()["status"]) == (202, "cancelling")
