"""A server of a model of the platform: it takes over what the alias means, and loses no request."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import samples
from launching import wait_until
from servers import free_port
from test_architectures import YOLO

MAKE = """
import sys
from pathlib import Path
from trainer.yolo import offline
offline.prepare(Path(sys.argv[1]))
offline.load()
import torch
from ultralytics import YOLO
folder = Path(sys.argv[2])
for seed in (1, 2):
    torch.manual_seed(seed)
    YOLO(folder / "tiny.yaml", task="detect").save(folder / f"{seed}.pt")
torch.save({"model": torch.nn.Linear(1, 1)}, folder / "4.pt")  # as another trainer may store it
"""
PUBLIC = "store.example.com:9000"


class Platform(ThreadingHTTPServer):
    """The API and the store in one, each for its own `Host`."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.production, self.damaged = "1", False
        self.wrong = Counter[str]()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Platform

    def do_GET(self) -> None:
        url, platform = urlsplit(self.path), self.server
        body: Any = None
        if url.path.startswith("/models/"):
            if self.headers["Host"] == PUBLIC and url.query == "signature=1":
                body = b"other" if platform.damaged else platform.files[url.path[-1]]
        elif self.headers["Authorization"] == "Bearer secret":
            body = json.dumps(self._answer(url.path, parse_qs(url.query))).encode()
        if body is None:
            platform.wrong[self.path] += 1
        self.send_response(403 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def _answer(self, path: str, query: dict[str, list[str]]) -> dict[str, Any]:
        if path == "/api/v1/models":
            assert query["name"] == ["pages"]
            if "cursor" not in query:  # the version is on the second page
                return {"items": [], "next_cursor": "more"}
            version = {"version": 1, "aliases": ["production"], "name": "pages"}
            tags = {"trainyard.job_id": f"job-{self.server.production}"}
            return {"items": [version | {"tags": tags}], "next_cursor": None}
        number = path.removeprefix("/api/v1/jobs/job-").removesuffix("/artifacts")
        sha256 = hashlib.sha256(self.server.files[number]).hexdigest()
        url = f"https://{PUBLIC}/models/{number}?signature=1"
        return {"items": [{"name": "best.pt", "sha256": sha256, "url": url}]}

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def platform(home: Path, tmp_path: Path) -> Iterator[Platform]:
    (tmp_path / "tiny.yaml").write_text(YOLO)
    subprocess.run([sys.executable, "-c", MAKE, home, tmp_path], check=True)
    files = {number: (tmp_path / f"{number}.pt").read_bytes() for number in ("1", "2", "4")}
    with Platform(files | {"3": b"no model"}) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def told(said: Path, words: str) -> bool:
    return words in said.read_text()


def ask(port: int, image: bytes) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/predict", image)
    reply = connection.getresponse()
    return reply.status, reply.read()


@pytest.mark.timeout(200)
def test_a_moved_alias_is_taken_over_without_a_lost_request(
    platform: Platform, home: Path, tmp_path: Path
) -> None:
    token, port = tmp_path / "token", free_port()
    token.write_text("old")
    command = [sys.executable, "-m", "trainer", "serve", "--model", "model:pages@production"]
    command += ["--backend", platform.url, "--store", platform.url, "--token-file", str(token)]
    command += ["--port", str(port), "--poll", "0.1", "--conf", "1e-6", "--imgsz", "32"]
    env = os.environ | {"TRAINER_HOME": str(home / "served"), "YOLO_VERBOSE": "false"}
    with (tmp_path / "said").open("w") as said:
        server = subprocess.Popen([*command, "--device", "cpu"], env=env, stderr=said)
    try:
        wait_until(lambda: "is not served yet" in (tmp_path / "said").read_text())
        token.write_text("secret\n")  # is read anew: a token may be replaced

        def health() -> dict[str, str]:
            try:
                told: dict[str, str] = httpx.get(f"http://127.0.0.1:{port}/healthz").json()
            except httpx.TransportError:
                return {}
            return told

        sha256 = {one: hashlib.sha256(data).hexdigest() for one, data in platform.files.items()}
        wait_until(lambda: health().get("sha256") == sha256["1"])
        assert health()["model"] == "model:pages@production"
        image, ending = samples.picture(1), threading.Event()
        before = ask(port, image)

        def hammer() -> Counter[tuple[int, bytes]]:
            answers = Counter[tuple[int, bytes]]()
            while not ending.is_set():
                answers[ask(port, image)] += 1
            return answers

        with ThreadPoolExecutor(4) as pool:
            hammers = [pool.submit(hammer) for _ in range(4)]
            try:
                platform.production = "2"
                wait_until(lambda: health().get("sha256") == sha256["2"])
                after = ask(port, image)
                for number, damaged, words in (
                    ("4", False, "cannot be served"),
                    ("3", False, "cannot be loaded"),  # what is no model changes nothing
                    ("1", True, "is damaged"),
                ):
                    platform.damaged, platform.production = damaged, number
                    wait_until(partial(told, tmp_path / "said", words))
                metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
                assert "failed_takeovers_total 2\n" in metrics
                assert ask(port, image) == after
            finally:
                ending.set()
            answers = sum((one.result() for one in hammers), Counter[tuple[int, bytes]]())
        assert before != after
        assert answers.keys() <= {before, after}, "each request was answered by one of the two"
        assert min(before[0], after[0]) == 200
        assert answers.total() > 20
        assert not any(path.startswith("/models/") for path in platform.wrong)
        server.terminate()
        assert server.wait(60) == 0
    finally:
        server.kill()
        server.wait()
