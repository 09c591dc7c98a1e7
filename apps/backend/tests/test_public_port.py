"""PUBLIC_PORT of a backend that is a process of its own: what strangers find on it, and trainers on the other port."""

import asyncio
import shutil
import socket
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

import api_support
import httpx
import pytest
import servers
from api_support import Running, add_running, get_attempt
from backend.settings import Settings
from test_main import environment_of, serve

KINDS = ("heartbeat", "logs?offset=0", "finish", "credentials")


class Ports(NamedTuple):
    trainers: str  # URLs
    public: str
    running: Running
    settings: Settings


@pytest.fixture(scope="module")
def ports(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    folder = tmp_path_factory.mktemp("ports")
    database_url = f"sqlite+aiosqlite:///{shutil.copy(sqlite_template, folder)}"
    chosen = api_support.settings(database_url, folder)

    async def prepare() -> Running:
        async with api_support.serving(chosen) as api:
            return await add_running(api.ctx)

    running = asyncio.run(prepare())
    public = servers.free_port()
    environment = environment_of(database_url, folder)
    environment |= {"API_AUTH": "off", "PUBLIC_PORT": str(public)}
    with serve(environment, folder / "log") as (url, child):
        servers.wait_for_port(public, child, folder / "log")
        yield Ports(url, f"http://127.0.0.1:{public}", running, chosen)


def _asked(url: str, head: str) -> int:
    """The status of the answer to a request that is its head alone; its body never comes."""
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 20) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode())
        return int(connection.recv(4096).split()[1])


def test_callbacks_are_not_on_the_public_port(ports: Ports) -> None:
    """Whatever names them, with the right token too; neither a body nor the database is waited for."""
    running = ports.running
    bearer, length = f"Authorization: Bearer {running.token}", "Content-Length: 1000"
    beat = f"{running.path}/heartbeat"
    for head in (
        *(f"POST {running.path}/{kind} HTTP/1.1\nHost: here\n{bearer}" for kind in KINDS),
        f"POST {ports.trainers}{beat} HTTP/1.1\nHost: here\n{bearer}",
        f"POST {beat} HTTP/1.1\nHost: {ports.trainers.removeprefix('http://')}\n{bearer}",
        f"POST {beat} HTTP/1.1\nHost: here\nX-Forwarded-Port: 8000\n{bearer}",
        f"POST {running.path}/%68eartbeat HTTP/1.1\nHost: here\n{bearer}",
        f"POST {running.path}%2Fheartbeat HTTP/1.1\nHost: here\n{bearer}",
        f"POST {beat} HTTP/1.1\nHost: here\nAuthorization: bearer {running.token}",
        f"POST {beat} HTTP/1.1\nHost: here\nAuthorization: attached_ {running.token}",
        f"POST {beat} HTTP/1.1\nHost: here\nX: attached_",
    ):
        assert _asked(ports.public, f"{head}\n{length}\n\n") == HTTPStatus.NOT_FOUND, head
    forged = f"POST {beat} HTTP/1.1\nHost: here\nAuthorization: Bearer attached_{running.token}"
    assert _asked(ports.public, f"{forged}\n{length}\n\n") == HTTPStatus.UNAUTHORIZED
    with httpx.Client(base_url=ports.public, headers=running.headers) as stranger:
        assert stranger.get(beat).status_code in {404, 405}
        assert stranger.post(f"{beat}/", json={}, follow_redirects=True).status_code == 404
        assert stranger.get(running.path).json()["status"] == "preparing"

    async def untouched() -> None:
        async with api_support.serving(ports.settings) as api:
            attempt = await get_attempt(api.ctx, running.job_id)
            assert (attempt.heartbeat_at, attempt.reported_cause) == (None, None)

    asyncio.run(untouched())
    reply = httpx.post(f"{ports.trainers}{beat}", json={}, headers=running.headers)
    assert reply.json()["command"] == "continue"


def test_a_script_that_was_attached_calls_back_on_the_public_port(ports: Ports) -> None:
    with httpx.Client(base_url=ports.public) as script:
        body = {"trainer": "plain", "task": "detect", "name": "mine"}
        told = script.post("/api/v1/attached-jobs", json=body).json()
        path, headers = f"/api/v1/jobs/{told['id']}", {"Authorization": f"Bearer {told['token']}"}
        beat = {"epoch": 0, "metrics": {"loss": 1}}
        assert script.post(f"{path}/heartbeat", json=beat, headers=headers).status_code == 200
        sent = script.post(f"{path}/logs?offset=0", content=b"hello\n", headers=headers)
        assert sent.json()["next_offset"] == 6
        done = script.post(f"{path}/finish", json={"cause": "completed"}, headers=headers)
        assert done.status_code == 204
        # Its token is another job's as little as any other.
        other = script.post(f"{ports.running.path}/heartbeat", json={}, headers=headers)
        assert other.status_code == 401


def test_a_trainer_finds_nothing_but_its_callbacks(ports: Ports) -> None:
    """Though this API asks for no token. Whoever is on the machine itself finds all: port-forwards."""
    running = ports.running
    elsewhere = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(base_url=ports.trainers, transport=elsewhere) as trainer:
        beat = trainer.post(f"{running.path}/heartbeat", json={}, headers=running.headers)
        assert beat.status_code == 200
        assert trainer.get("/healthz").status_code == 200
        for method, path in (
            ("GET", "/api/v1/jobs"),
            ("GET", running.path),
            ("POST", f"{running.path}/cancel"),
            ("DELETE", running.path),
            ("GET", f"{running.path}/artifacts"),
            ("POST", "/api/v1/jobs"),
            ("POST", "/api/v1/tokens"),
            ("GET", "/docs"),
            ("GET", "/healthz/../api/v1/jobs"),
        ):
            headers = running.headers | {"X-Forwarded-For": "127.0.0.1"}
            reply = trainer.request(method, path, headers=headers)
            assert (reply.status_code, reply.json()["title"]) == (404, "Not Found"), path
    assert httpx.get(f"{ports.trainers}{running.path}").status_code == 200
