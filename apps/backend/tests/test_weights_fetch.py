"""Official weights are fetched from their host once, judged, and the same from then on."""

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import api_support
import pytest
import servers
from api_support import Api, set_job
from backend.state.statuses import JobStatus
from pickled_weights import archive
from weights_support import MANIFEST, made, push, submit

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Host(ThreadingHTTPServer):
    """Plays the host of official weights. Each run has other bytes: the store is shared by tests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Asset)
        self.asked: Counter[str] = Counter()
        self.version = str(time.time_ns())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v8"

    def content(self, path: str) -> bytes:
        return made(path.removeprefix("/v8") + self.version)


class _Asset(BaseHTTPRequestHandler):
    server: Host

    def do_GET(self) -> None:
        self.server.asked[self.path] += 1
        if "yolo11l" in self.path:
            self.send_error(404)
            return
        if "yolo11m" in self.path:
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.server.server_port}/elsewhere")
            self.end_headers()
            return
        time.sleep(0.3)  # so that others ask meanwhile
        content = self.server.content(self.path)
        if "yolo11s-seg" in self.path:
            content = b"<html>Please log in to the proxy</html>"
        if "yolo11x-seg" in self.path:
            content = archive(pickled=b"cos\nsystem\n.")
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as host:
        Thread(target=host.serve_forever, daemon=True).start()
        yield host
        host.shutdown()


async def end_jobs(api: Api) -> None:
    for job in (await api.http.get("/api/v1/jobs")).json()["items"]:
        await set_job(api.ctx, job["id"], status=JobStatus.FAILED)


@pytest.mark.databases("sqlite", "postgresql")
async def test_official_weights_are_fetched_once_however_many_jobs_wait(  # noqa: PLR0917
    database_url: str,
    tmp_path: Path,
    store: servers.S3Server,
    host: Host,
    s3: "S3Client",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(api_support, "MANIFEST", MANIFEST)
    wrong = {"weights_sha256": {"yolo11s.pt": "0" * 64}, "weights_download": f"{host.url}/"}
    chosen = api_support.settings(database_url, tmp_path, store, **wrong)
    # Two replicas of PostgreSQL's; SQLite has one.
    async with api_support.serving(chosen) as api, api_support.serving(chosen) as other:
        await api.ctx.store.ensure_buckets()
        for found in s3.list_objects_v2(Bucket="models", Prefix="weights/yolo").get("Contents", []):
            s3.delete_object(Bucket="models", Key=found["Key"])
        asked = [api, api, other if "postgresql" in database_url else api]
        jobs = await asyncio.gather(*(submit(one, None) for one in asked))
        sha256 = hashlib.sha256(content := host.content("/v8/yolo11n.pt")).hexdigest()
        for job in jobs:
            assert job.get("weights") == {"name": "yolo11n.pt", "sha256": sha256}, job
        assert host.asked == {"/v8/yolo11n.pt": 1}
        stored = s3.get_object(Bucket="models", Key=f"weights/{sha256}.pt")
        assert stored["Body"].read() == content
        [kept] = (await api.http.get("/api/v1/weights")).json()["items"]
        assert kept.items() >= {"task": "detect", "model": "yolo11n", "size": len(content)}.items()

        # Named ones too, and none where a job is to start from scratch.
        job = await submit(api, "yolo11n-seg.pt", "segment")
        assert job["weights"]["name"] == "yolo11n-seg.pt"
        assert (await submit(api, "none", model="yolo11s"))["weights"] is None
        assert (await submit(api, None, model="yolo11x"))["weights"] is None  # no official name
        assert host.asked == {"/v8/yolo11n.pt": 1, "/v8/yolo11n-seg.pt": 1}

        # What was fetched once is the same for ever, or as the operator says.
        await end_jobs(api)
        assert (await api.http.delete(f"/api/v1/weights/{sha256}")).status_code == 204
        # Somebody may have pushed the same file by another name, before a job wanted it or after.
        await push(api, content, "base.pt")
        wanted = {"name": "base.pt", "sha256": sha256}
        assert (await submit(api, None))["weights"] == wanted
        s3.delete_object(Bucket="models", Key="weights/yolo11n.pt.sha256")
        assert (await submit(api, "yolo11n.pt"))["weights"] == wanted
        assert host.asked["/v8/yolo11n.pt"] == 2
        await end_jobs(api)
        assert (await api.http.delete(f"/api/v1/weights/{sha256}")).status_code == 204
        host.version = f"other {host.version}"
        for model, known in (("yolo11n", sha256), ("yolo11s", "0" * 64)):
            refused = await submit(api, None, model=model)
            [error] = refused["errors"]
            assert (refused["title"], error["field"]) == ("Weights not fetched", "weights")
            assert f"and must be {known}. `yard weights push {model}.pt`" in error["message"]

        for model, words in (
            ("yolo11m", "it redirects to localhost without encryption"),
            ("yolo11l", "it answers 404 Not Found"),
        ):
            assert words in (await submit(api, None, model=model))["detail"]
        refused = await submit(api, "yolo11s-seg.pt", "segment", model="yolo11s")
        assert "PyTorch has not written it" in refused["detail"]
        refused = await submit(api, "yolo11x-seg.pt", "segment", model="yolo11x")
        assert "yolo11x-seg.pt is refused: it names os.system" in refused["detail"]
        assert not any("elsewhere" in path for path in host.asked)
        host.shutdown()
        host.server_close()
        refused = await submit(api, None)
        assert "yolo11n.pt cannot be fetched (WEIGHTS_DOWNLOAD): " in refused["detail"]
        assert "`none` starts from scratch" in refused["detail"]
        assert host.url not in refused["detail"]
        left = s3.list_objects_v2(Bucket="models", Prefix="weights/yolo11")["Contents"]
        recorded = [found["Key"] for found in left]
        assert recorded == ["weights/yolo11n-seg.pt.sha256", "weights/yolo11n.pt.sha256"]
