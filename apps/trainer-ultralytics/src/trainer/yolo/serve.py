"""Serves a model by HTTP: an image in, what `predict` finds out, as JSON.

Every answer closes its connection. A server that ends can therefore lose no request: it stops
accepting, and answers what it has accepted.
"""

import contextlib
import dataclasses
import json
import math
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from trainer.platform_model import PlatformModel, UnavailableError
from trainer.yolo.pictures import TooLargeError, UnreadableError
from trainer.yolo.predict import Model, PredictOptions, open_model

MAX_PIXELS = 100_000_000
# The first image takes longer than those after it: a GIF of one pixel.
_WARM_UP = bytes.fromhex("47494638376101000100800000000000ffffff2c00000000010001000002024401003b")
_RETRY_S = 300  # after which a version that could not be taken over is tried again
_READ_S = 30  # that a client may take for its request
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class ServeOptions:
    """How to serve.

    `predict` is as for predictions. `listener` is a socket that listens already; `shared`: with other
    processes, which accept what this one does not. `max_bytes` bounds the body of a request, `queue`
    how many wait for the model beside the one that it works on; beyond that the answer is 503.
    `followed` is where `predict.weights` come from, None for a file: looked up every `poll_s`, and
    what it means then replaces the model while requests are answered.
    """

    predict: PredictOptions
    listener: socket.socket
    shared: bool
    max_bytes: int
    queue: int
    followed: PlatformModel | None = None
    poll_s: float = 10


class RefusedError(Exception):
    """The request cannot be answered; the text is for its sender."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class _Metrics:
    """What Prometheus reads."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    answers: Counter[int] = field(default_factory=Counter)
    buckets: Counter[float] = field(default_factory=Counter)
    seconds: float = 0
    count: int = 0
    waiting: int = 0
    failed: int = 0

    def answered(self, status: int, seconds: float) -> None:
        with self.lock:
            self.answers[status] += 1
            if status != HTTPStatus.OK:
                return
            self.seconds += seconds
            self.count += 1
            self.buckets.update(bound for bound in _BUCKETS if seconds <= bound)

    def text(self) -> str:
        """In Prometheus' format."""
        name = "trainyard_serve"
        with self.lock:
            lines = [
                f"# HELP {name}_requests_total Requests of /predict by the status of their answer.",
                f"# TYPE {name}_requests_total counter",
                *(f'{name}_requests_total{{status="{s}"}} {n}' for s, n in self.answers.items()),
                f"# HELP {name}_seconds From a request's image to its answer, waiting included.",
                f"# TYPE {name}_seconds histogram",
                *(f'{name}_seconds_bucket{{le="{b}"}} {self.buckets[b]}' for b in _BUCKETS),
                f'{name}_seconds_bucket{{le="+Inf"}} {self.count}',
                f"{name}_seconds_sum {self.seconds:.6f}",
                f"{name}_seconds_count {self.count}",
                f"# HELP {name}_waiting Requests that wait for the model, and the one it works on.",
                f"# TYPE {name}_waiting gauge",
                f"{name}_waiting {self.waiting}",
                f"# HELP {name}_failed_takeovers_total Tries to serve another version that failed.",
                f"# TYPE {name}_failed_takeovers_total counter",
                f"{name}_failed_takeovers_total {self.failed}",
            ]
        return "\n".join(lines) + "\n"


class Server:
    """Answers each connection in a thread; the model takes one image at a time."""

    def __init__(self, options: ServeOptions, model: Model) -> None:
        self.options = options
        self.metrics = _Metrics()
        self.served = options.predict.weights
        self._model = model
        self._busy = threading.Lock()
        self._room = threading.BoundedSemaphore(options.queue + 1)
        # Whoever only sends slowly takes no place in the queue, but a thread.
        self._threads = threading.BoundedSemaphore(options.queue + 64)
        self._stopping = threading.Event()

    def stop(self, *_: object) -> None:
        """Accept no more, unless it waits for no other process."""
        self._stopping.set()

    def follow(self, source: PlatformModel) -> None:
        """Serve what `source` means, from the next request on when that changes, until `stop`."""
        tried, retry_at, said = self.served, math.inf, ""
        while not self._stopping.wait(self.options.poll_s):
            try:
                found = source.newest()
            except UnavailableError as error:
                if str(error) != said:
                    _say(f"{source.reference} stays as it is: {error}.")
                said = str(error)
                continue
            said = ""
            if found == self.served or (found == tried and time.monotonic() < retry_at):
                continue
            tried = found
            model = _warm(dataclasses.replace(self.options.predict, weights=found))
            if model is None:
                retry_at = time.monotonic() + _RETRY_S
                with self.metrics.lock:
                    self.metrics.failed += 1
                continue
            with self._busy:
                self._model, old, self.served = model, self.served, found
            old.unlink(missing_ok=True)
            _say(f"{source.reference} is {found.stem} from now on.")

    def health(self) -> dict[str, str]:
        """The body of /healthz: of a model of the platform also which it is."""
        source = self.options.followed
        told = {"model": source.reference, "sha256": self.served.stem} if source else {}
        return {"status": "ok"} | told

    def run(self) -> None:
        """Serve until `stop`; return when everything that was accepted is answered."""
        listener = self.options.listener
        listener.settimeout(0.1)
        while True:
            last = self._stopping.is_set()
            if last and self.options.shared:
                break
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                if last:
                    break
                continue
            self._threads.acquire()
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()
        listener.close()
        for _ in range(self.options.queue + 64):
            self._threads.acquire()

    def _answer(self, connection: socket.socket) -> None:
        server = self

        class Handler(_Handler):
            owner = server

        try:
            connection.settimeout(_READ_S)
            with connection, contextlib.suppress(OSError):
                Handler(connection, connection.getpeername(), None)  # type: ignore[arg-type]
                connection.shutdown(socket.SHUT_WR)
        finally:
            self._threads.release()

    def predict(self, image: bytes) -> dict[str, Any]:
        """What the model finds.

        Raises:
            RefusedError: too many wait, or it is no image that can be used.
        """
        if not self._room.acquire(blocking=False):
            raise RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE, "Too many requests wait. Send it again later."
            )
        try:
            with _released(self._room), self._counted(), self._busy:
                return self._model.find(image, MAX_PIXELS)
        except TooLargeError as error:
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            raise RefusedError(status, f"The image cannot be used: {error}.") from error
        except UnreadableError as error:
            status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
            raise RefusedError(status, f"The image cannot be used: {error}.") from error

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        with self.metrics.lock:
            self.metrics.waiting += 1
        try:
            yield
        finally:
            with self.metrics.lock:
                self.metrics.waiting -= 1


