"""The page that `yard dev` serves, in front of a backend that says what it was asked."""

import contextlib
import http.client
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from conftest import Server
from yard import locations
from yard.dev.page import PageServer, Site

TEMPLATE = locations.checkout() / "apps/frontend/nginx.conf.template"
STORE = "http://127.0.0.1:8333"


@pytest.fixture
def page(server: Server, tmp_path: Path) -> Iterator[httpx.Client]:
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("the page")
    (dist / "assets/a.js").write_text("its script")
    (tmp_path / "secret").write_text("not the page's")
    (dist / "assets/link").symlink_to(tmp_path / "secret")
    site = Site.read(dist, TEMPLATE, server.url, STORE, '{"tier": "here"}')
    listening = PageServer(0, site)
    threading.Thread(target=listening.serve_forever, args=(0.05,), daemon=True).start()
    with httpx.Client(base_url=f"http://127.0.0.1:{listening.server_port}") as client:
        yield client
    listening.shutdown()
    listening.server_close()


def test_it_has_the_paths_and_the_policy_of_nginx(page: httpx.Client) -> None:
    for path in ("/", "/jobs/new", "/jobs/8106bd69a841?tab=log", "/datasets", "/platform"):
        reply = page.get(path)
        assert reply.text == "the page", path
        policy = reply.headers["Content-Security-Policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
        assert f"connect-src 'self' {STORE};" in policy
        assert "unsafe" not in policy
        assert "$" not in policy
    assert page.get("/assets/a.js").headers["Content-Type"].startswith("text/javascript")
    assert page.get("/config.json").json() == {"tier": "here"}
    for path in ("/nothing", "/jobs/a/b", "/assets/", "/assets/link", "/%2e%2e/secret", "/%00"):
        assert page.get(path).status_code == 404, path


def test_it_leads_the_api_and_its_documentation_to_the_backend(
    page: httpx.Client, server: Server
) -> None:
    for path in ("/openapi.json", "/readyz", "/docs", "/static-offline-docs/swagger-ui.css"):
        server.on(f"GET {path}", lambda request: request.reply(200, {"asked": request.path}))
        reply = page.get(path)
        assert reply.json() == {"asked": path}
        inline = "'unsafe-inline'" in reply.headers["Content-Security-Policy"]
        assert inline == (path.startswith(("/docs", "/static")))
    server.on("POST /jobs", lambda request: request.reply(201, request.body, Location="/jobs/1"))
    created = page.post("/api/v1/jobs?x=1", json={"a": 1}, headers={"Authorization": "Bearer t"})
    assert (created.status_code, created.json()) == (201, {"a": 1})
    assert created.headers["Location"] == "/jobs/1"
    assert server.requests[-1].headers["Authorization"] == "Bearer t"


def test_it_answers_no_other_page(page: httpx.Client, server: Server) -> None:
    asked = len(server.requests)
    replies = [page.put("/", content=b"x")]
    for headers in ({"Host": "rebound.example"}, {"Origin": "http://stranger.example"}):
        replies.append(page.get("/", headers=headers))
        replies.append(page.post("/api/v1/jobs", content=b"x" * 300_000, headers=headers))
    assert [reply.status_code for reply in replies] == [405, 403, 403, 403, 403]
    connections = {
        reply.extensions["network_stream"].get_extra_info("client_addr") for reply in replies
    }
    assert len(connections) == 1
    assert len(server.requests) == asked
    server.close()
    assert page.get("/readyz").status_code == 502


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (("Content-Length", str(1 << 30)), 413),
        (("Content-Length", "-1"), 411),
        (("Transfer-Encoding", "chunked"), 411),
    ],
)
def test_a_body_that_it_does_not_read_ends_the_connection(
    page: httpx.Client, header: tuple[str, str], status: int
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", page.base_url.port or 0, timeout=30)
    with contextlib.closing(connection):
        connection.putrequest("POST", "/api/v1/jobs")
        connection.putheader(*header)
        connection.endheaders()
        reply = connection.getresponse()
        assert (reply.status, reply.headers["Connection"]) == (status, "close")


def test_a_request_that_does_not_go_on_is_cut(
    page: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yard.dev.page._Handler.timeout", 0.3)
    address = ("127.0.0.1", page.base_url.port or 0)
    head = b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"
    for sent in (b"", b"GET / HT", head):
        with socket.create_connection(address, timeout=20) as connection:
            connection.sendall(sent)
            assert connection.recv(1000) == b""
    assert page.get("/").status_code == 200


def test_a_stream_arrives_as_it_is_written(page: httpx.Client, server: Server) -> None:
    go_on = threading.Event()

    def stream(request: object) -> None:
        handler = request.handler  # type: ignore[attr-defined]
        handler.protocol_version = "HTTP/1.0"
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(b"first\n")
        assert go_on.wait(60)
        handler.wfile.write(b"second\n")
        handler.close_connection = True

    server.on("GET /jobs/1/events", stream)
    with page.stream("GET", "/api/v1/jobs/1/events") as reply:
        lines = reply.iter_lines()
        assert next(lines) == "first"
        go_on.set()
        assert next(lines) == "second"
