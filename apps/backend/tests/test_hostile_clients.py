"""What strangers and broken clients send to a backend that is a process of its own."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import api_support
import httpx
import psutil
import pytest
from api_support import Running, add_dataset, add_running
from test_main import environment_of, serve

pytestmark = pytest.mark.databases("sqlite")

MIB = 2**20


class Victim(NamedTuple):
    """A backend, one of its trainings, and a dataset that is ready."""

    url: str
    process: psutil.Process
    running: Running
    dataset_id: str

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.url.removeprefix("http://").split(":")
        return host, int(port)

    def memory(self) -> int:
        """Bytes."""
        return int(self.process.memory_info().rss)


@pytest.fixture
def victim(database_url: str, tmp_path: Path) -> Iterator[Victim]:
    async def prepare() -> tuple[Running, str]:
        async with api_support.serving(api_support.settings(database_url, tmp_path)) as api:
            return await add_running(api.ctx), await add_dataset(api.ctx)

    made = asyncio.run(prepare())
    environment = environment_of(database_url, tmp_path) | {"API_AUTH": "off"}
    with serve(environment, tmp_path / "log") as (url, child):
        yield Victim(url, psutil.Process(child.pid), *made)


def _head(path: str, length: int, token: str = "wrong") -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


async def _first_line(victim: Victim, sent: bytes, within_s: float) -> bytes:
    """The first line of the answer; the connection stays open until it is there."""
    reader, writer = await asyncio.open_connection(*victim.address)
    try:
        writer.write(sent)
        return await asyncio.wait_for(reader.readline(), within_s)
    finally:
        writer.close()


async def test_callbacks_of_strangers_do_not_hold_up_a_trainer(victim: Victim) -> None:
    """They are 401 before their body is there, and wait in no line of the trainer's."""
    path = f"{victim.running.path}/heartbeat"
    async with httpx.AsyncClient(base_url=victim.url, headers=victim.running.headers) as trainer:
        assert (await trainer.post(path, json={"seq": 1})).status_code == 200
        flood = [asyncio.create_task(_first_line(victim, _head(path, 9), 120)) for _ in range(1500)]
        await asyncio.sleep(0.3)
        began = time.monotonic()
        for seq in (2, 3):
            assert (await trainer.post(path, json={"seq": seq}, timeout=60)).status_code == 200
        took_s = time.monotonic() - began
        answers = set(await asyncio.gather(*flood))
    assert answers == {b"HTTP/1.1 401 Unauthorized\r\n"}
    assert took_s < 10


async def test_trainers_of_a_restarted_backend_do_not_wait_with_strangers(
    database_url: str, tmp_path: Path
) -> None:
    """After a restart all of them come at once, to a backend that has not heard of any."""
    chosen = api_support.settings(database_url, tmp_path)
    async with api_support.serving(chosen) as api:
        running = await add_running(api.ctx)
    async with api_support.serving(chosen) as api, contextlib.AsyncExitStack() as held:
        while not api.app.state.senders:  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(0.01)
        while not api.app.state.strangers.locked():
            await held.enter_async_context(api.app.state.strangers)
        beat = api.http.post(f"{running.path}/heartbeat", json={}, headers=running.headers)
        assert (await asyncio.wait_for(beat, 5)).status_code == 200


async def test_no_body_is_read_of_a_user_without_a_token(database_url: str, tmp_path: Path) -> None:
    environment = environment_of(database_url, tmp_path)
    with serve(environment, tmp_path / "log") as (url, child):
        victim = Victim(url, psutil.Process(child.pid), Running("", ""), "")
        answer = await _first_line(victim, _head("/api/v1/jobs", 100_000), 20)
        assert answer == b"HTTP/1.1 401 Unauthorized\r\n"


def _send_until_cut(victim: Victim, start: bytes, piece: bytes, limit: int) -> int:
    """Send pieces until the connection is cut; returns the bytes sent, `limit` if it never was."""
    sent = len(start)
    with socket.create_connection(victim.address, timeout=20) as connection:
        connection.sendall(start)
        with contextlib.suppress(OSError):
            while sent < limit:
                connection.sendall(piece)
                sent += len(piece)
    return sent