@contextlib.contextmanager
def _released(semaphore: threading.BoundedSemaphore) -> Iterator[None]:
    try:
        yield
    finally:
        semaphore.release()


class _Handler(BaseHTTPRequestHandler):
    """HTTP of one connection, which is of one request."""

    owner: Server
    protocol_version = "HTTP/1.1"
    server_version = "trainyard-serve"
    sys_version = ""

    def do_GET(self) -> None:
        """`/healthz` and `/metrics`."""
        if self.path == "/healthz":
            self._reply(HTTPStatus.OK, self.owner.health())
        elif self.path == "/metrics":
            self._send(
                HTTPStatus.OK, self.owner.metrics.text().encode(), "text/plain; version=0.0.4"
            )
        else:
            self._reply(HTTPStatus.NOT_FOUND, {"detail": "POST an image to /predict."})

    def do_POST(self) -> None:
        """`/predict`."""
        if self.path != "/predict":
            self._reply(HTTPStatus.NOT_FOUND, {"detail": "POST an image to /predict."})
            return
        began = time.perf_counter()
        status, body = HTTPStatus.OK, dict[str, Any]()
        try:
            body = self.owner.predict(self._body())
        except RefusedError as error:
            status, body = error.status, {"detail": str(error)}
        except Exception as error:  # noqa: BLE001 - the others are served all the same
            status, body = HTTPStatus.INTERNAL_SERVER_ERROR, {"detail": repr(error)}
            self.log_error("%r", error)
        self.owner.metrics.answered(status, time.perf_counter() - began)
        self._reply(status, body)

    def _body(self) -> bytes:
        length, most = self.headers.get("Content-Length", ""), self.owner.options.max_bytes
        if not length.isdecimal():
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "Send the image with a Content-Length.")
        if int(length) > most:
            self._skip(int(length))
            raise RefusedError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The image is larger than {most} bytes."
            )
        return self.rfile.read(int(length))

    def _skip(self, length: int) -> None:
        """Read what is refused, as far as it is little: its sender then reads the answer."""
        left = min(length, 2 * self.owner.options.max_bytes)
        while left > 0 and (part := self.rfile.read(min(left, 1 << 16))):
            left -= len(part)

    def _reply(self, status: HTTPStatus, body: dict[str, Any]) -> None:
        self._send(status, json.dumps(body).encode() + b"\n", "application/json")

    def _send(self, status: HTTPStatus, content: bytes, media_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            self.send_header("Retry-After", "1")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def log_request(self, *_: object) -> None:
        """/metrics counts them."""


def serve(options: ServeOptions) -> int:
    """Load the model, then answer until SIGTERM; returns the exit code.

    What the weights' file cannot do is told on standard error, and the exit code is 2.
    """
    if options.followed:
        weights = _first(options.followed, options.poll_s)
        predict = dataclasses.replace(options.predict, weights=weights)
        options = dataclasses.replace(options, predict=predict)
    weights = options.predict.weights
    if not weights.is_file():
        print(f"There is no file {weights}.", file=sys.stderr)  # noqa: T201
        return 2
    model = _warm(options.predict)
    if model is None:
        return 2
    server = Server(options, model)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.stop)
    print(json.dumps({"ready": True}), flush=True)  # noqa: T201
    if options.followed:
        threading.Thread(target=server.follow, args=(options.followed,), daemon=True).start()
    server.run()
    return 0


def _warm(options: PredictOptions) -> Model | None:
    """The model after its first image; None once standard error has been told why there is none."""
    try:
        model = open_model(options)
        if model is not None:
            model.find(_WARM_UP)
    except Exception as error:  # noqa: BLE001 - what other trainers store makes Ultralytics raise anything
        _say(f"{options.weights} cannot be served: {error!r}. Serve a model of Ultralytics.")
        return None
    return model


def _first(source: PlatformModel, poll_s: float) -> Path:
    """The model's file, once there is one."""
    while True:
        try:
            return source.newest()
        except UnavailableError as error:
            _say(f"{source.reference} is not served yet: {error}.")
            time.sleep(poll_s)


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)  # noqa: T201
