"""What a host may do that nobody has to trust."""

import hashlib
import io
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from trainyard_datasets.download import DownloadError, download


class _Host(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(302 if self.path == "/round" else 200)
        self.send_header("Location", "/round")
        self.end_headers()
        for _ in range(20):
            self.wfile.write(b"0123456789")
            if self.path == "/slow":
                time.sleep(0.1)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Host) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("path", "limits", "words"),
    [
        ("/a", {"max_bytes": 199}, "it sends more than 199 bytes"),
        ("/slow", {"within_s": 0.3}, "it has not sent all within 0.3 s"),
        ("/a", {"sha256": "0" * 64}, f"must be {'0' * 64}"),
        ("/a.pt", {}, "PyTorch has not written it"),
        ("/round", {}, "redirects"),
        (":99999/a", {}, "Invalid port"),
    ],
)
def test_what_is_too_much_too_slow_or_another_is_refused(
    url: str, path: str, limits: dict[str, object], words: str
) -> None:
    chosen: dict[str, object] = {"sha256": None, "max_bytes": 200, "within_s": 60, **limits}
    with pytest.raises(DownloadError, match=words):
        download(url + path, io.BytesIO(), **chosen)  # type: ignore[arg-type]


@pytest.mark.parametrize("is_known", [True, False])
def test_the_file_is_at_its_beginning(url: str, is_known: bool) -> None:
    """Only of what should be PyTorch's is it known how it looks."""
    file, known = io.BytesIO(), hashlib.sha256(b"0123456789" * 20).hexdigest()
    expected = known if is_known else None
    size, sha256 = download(f"{url}/a.onnx", file, sha256=expected, max_bytes=200, within_s=60)
    assert (size, sha256, file.read()) == (200, known, b"0123456789" * 20)
