"""What a trainer talks to: a real S3 server, and a small HTTP server in the backend's place."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import httpx


class S3Server(NamedTuple):
    endpoint: str
    access_key: str
    secret_key: str


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def seaweedfs(folder: Path) -> Iterator[S3Server]:
    """An S3 server that refuses unsigned and wrongly signed requests."""
    server = S3Server(f"http://127.0.0.1:{free_port()}", "test-access-key", "test-secret-key")
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": server.access_key, "secretKey": server.secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    port = server.endpoint.rsplit(":", 1)[1]
    command = [str(Path(sys.executable).parent / "weed"), "server", "-s3", f"-dir={folder}"]
    command += ["-ip=127.0.0.1", f"-s3.port={port}", f"-s3.config={folder / 's3.json'}"]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false"]
    command += ["-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=100"]
    command += [f"-s3.port.grpc={free_port()}"]
    for part in ("master", "volume", "filer"):
        command += [f"-{part}.port={free_port()}", f"-{part}.port.grpc={free_port()}"]
    with (folder / "seaweedfs.log").open("wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: _refuses_unsigned(server.endpoint), 30)
        yield server
    finally:
        child.kill()
        child.wait(10)


def _refuses_unsigned(endpoint: str) -> bool:
    try:
        return httpx.get(endpoint, timeout=1).status_code == httpx.codes.FORBIDDEN
    except httpx.HTTPError:
        return False


def wait_until(condition: Any, timeout: float = 20) -> Any:
    """The first truthy value of `condition()`; fails when there is none in time."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("the condition did not come true in time")


class Backend:
    """Keeps what trainers call back with, by the rules of the training contract."""

    def __init__(self) -> None:
        self.heartbeats: list[dict[str, Any]] = []
        self.log = b""
        self.finish: Any = None
        self.command = "continue"
        self.stale = False
        self.refusal: tuple[int, bool] | None = None  # status, and whether it is a problem detail
        self.first_step_at: float | None = None
        self._server: ThreadingHTTPServer | None = None
        self._port = free_port()
        self.up()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def epochs(self) -> list[int]:
        return [beat["epoch"] for beat in self.heartbeats if "metrics" in beat]

    def up(self) -> None:
        backend = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                status, reply = backend.answer(
                    self.path,
                    self.headers.get("Authorization"),
                    self.rfile.read(int(self.headers.get("Content-Length") or 0)),
                )
                data = json.dumps(reply).encode()
                self.send_response(status)
                problem = status != 200 and (backend.refusal or (0, True))[1]
                kind = "application/problem+json" if problem else "application/json"
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server(("127.0.0.1", self._port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def down(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, path: str, token: str | None, body: bytes) -> tuple[int, dict[str, Any]]:
        assert token == "Bearer secret-token"
        if self.refusal or self.stale:
            return (self.refusal or (409, True))[0], {"detail": "refused"}
        url = urlsplit(path)
        match url.path.rpartition("/")[2]:
            case "heartbeat":
                beat = json.loads(body)
                self.heartbeats.append(beat)
                if beat.get("step") and self.first_step_at is None:
                    self.first_step_at = time.monotonic()
                return 200, {"command": self.command}
            case "logs":
                offset = int(parse_qs(url.query)["offset"][0])
                if offset > len(self.log):
                    return 409, {"detail": "bytes are missing", "next_offset": len(self.log)}
                self.log += body[len(self.log) - offset :]
                return 200, {"next_offset": len(self.log), "command": self.command}
            case "finish":
                self.finish = json.loads(body)
        return 200, {}
