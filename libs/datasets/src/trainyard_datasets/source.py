"""The archive's bytes: fetched as a whole, or by the ranges that are asked for."""

import contextlib
import hashlib
import io
import os
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import IO, NamedTuple

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from trainyard_datasets.limits import MAX_DIRECTORY_BYTES, MIB
from trainyard_datasets.problems import RejectedError, UnavailableError

_CONNECTIONS = 8
_READ_AHEAD = 64 * 1024
_GAP = 64 * 1024
_MOST = 4 * MIB
_MOST_FILES = 500


class Extent(NamedTuple):
    """Bytes `start` to `end` (exclusive)."""

    start: int
    end: int


class Window(NamedTuple):
    """Bytes from `start` on, which hold the next `extents`; here or in a file."""

    start: int
    size: int
    extents: int
    data: bytes | None
    descriptor: int | None = None

    def bytes(self) -> bytes:
        if self.data is not None or self.descriptor is None:
            return self.data or b""
        return os.pread(self.descriptor, self.size, self.start)


class RemoteObject:
    """One object behind a presigned link.

    Raises (everywhere):
        RejectedError: it is gone, or not as large as announced.
        UnavailableError: the store does not answer.
    """

    def __init__(self, url: str, size: int) -> None:
        self._url = url
        self.size = size
        limits = httpx.Limits(max_connections=_CONNECTIONS)
        self._client = httpx.Client(timeout=httpx.Timeout(30, connect=5), limits=limits)
        self._retrying = Retrying(
            retry=retry_if_exception_type((httpx.TransportError, UnavailableError)),
            stop=stop_after_attempt(4),
            wait=wait_exponential(0.2, max=2),
            reraise=True,
        )

    def download(self) -> tuple[IO[bytes], str]:
        """A temporary file with all of it, and its sha256."""
        try:
            return self._retrying(self._download)
        except httpx.TransportError as error:
            raise UnavailableError(f"{error!r}") from error

    def _download(self) -> tuple[IO[bytes], str]:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        digest = hashlib.sha256()
        with self._client.stream("GET", self._url) as reply:
            self._require(reply, httpx.codes.OK)
            for chunk in reply.iter_raw():
                digest.update(chunk)
                file.write(chunk)
                if file.tell() > self.size:
                    break
        if file.tell() != self.size:
            raise _wrong_size(self.size, file.tell())
        file.seek(0)
        return file, digest.hexdigest()

    def digest(self) -> str:
        """The sha256 of all of it, of which nothing is kept."""
        try:
            return self._retrying(self._digest)
        except httpx.TransportError as error:
            raise UnavailableError(f"{error!r}") from error

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for chunk in self._chunks():
            digest.update(chunk)
        return digest.hexdigest()

    def chunks(self) -> Iterator[bytes]:
        """All of it, once, without another try."""
        try:
            yield from self._chunks()
        except httpx.TransportError as error:
            raise UnavailableError(f"{error!r}") from error

    def _chunks(self) -> Iterator[bytes]:
        size = 0
        with self._client.stream("GET", self._url) as reply:
            self._require(reply, httpx.codes.OK)
            for chunk in reply.iter_raw():
                size += len(chunk)
                yield chunk
        if size != self.size:
            raise _wrong_size(self.size, size)

    def fetch(self, extent: Extent) -> bytes:
        try:
            return self._retrying(self._fetch, extent)
        except httpx.TransportError as error:
            raise UnavailableError(f"{error!r}") from error

    def _fetch(self, extent: Extent) -> bytes:
        wanted = f"bytes={extent.start}-{extent.end - 1}"
        with self._client.stream("GET", self._url, headers={"Range": wanted}) as reply:
            self._require(reply, httpx.codes.PARTIAL_CONTENT)
            total = reply.headers.get("Content-Range", "").rpartition("/")[2]
            if total != str(self.size):
                raise _wrong_size(self.size, total)
            return reply.read()

    def _require(self, reply: httpx.Response, status: int) -> None:
        if reply.status_code == httpx.codes.NOT_FOUND:
            raise RejectedError("The archive is no longer in the store. Push the dataset again.")
        if reply.status_code != status:
            raise UnavailableError(f"it answers {reply.status_code} where {status} was due")


def _wrong_size(announced: int, found: object) -> RejectedError:
    return RejectedError(
        f"The archive in the store has {found} bytes, but {announced} were announced. "
        "Push the dataset again."
    )


class RangeFile(io.RawIOBase):
    """The object as a file. Small reads are served from a window of what was fetched last."""

    def __init__(self, remote: RemoteObject) -> None:
        self._remote = remote
        self._position = 0
        self._window = Extent(0, 0)
        self._bytes = b""

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._remote.size}[whence]
        if base + offset < 0:
            raise ValueError("negative seek position")
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        left = max(0, self._remote.size - self._position)
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted == 0:
            return b""
        if wanted > MAX_DIRECTORY_BYTES:
            raise RejectedError(
                f"The archive's table of contents has {wanted:,} bytes; at most "
                f"{MAX_DIRECTORY_BYTES:,} are read. Split the dataset."
            )
        start, end = self._position, self._position + wanted
        if not (self._window.start <= start and end <= self._window.end):
            ahead = min(self._remote.size, max(end, start + _READ_AHEAD))
            self._show(Extent(start, ahead), self._remote.fetch(Extent(start, ahead)))
        self._position = end
        return self._bytes[start - self._window.start : end - self._window.start]

    def sweep(self, extents: Iterable[Extent]) -> Iterator[Window]:
        """Yield windows with all of the extents (by start), fetching ahead."""
        rest = _joined(extents)
        coming: deque[tuple[Extent, int, Future[bytes]]] = deque()
        with ThreadPoolExecutor(_CONNECTIONS) as threads:
            try:
                while True:
                    for extent, count in islice(rest, _CONNECTIONS - len(coming)):
                        coming.append((extent, count, threads.submit(self._remote.fetch, extent)))
                    if not coming:
                        return
                    extent, count, fetched = coming.popleft()
                    self._show(extent, fetched.result())
                    yield Window(extent.start, len(self._bytes), count, self._bytes)
            finally:
                for *_, fetched in coming:
                    fetched.cancel()

    def _show(self, extent: Extent, data: bytes) -> None:
        self._window, self._bytes = extent, data


def sweep(file: IO[bytes] | RangeFile, extents: Iterable[Extent]) -> Iterator[Window]:
    """Windows of a file with all of the extents (by start), empty for very large ones here."""
    if isinstance(file, RangeFile):
        yield from file.sweep(extents)
        return
    descriptor: int | None = None
    with contextlib.suppress(OSError):  # io.UnsupportedOperation
        descriptor = file.fileno()
    for extent, count in _joined(extents):
        size, data = extent.end - extent.start, None
        if size > _MOST:
            data = b""
        elif descriptor is None:
            file.seek(extent.start)
            data = file.read(size)
        yield Window(extent.start, size, count, data, descriptor)


def _joined(extents: Iterable[Extent]) -> Iterator[tuple[Extent, int]]:
    """Join neighbours less than `_GAP` bytes apart into ranges of up to `_MOST` bytes and `_MOST_FILES`.

    Yields each range and how many of the extents (sorted by start) it covers.
    """
    joined: Extent | None = None
    count = 0
    for extent in extents:
        is_near = joined and extent.start - joined.end <= _GAP
        if joined and is_near and extent.end - joined.start <= _MOST and count < _MOST_FILES:
            joined, count = Extent(joined.start, max(joined.end, extent.end)), count + 1
            continue
        if joined:
            yield joined, count
        joined, count = extent, 1
    if joined:
        yield joined, count
