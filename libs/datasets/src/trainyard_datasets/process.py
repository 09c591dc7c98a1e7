"""Runs the check in a process of its own (`__main__`) and tells how that ended.

What it reads is hostile: the process gets a link to one object and nothing else, and `limits.py`
bounds it.
"""

import asyncio
import contextlib
import ctypes
import json
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from typing import IO, Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from trainyard_datasets import index, limits
from trainyard_datasets.problems import UnavailableError

logger = logging.getLogger(__name__)

_PR_SET_DUMPABLE = 4
_MAX_RESULT_BYTES = 16 * 2**20
_OVERRUN = {-signal.SIGALRM, -signal.SIGXCPU}
# A proxy or a private authority may stand between us and the store.
_ENVIRONMENT = {"PATH", "LANG", "TMPDIR", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_FILE"}

_MOST_JUDGES = 2
_judges: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


class CrashedError(Exception):
    """The process ended without a result; the text says how."""


class OverrunError(Exception):
    """The check took longer than its limits; the signal that told it, negative, is the argument."""


async def run_check(
    url: str, size: int, sha256: str | None, task: str, index_file: IO[bytes]
) -> dict[str, Any]:
    """What the check of the archive at `url` found: `accepted`, `sha256` and `report`, not validated.

    The index of a dataset that is accepted is written to `index_file`, which is left at its start;
    it is verified, and `index_sha256` is its hash. If the caller is cancelled, the process is killed.

    Raises:
        UnavailableError: the store does not answer.
        OverrunError: it was stopped by its limits of time.
        CrashedError: there is no result, or no index.
    """
    index_file.truncate(0)
    index_file.seek(0)
    place = index_file.fileno()
    what = {"url": url, "size": size, "sha256": sha256, "task": task, "index": place}
    output = await _output(what | {"wall_s": limits.WALL_S}, place)
    try:
        found: dict[str, Any] = json.loads(output)
        if found["accepted"]:
            found["index_sha256"] = await asyncio.to_thread(_verified, index_file)
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise CrashedError("no result") from error
    return found


async def judge_weights(
    url: str, size: int, sha256: str, task: str | None, model: str | None
) -> dict[str, Any]:
    """What `weights.judge_object` says of the weights at `url`; a few at a time.

    Raises:
        UnavailableError: the store does not answer.
    """
    what = {"url": url, "size": size, "sha256": sha256, "task": task, "model": model}
    loop = asyncio.get_running_loop()
    try:
        async with _judges.setdefault(loop, asyncio.Semaphore(_MOST_JUDGES)):
            output = await _output(what | {"weights": True, "wall_s": limits.WEIGHTS_WALL_S})
        return dict(json.loads(output))
    except OverrunError as error:
        # The processor's time is the file's, that of the clock may be the store's.
        if error.args == (-signal.SIGXCPU,):
            problem = "reading it takes more time than weights need"
            return {"damaged": False, "sound": False, "problem": problem}
        raise UnavailableError(f"It was not read within {limits.WEIGHTS_WALL_S} s.") from error
    except (CrashedError, ValueError) as error:
        raise UnavailableError(f"It was not read to its end ({error}). Try again.") from error


def _verified(index_file: IO[bytes]) -> str:
    index_file.seek(0)
    try:
        sha256 = index.verify(index_file)
    except ValueError as error:
        raise CrashedError(f"no index: {error}") from error
    index_file.seek(0)
    return sha256


async def _output(request: dict[str, Any], *descriptors: int) -> bytes:
    # Files, because the child's limits bound them; a pipe would let it fill our memory.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        code = await _wait(request, output, errors, descriptors)
        output.seek(0)
        errors.seek(0)
        if code == 0:
            return output.read(_MAX_RESULT_BYTES)
        said = errors.read(10_000).decode(errors="replace").strip()
    if code == os.EX_TEMPFAIL:
        raise UnavailableError(f"It could not be read from the object store: {said}")
    if code in _OVERRUN:
        raise OverrunError(code)
    logger.error("the check of %s ended with %s: %r", urlsplit(request["url"]).path, code, said)
    raise CrashedError(signal.Signals(-code).name if code < 0 else f"exit code {code}")


def _hide_environment() -> None:
    """Keep this process's environment, with its secrets, from children that run as the same user.

    Linux then gives /proc/PID of it to root alone, and lets nobody attach to it; a program that it
    starts is as before.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


async def _wait(
    request: dict[str, Any], output: IO[bytes], errors: IO[bytes], descriptors: Sequence[int]
) -> int:
    _hide_environment()
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "trainyard_datasets"),
        stdin=asyncio.subprocess.PIPE,
        stdout=output,
        stderr=errors,
        pass_fds=descriptors,
        # One arena: each further one would reserve 64 MiB of the address space we bound.
        env={name: value for name, value in os.environ.items() if name.upper() in _ENVIRONMENT}
        | {"MALLOC_ARENA_MAX": "1", "PYTHONUTF8": "1"},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(request["wall_s"] + 10):
            await child.communicate(json.dumps(request).encode())
    except TimeoutError:
        return -signal.SIGALRM
    finally:
        # Also when this task is cancelled: nothing is left behind.
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
    assert child.returncode is not None  # noqa: S101 - communicate has waited for it
    return child.returncode
