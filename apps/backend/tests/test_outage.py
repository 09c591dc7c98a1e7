"""A database that goes away under load: 503 while it is gone, and nothing lost but time."""

import asyncio
import socket
import time
from pathlib import Path

import api_support
import asyncpg
from api_support import add_running, get_attempt


async def test_heartbeats_ride_out_a_database_restart(postgres: str, tmp_path: Path) -> None:
    address, _, port = postgres.partition("@")[2].partition(":")
    gate = await _Gate.open(address, int(port))
    admin = await asyncpg.connect(f"postgresql://{postgres}/postgres")
    await admin.execute("CREATE DATABASE outage TEMPLATE template")
    await admin.close()
    url = f"postgresql+asyncpg://postgres@127.0.0.1:{gate.port}/outage"
    async with api_support.serving(api_support.settings(url, tmp_path)) as api:
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
    await gate.shut()


class _Gate:
    """A TCP relay to the database; shut, it cuts every connection and refuses new ones."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

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
