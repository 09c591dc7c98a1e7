"""How the trainer takes what its services answer."""

import dataclasses
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import Jobs
from servers import free_port
from stand_in import Backend
from trainer import client
from trainer.contract import Attempt, AttemptError, Cause


@pytest.fixture
def attempt(jobs: Jobs) -> Attempt:
    return Attempt.from_env(jobs.env())


@pytest.mark.parametrize(
    ("status", "problem", "error"),
    [
        (409, True, client.StaleError),
        (404, True, client.StaleError),
        (401, True, client.StaleError),
        (422, True, client.RejectedError),
        (404, False, client.UnreachableError),  # a proxy whose backend is being replaced
        (503, False, client.UnreachableError),
        (500, True, client.UnreachableError),
    ],
)
def test_refusals(
    status: int, problem: bool, error: type[Exception], attempt: Attempt, backend: Backend
) -> None:
    backend.refusal = (status, problem)
    with pytest.raises(error):
        client.Backend(attempt).heartbeat({"seq": 1})


class StandIn(BaseHTTPRequestHandler):
    """The first connection leads to something else than the backend for as long as it is kept."""

    protocol_version = "HTTP/1.1"
    connections = 0

    def setup(self) -> None:
        StandIn.connections += 1
        self.wrong = StandIn.connections == 1
        super().setup()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(404 if self.wrong else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args: object) -> None:
        pass


def test_a_connection_that_leads_astray_is_not_kept(attempt: Attempt) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), StandIn) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        backend = client.Backend(dataclasses.replace(attempt, backend_url=url))
        with pytest.raises(client.UnreachableError):
            backend.heartbeat({"seq": 1})
        assert backend.heartbeat({"seq": 2})[0] == "continue"
        server.shutdown()


def test_store_that_does_not_answer(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(client, "_STORE_PATIENCE_S", 0.5)
    env = jobs.env() | {"S3_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    store = client.Store(Attempt.from_env(env), threading.Event())
    with pytest.raises(AttemptError, match="did not answer") as failed:
        store.download("datasets", "x.zip", tmp_path / "x.zip")
    assert failed.value.cause is Cause.STORAGE_UNAVAILABLE


def test_store_tells_of_what_moves(attempt: Attempt, tmp_path: Path) -> None:
    moved: list[int] = []
    store = client.Store(attempt, threading.Event(), moved.append)
    source, size = tmp_path / "source", 20 << 20
    source.write_bytes(os.urandom(size))
    store.upload(source, "models", "moved")
    assert sum(moved) == size
    assert store.download("models", "moved", tmp_path / "target") == client.file_sha256(source)
    assert sum(moved) == 2 * size
    assert len(moved) > 4  # on the way, not at the end


def test_trying_ends_when_the_attempt_is_abandoned() -> None:
    abandon = threading.Event()
    threading.Timer(0.3, abandon.set).start()
    begun = time.monotonic()

    def fail() -> None:
        raise client.UnreachableError("down")

    with pytest.raises(client.UnreachableError):
        client.persistently(fail, abandon)
    assert time.monotonic() - begun < 1


def test_no_secret_is_shown(attempt: Attempt, jobs: Jobs) -> None:
    assert "secret-token" not in repr(attempt)
    assert jobs.server.secret_key not in repr(attempt)
