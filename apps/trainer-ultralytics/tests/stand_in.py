"""A small HTTP server in the backend's place."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from servers import free_port
from trainer.supervisor import backend_client


class Backend:
    """Keeps what trainers call back with, by the rules of the training contract."""

    def __init__(self) -> None:
        self.heartbeats: list[dict[str, Any]] = []
        self.log = b""
        self.finish: Any = None
        self.finishes: list[dict[str, Any]] = []
        self.command = "continue"
        self.store_keys: dict[str, str] = {}
        self.interval_s = backend_client.INTERVAL_S
        self.stale = False
        self.log_delay_s = 0.0
        self.log_interval_s: float | None = None
        self.log_parts: list[int] = []  # of the bytes in each
        self.longest_silence_s = 0.0  # between a heartbeat and the next one, or the end
        self._heard_at: float | None = None
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
        return [beat["epoch"] for beat in self.heartbeats if "epoch" in beat]

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
        kind = url.path.rpartition("/")[2]
        if kind != "logs":
            now = time.monotonic()
            self.longest_silence_s = max(self.longest_silence_s, now - (self._heard_at or now))
            self._heard_at = now
        match kind:
            case "heartbeat":
                beat = json.loads(body)
                self.heartbeats.append(beat)
                if beat.get("step") and self.first_step_at is None:
                    self.first_step_at = time.monotonic()
                return 200, {"command": self.command, "interval_s": self.interval_s}
            case "logs":
                time.sleep(self.log_delay_s)
                offset = int(parse_qs(url.query)["offset"][0])
                if offset > len(self.log):
                    return 409, {"detail": "bytes are missing", "next_offset": len(self.log)}
                self.log += body[len(self.log) - offset :]
                self.log_parts.append(len(body))
                reply = {"next_offset": len(self.log), "command": self.command}
                asked = self.log_interval_s
                return 200, reply if asked is None else reply | {"interval_s": asked}
            case "credentials":
                return 200, self.store_keys
            case "finish":
                self.finish = json.loads(body)
                self.finishes.append(self.finish)
        return 200, {}
