"""How the trainer takes the backend's answers."""

import dataclasses
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import Jobs
from stand_in import Backend
from trainer.contract import Attempt
from trainer.retry import UnreachableError
from trainer.supervisor.backend_client import BackendClient, CallbackRefusedError, StaleError


@pytest.fixture
def attempt(jobs: Jobs) -> Attempt:
    return Attempt.from_env(jobs.env())


@pytest.mark.parametrize(
    ("status", "problem", "error"),
    [
        (409, True, StaleError),
        (404, True, StaleError),
        (401, True, StaleError),
        (422, True, CallbackRefusedError),
        (404, False, UnreachableError),  # a proxy whose backend is being replaced
        (503, False, UnreachableError),
        (500, True, UnreachableError),
    ],
)
def test_refusals(
    status: int, problem: bool, error: type[Exception], attempt: Attempt, backend: Backend
) -> None:
    backend.refusal = (status, problem)
    with pytest.raises(error):
        BackendClient(attempt).heartbeat({"seq": 1})


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
        backend = BackendClient(dataclasses.replace(attempt, backend_url=url))
        with pytest.raises(UnreachableError):
            backend.heartbeat({"seq": 1})
        assert backend.heartbeat({"seq": 2})[0] == "continue"
        server.shutdown()


def test_no_secret_is_shown(attempt: Attempt, jobs: Jobs) -> None:
    assert "secret-token" not in repr(attempt)
    assert jobs.server.secret_key not in repr(attempt)
