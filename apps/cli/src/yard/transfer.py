"""Uploads to and downloads from the object store, by links that the server signed."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Protocol

import httpx

from yard.client import Json, retrying
from yard.errors import Code, YardError

_CHUNK = 1 << 18
_PARALLEL = 4
_ATTEMPTS = 6
_TIMEOUT = httpx.Timeout(60, connect=5)


@cache
def _http() -> httpx.Client:
    """For all transfers of a command: each new client reads the CA certificates, which takes 20 ms."""
    return httpx.Client(timeout=_TIMEOUT)


class Content(Protocol):
    """What is uploaded; `size` in bytes."""

    size: int

    def read(self, start: int, length: int) -> Iterator[bytes]:
        """Yield these bytes of it in pieces."""


class _StoppedError(Exception):
    """The upload was interrupted; the remaining parts are not sent."""


def upload(content: Content, plan: Json, advance: Callable[[int], None]) -> list[Json]:
    """Upload in parts, several at a time; return the parts' numbers and ETags.

    Args:
        content: what is uploaded.
        plan: as `upload` of a created dataset: `part_size` in bytes and `parts` with their links.
        advance: called with the number of bytes sent, negative when a part starts over.
    """
    stop = threading.Event()

    def sent(count: int) -> None:
        if stop.is_set() and count > 0:
            raise _StoppedError
        advance(count)

    with ThreadPoolExecutor(_PARALLEL) as pool:

        def put(part: Json) -> Json:
            return retrying(_ATTEMPTS)(_put, content, part, int(plan["part_size"]), sent)

        try:
            return list(pool.map(put, plan["parts"]))
        except httpx.TransportError as error:
            raise _store_unreachable(error) from error
        finally:
            stop.set()  # otherwise the pool would finish the running parts after Ctrl-C


def _put(content: Content, part: Json, part_size: int, advance: Callable[[int], None]) -> Json:
    start = (int(part["number"]) - 1) * part_size
    length = min(part_size, content.size - start)
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        for chunk in content.read(start, length):
            yield chunk
            sent += len(chunk)
            advance(len(chunk))

    try:
        response = _http().put(
            part["url"], content=chunks(), headers={"Content-Length": str(length)}
        )
        _check(response)
    except BaseException:
        advance(-sent)
        raise
    return {"number": part["number"], "etag": response.headers["ETag"]}


class DamagedError(YardError):
    """What arrived is not what the trainer wrote, or not what it had written when asked."""


def download(artifact: Json, target: Path, advance: Callable[[int], None]) -> None:
    """Download an artifact, check its sha256, and only then move it into place.

    Raises:
        YardError: the store does not answer.
        DamagedError: the checksum differs.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        retrying(_ATTEMPTS)(_download, artifact, target, advance)
    except httpx.TransportError as error:
        raise _store_unreachable(error) from error


def _download(artifact: Json, target: Path, advance: Callable[[int], None]) -> None:
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    digest, done = hashlib.sha256(), 0
    try:
        with _http().stream("GET", artifact["url"]) as response, partial.open("wb") as file:
            _check(response)
            for chunk in response.iter_bytes(_CHUNK):
                file.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                advance(len(chunk))
        _compare(artifact, digest.hexdigest())
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        advance(-done)
        raise


def _compare(artifact: Json, sha256: str) -> None:
    if artifact["sha256"] in (None, sha256):
        return
    raise DamagedError(
        f"{artifact['name']} arrived damaged",
        f"its sha256 is {sha256}, the trainer wrote {artifact['sha256']}",
        "pull again; if this repeats, the stored object is damaged: train again",
    )


def _check(response: httpx.Response) -> None:
    if response.is_success:
        return
    if response.is_server_error:
        raise httpx.ReadError(f"the object store answered {response.status_code}")
    raise YardError(
        f"the object store refused the transfer ({response.status_code})",
        "its links are signed for a limited time",
        "run the command again; if this repeats, check the server's S3_PUBLIC_ENDPOINT",
        Code.REFUSED,
    )


def _store_unreachable(error: Exception) -> YardError:
    return YardError(
        "the object store does not answer",
        str(error) or type(error).__name__,
        "check that it is running, and that the server's S3_PUBLIC_ENDPOINT leads to it from this machine",
        Code.UNREACHABLE,
    )
