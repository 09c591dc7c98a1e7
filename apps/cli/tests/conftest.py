"""A real HTTP server for the faults that the real one cannot be made to have."""

import dataclasses
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from forks import ForkServer, fork_server
from yard.dev.state_folder import StateFolder

Respond = Callable[["Request"], None]


@dataclasses.dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    handler: BaseHTTPRequestHandler
    query: dict[str, str] = dataclasses.field(default_factory=dict)

    def reply(self, status: int, body: Any = b"", **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.handler.send_response(status)
        self.handler.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(data)

    def hang_up(self) -> None:
        self.handler.close_connection = True
        self.handler.connection.shutdown(2)


class Server:
    """Answers each path with the responders given for it, one after the other; the last stays."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._routes: dict[str, list[Respond]] = {}
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _do(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                path, _, query = self.path.removeprefix("/api/v1").partition("?")
                body = self.rfile.read(length)
                request = Request(
                    self.command, path, dict(self.headers), body, self, dict(parse_qsl(query))
                )
                server.requests.append(request)
                responders = server._routes[f"{self.command} {path}"]
                (responders.pop(0) if len(responders) > 1 else responders[0])(request)

            do_DELETE = do_GET = do_PATCH = do_POST = do_PUT = _do  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                return

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def on(self, route: str, *responders: Respond) -> None:
        self._routes[route] = list(responders)

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


def answer(status: int, body: Any = b"", **headers: str) -> Respond:
    return lambda request: request.reply(status, body, **headers)


def hang_up(request: Request) -> None:
    request.hang_up()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    fields = {"device": {"type": "string"}, "epochs": {"type": "integer"}}
    trainer = {"name": "ultralytics", "config_schema": {"properties": fields}}
    running.on("GET /trainers/ultralytics", answer(200, trainer))
    yield running
    running.close()


Yard = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def yards() -> Iterator[ForkServer]:
    prepare = "import httpcore, typer._adapters, typer.rich_utils, yard.main; forget('yard')"
    with fork_server(prepare, {"PATH": "/usr/bin:/bin"}) as server:
        yield server


@pytest.fixture
def yard(yards: ForkServer, server: Server, tmp_path: Path) -> Yard:
    """Run the real command against the server, in an empty folder."""

    def run(*words: str, url: str = "", limit_s: float = 60) -> subprocess.CompletedProcess[str]:
        return yards.run(
            [Path(sys.executable).with_name("yard"), *words],
            cwd=tmp_path,
            env={"YARD_URL": url or server.url, "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
            timeout=limit_s,
        )

    return run


def job(**changes: Any) -> dict[str, Any]:
    """A job as the API gives it."""
    base: dict[str, Any] = {
        "id": "0123456789ab", "name": "first", "status": "succeeded", "cause": "completed",
        "message": None, "trainer": "ultralytics", "task": "detect", "dataset_id": "ba9876543210",
        "config": {"epochs": 2}, "debug": False, "debug_port": None, "resources": None,
        "attempt": 1, "max_attempts": 3, "max_duration_s": None, "phase": None, "epoch": 1,
        "step": 4, "progress": 1.0, "speed": 10.0, "metrics": {"metrics/mAP50(B)": 0.9},
        "log_size": 12, "created_at": "2026-11-24T17:00:00Z",
        "started_at": "2026-11-24T17:00:01Z", "first_step_at": "2026-11-24T17:00:02Z",
        "finished_at": "2026-11-24T17:01:01Z",
    }  # fmt: skip
    return base | changes


def dataset(**changes: Any) -> dict[str, Any]:
    """A dataset as the API gives it."""
    base: dict[str, Any] = {
        "id": "ba9876543210", "name": "digits", "version": 1, "task": "detect", "status": "ready",
        "size": 100, "sha256": None, "report": None, "created_at": "2026-11-24T17:00:00Z",
    }  # fmt: skip
    return base | changes


def matching(*items: dict[str, Any]) -> Respond:
    """Answers as the server's lists do, to a question for some of the items."""

    def respond(request: Request) -> None:
        wanted = dict(request.query)
        assert int(wanted.pop("limit", 50)) <= 10
        prefix = wanted.pop("id_prefix", "")
        assert prefix or wanted, "everything was asked for"
        found = [item for item in items if item["id"].startswith(prefix)]
        found = [item for item in found if all(str(item[k]) == v for k, v in wanted.items())]
        request.reply(200, page(*found))

    return respond


def page(*items: Any, next_cursor: str | None = None) -> dict[str, Any]:
    return {"items": list(items), "next_cursor": next_cursor}


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Children mind SIGINT, which they do not where a shell runs the tests in its background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def wait_for(condition: Callable[[], object], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StateFolder:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "user"))
    return StateFolder(tmp_path / "state")