ENDLESS = {
    "a header": (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ", b"a" * MIB),
    "headers": (b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"X-Some: header\r\n" * 2**16),
    "an address": (b"GET /", b"a" * MIB),
    "a trailer": (
        b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
        b"a" * MIB,
    ),
}


def test_a_connection_that_sends_without_end_is_cut(victim: Victim) -> None:
    limit = 64 * MIB
    before = victim.memory()
    for what, (start, piece) in ENDLESS.items():
        # What is on its way in the buffers of both sockets counts as sent.
        assert _send_until_cut(victim, start, piece, limit) < limit / 2, what
        assert victim.memory() - before < 16 * MIB, what
    assert httpx.get(f"{victim.url}/healthz").status_code == 200


async def test_unfinished_bodies_are_bounded(victim: Victim) -> None:
    """In memory all together; `test_a_request_must_arrive_in_time` bounds them in time."""
    before = victim.memory()
    body = b"{" + b" " * (MIB - 10)
    writers = []
    for _ in range(250):
        _, writer = await asyncio.open_connection(*victim.address)
        writer.write(_head("/api/v1/jobs", MIB) + body)
        writers.append(writer)
    # Until all is on its way; those that are refused are closed.
    await asyncio.gather(*(writer.drain() for writer in writers), return_exceptions=True)
    await asyncio.sleep(1)
    assert victim.memory() - before < 160 * MIB
    for writer in writers:
        writer.close()
    async with httpx.AsyncClient(base_url=victim.url, timeout=60) as user:
        for _ in range(40):
            reply = await user.post("/api/v1/jobs", content=body)
            if reply.status_code == 422:
                return
            await asyncio.sleep(0.5)
    raise AssertionError("the memory of requests that are gone still counts")


async def test_a_request_must_arrive_in_time(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.infra.http_limits.ARRIVES_WITHIN_S", 0.5)
    async with api_support.serving(api_support.settings(database_url, tmp_path)) as api:
        host, port = api.url.removeprefix("http://").split(":")
        for slow in (b"", b"GET /healthz HT", _head("/api/v1/jobs", 100) + b"{"):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(slow)
            assert await asyncio.wait_for(reader.read(), 20) == b""
            writer.close()
        # A connection that is kept alive, and a long answer, are none of those.
        reader, writer = await asyncio.open_connection(host, int(port))
        for _ in range(2):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
            assert b"200 OK" in await asyncio.wait_for(reader.read(4096), 20)
            await asyncio.sleep(1)
        writer.close()


async def test_a_body_with_many_mistakes_holds_up_nobody(victim: Victim) -> None:
    wrong = {f"epoch{number}": 1 for number in range(55_000)}
    job = {"dataset_id": victim.dataset_id, "trainer": "plain"}
    complete = "/api/v1/datasets/0123456789ab/complete"
    await _is_refused_at_once(victim, f"{victim.running.path}/finish", wrong)
    await _is_refused_at_once(victim, "/api/v1/jobs", job | wrong)
    await _is_refused_at_once(victim, "/api/v1/jobs", job | {"config": wrong})
    await _is_refused_at_once(victim, complete, {"parts": [{}] * 250_000})


async def _is_refused_at_once(victim: Victim, path: str, body: dict[str, Any]) -> None:
    headers = {"Content-Type": "application/json", **victim.running.headers}
    content = json.dumps(body).encode()
    assert len(content) < MIB
    longest_s = 0.0
    async with httpx.AsyncClient(base_url=victim.url, timeout=120) as client:
        asked = asyncio.create_task(client.post(path, content=content, headers=headers))
        while not asked.done():
            await asyncio.sleep(0.05)
            since = time.monotonic()
            await client.get("/healthz")
            longest_s = max(longest_s, time.monotonic() - since)
        reply = await asked
    assert reply.status_code == 422
    assert 1 <= len(reply.json()["errors"]) <= 20
    assert len(reply.content) < 20_000
    assert longest_s < 5, path
