"""One backend replica with a PostgreSQL, running jobs in the database, and a fast HTTP client."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

import psutil
import servers
from backend.infra.database import Database, utcnow
from backend.state.jobs import Attempt, Job
from backend.state.statuses import JobStatus
from backend.state.tokens import sha256
from sqlalchemy import insert, text


class Answer(NamedTuple):
    status: int
    body: bytes


class Connection(asyncio.Protocol):
    """One kept-alive HTTP/1.1 connection with the least work per request."""

    def __init__(self, host: str) -> None:
        self._head = f"Host: {host}\r\nContent-Type: application/json\r\n"
        self._answer: asyncio.Future[Answer] | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found or self._answer is None or self._answer.done():
            return
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        if len(body) >= length:
            self._buffer = b""
            self._answer.set_result(Answer(int(head[9:12]), body))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("the backend hung up"))

    def post(self, path: str, token: str, body: bytes) -> "asyncio.Future[Answer]":
        """Post a body; one at a time."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(
            f"POST {path} HTTP/1.1\r\n{self._head}Authorization: Bearer {token}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        return self._answer


async def connect(url: str) -> Connection:
    address = urlsplit(url)
    assert address.hostname
    assert address.port
    _, connection = await asyncio.get_running_loop().create_connection(
        lambda: Connection(address.netloc), address.hostname, address.port
    )
    return connection


class Target(NamedTuple):
    """A running job and its attempt's token."""

    job_id: str
    token: str

    @property
    def path(self) -> str:
        return f"/api/v1/jobs/{self.job_id}"


async def seed(url: str, jobs: int, executor: str = "subprocess") -> list[Target]:
    """Running jobs with one attempt each."""
    targets = [Target(f"{number:012x}", f"{number:043}") for number in range(jobs)]
    now = utcnow()
    shared: dict[str, Any] = {"trainer": "bench", "task": "detect", "dataset_id": "0" * 12}
    shared |= {"config": {}, "resources": {}, "max_attempts": 1, "request_sha256": "", "attempt": 1}
    shared |= {"status": JobStatus.RUNNING, "started_at": now, "workflow_started": True}
    attempt: dict[str, Any] = {"number": 1, "executor": executor, "launched_at": now}
    # Of a supervisor's: a trainer without `seq` would have its output read from Kubernetes.
    attempt |= {"heartbeat_at": now, "seq": 0}
    database = Database(url)
    async with database.transaction() as session:
        await session.execute(insert(Job), [{"id": target.job_id, **shared} for target in targets])
        await session.execute(
            insert(Attempt),
            [
                {"job_id": target.job_id, "token_sha256": sha256(target.token), **attempt}
                for target in targets
            ],
        )
    async with database.engine.connect() as connection:
        # As autovacuum would, a minute later.
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("ANALYZE"))
    await database.close()
    return targets


@contextmanager
def backend(
    folder: Path,
    database_url: str,
    prefix: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
) -> Iterator[tuple[str, psutil.Process]]:
    """A migrated database and one replica on it; its other services cannot be reached.

    Args:
        folder: for its files.
        database_url: of an empty database.
        prefix: put before its command.
        settings: of the environment, over those that are set here.
    """
    port = servers.free_port()
    manifest: dict[str, Any] = {
        "name": "bench",
        "version": "1",
        "description": "-",
        "image": "-",
        "command": ["-"],
    }
    manifest |= {"tasks": ["detect"], "config_schema": {"type": "object", "properties": {}}}
    (folder / "trainer.json").write_text(json.dumps(manifest))
    os.environ |= servers.backend_env(database_url, folder) | dict(settings or {})
    command = [sys.executable, "-m", "backend"]
    subprocess.run([*command, "migrate"], check=True)
    log = folder / "backend.log"
    with servers.process([*prefix, *command, "serve", "--port", str(port)], log) as child:
        servers.wait_for_port(port, child, log)
        yield f"http://127.0.0.1:{port}", psutil.Process(child.pid)
