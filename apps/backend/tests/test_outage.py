"""A database that goes away under load: 503 while it is gone, and nothing lost but time."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import api_support
import asyncpg
import pytest
from api_support import add_running, get_attempt
from backend.db import new_id


@pytest.fixture
async def gate(postgres: str) -> AsyncIterator["_Gate"]:
    """A way to a database of its own that can be shut."""
    address, _, port = postgres.partition("@")[2].partition(":")
    gate = await _Gate.open(address, int(port))
    admin = await asyncpg.connect(f"postgresql://{postgres}/postgres")
    await admin.execute(f"CREATE DATABASE {gate.database} TEMPLATE template")
    await admin.close()
    yield gate
    await gate.shut()


async def test_heartbeats_ride_out_a_database_restart(gate: "_Gate", tmp_path: Path) -> None:
    async with api_support.serving(api_support.settings(gate.url, tmp_path)) as api:
        running = await add_running(api.ctx)

        async def beat(seq: int) -> int:
            body = {"seq": seq, "step": seq}
            path, headers = f"{running.path}/heartbeat", running.headers
            reply = await api.http.post(path, json=body, headers=headers)
            assert reply.headers["content-type"].startswith("application/")
            return reply.status_code

        assert await beat(1) == 200
        await gate.shut()
        assert [await beat(2), await beat(3)] == [503, 503]
        await gate.reopen()
        deadline = time.monotonic() + 5
        while await beat(4) == 503:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        assert (await get_attempt(api.ctx, running.job_id)).step == 4


async def test_prometheus_is_told_of_it_and_gets_no_stale_numbers(
    gate: "_Gate", tmp_path: Path
) -> None:
    async with api_support.serving(api_support.settings(gate.url, tmp_path)) as api:

        async def until_up(up: int) -> str:
            async with asyncio.timeout(10):
                while True:
                    reply = await api.http.get("/metrics")
                    if f'dependency_up{{name="database"}} {up:.1f}' in reply.text:
                        return reply.text
                    await asyncio.sleep(0.1)

        assert 'trainyard_jobs{status="queued"}' in await until_up(1)
        await gate.shut()
        assert "trainyard_jobs{" not in await until_up(0)
        await gate.reopen()
        assert 'trainyard_jobs{status="queued"}' in await until_up(1)


class _Gate:
    """A TCP relay to the database; shut, it cuts every connection and refuses new ones."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.database = f"outage_{new_id()}"

    @property
    def url(self) -> str:
        return f"postgresql+asyncpg://postgres@127.0.0.1:{self.port}/{self.database}"

    @classmethod
    async def open(cls, host: str, port: int) -> "_Gate":
        gate = cls(host, port)
        await gate.reopen()
        return gate

    async def reopen(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._server = await asyncio.start_server(self._relay, sock=listener)

    async def shut(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(*self._target)
        self._writers |= {writer, there_writer}
        await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
