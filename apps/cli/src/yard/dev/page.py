"""Serves the web page of `yard dev` and leads its requests to the backend, as nginx does in a cluster.

Paths and Content-Security-Policy are read from nginx's own template, so that they are told once.
"""

import contextlib
import dataclasses
import http.client
import mimetypes
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

_PIECE = 1 << 16
_MAX_BODY = 2 << 20  # bytes; the backend takes less
_SILENT_S = 60  # the backend pings its streams more often
_BY_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "upgrade"})
_OWN_NAMES = ("127.0.0.1", "localhost", "::1")
_POLICY = re.compile(r'add_header Content-Security-Policy "([^"]+)"')
_LOCATION = re.compile(r"\n    location ~ (\S+) \{\n(.*?)\n    \}", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Site:
    """What is served.

    Attributes:
        folder: of the built page.
        backend: URL of the backend.
        config: content of /config.json.
        policy: Content-Security-Policy of the page.
        pages: matches the paths that the page's own router draws.
        forwarded: regular expressions of paths that are the backend's, each with its policy.
    """

    folder: Path
    backend: str
    config: str
    policy: str
    pages: re.Pattern[str]
    forwarded: list[tuple[re.Pattern[str], str]]

    @classmethod
    def read(cls, folder: Path, template: Path, backend: str, store: str, config: str) -> "Site":
        """Take paths and policies from nginx's template; `store` is the URL of presigned links."""
        text = template.read_text().replace("${STORE_ORIGIN}", store)
        policy, pages, forwarded = _POLICY.findall(text)[0], re.compile("(?!)"), []
        for found, body in _LOCATION.findall(text):
            if "proxy_pass" in body:
                own = _POLICY.search(body)
                forwarded.append((re.compile(found), own[1] if own else policy))
            elif "/index.html" in body:
                pages = re.compile(found)
        return cls(folder.resolve(), backend, config, policy, pages, forwarded)

    def file(self, path: str) -> Path | None:
        """The file at this path of the page; None where nothing is."""
        found = self.folder / ("index.html" if self.pages.match(path) else unquote(path)[1:])
        with contextlib.suppress(OSError, ValueError):
            found = found.resolve(strict=True)
            if found.is_relative_to(self.folder) and found.is_file():
                return found
        return None

    def policy_of_backend(self, path: str) -> str | None:
        """The policy of a path that the backend answers; None where it is not the backend's."""
        return next((policy for one, policy in self.forwarded if one.match(path)), None)


class PageServer(ThreadingHTTPServer):
    """Listens on the loopback interface only."""

    daemon_threads = True

    def __init__(self, port: int, site: Site) -> None:
        """Listen on `port`; 0 takes a free one."""
        super().__init__(("127.0.0.1", port), _Handler)
        self.site = site


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _SILENT_S  # a request that does not go on holds no thread for ever
    server: PageServer

    def _answer(self) -> None:
        site, path = self.server.site, self.path.partition("?")[0]
        policy = site.policy_of_backend(path)
        # Read whatever is answered: an unread body would be taken for the next request.
        body = self._body()
        if body is None:
            return
        if not self._is_for_us():
            self._send(403, b"This page answers to localhost only.\n")
        elif policy is not None:
            self._forward(policy, body)
        elif self.command not in ("GET", "HEAD"):
            self._send(405, b"This can only be read.\n")
        elif path == "/config.json":
            self._send(200, site.config.encode(), "application/json")
        elif file := site.file(path):
            kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
            self._send(200, file.read_bytes(), kind)
        else:
            self._send(404, b"There is nothing at this address.\n")

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

    def _body(self) -> bytes | None:
        """The request's body; None where its length is not told or too large, which is answered."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            self._send(411, b"The length of the body is missing.\n", close=True)
        elif int(length) > _MAX_BODY:
            self._send(413, b"The body is too large.\n", close=True)
        else:
            return self.rfile.read(int(length))
        return None

    def _is_for_us(self) -> bool:
        """Whether no other page sends this, under its own name or under one that leads here."""
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        own = urlsplit(f"//{host}").hostname in _OWN_NAMES
        return own and (origin is None or origin == f"http://{host}")

    def _send(
        self, status: int, body: bytes, kind: str = "text/plain", *, close: bool = False
    ) -> None:
        self.send_response_only(status)
        if close:
            self.send_header("Connection", "close")
        text = kind.startswith("text/") or kind in ("application/json", "image/svg+xml")
        self._send_headers(
            self.server.site.policy,
            {
                "Content-Type": f"{kind}; charset=utf-8" if text else kind,
                "Content-Length": str(len(body)),
                "Cache-Control": "no-cache",
            },
        )
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_headers(self, policy: str, headers: dict[str, str]) -> None:
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Security-Policy", policy)
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()

    def _forward(self, policy: str, body: bytes) -> None:
        passed = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in _BY_CONNECTION | {"content-length"}
        }
        host = urlsplit(self.server.site.backend).netloc
        with contextlib.closing(http.client.HTTPConnection(host, timeout=_SILENT_S)) as backend:
            try:
                backend.request(self.command, self.path, body or None, passed)
                reply = backend.getresponse()
            except (OSError, http.client.HTTPException):
                self._send(502, b"The backend does not answer.\n")
                return
            self._pass_on(reply, policy)

    def _pass_on(self, reply: http.client.HTTPResponse, policy: str) -> None:
        """Send the answer on, piece by piece as it comes: streams are live."""
        headers = {
            name: value for name, value in reply.getheaders() if name.lower() not in _BY_CONNECTION
        }
        chunked = reply.length is None and self.command != "HEAD"
        if chunked:
            headers["Transfer-Encoding"] = "chunked"
        self.send_response_only(reply.status, reply.reason)
        # A viewer that has left, or a stream that broke off: neither is news.
        self.close_connection = True
        with contextlib.suppress(OSError, http.client.HTTPException):
            self._send_headers(policy, headers)
            while piece := reply.read1(_PIECE):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            if chunked:
                self.wfile.write(b"0\r\n\r\n")
            self.close_connection = False

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing: the backend logs what it is asked."""


def main() -> None:
    """Serve for ever; arguments: the port, then those of `Site.read`."""
    port, folder, template, *rest = sys.argv[1:]
    site = Site.read(Path(folder), Path(template), *rest)
    PageServer(int(port), site).serve_forever()


if __name__ == "__main__":
    main()
