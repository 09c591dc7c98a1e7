"""Runs the check of a dataset in a process of its own: what it reads is hostile.

The child gets a link to one object and nothing else: no keys, no database, no token.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import tempfile
from typing import IO

from pydantic import BaseModel, ValidationError
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt
from trainyard_datasets import index, limits

from backend.context import Context
from backend.datasets.schemas import Report
from backend.infra.object_store import ObjectStoreError
from backend.state import object_keys
from backend.state.datasets import Dataset

logger = logging.getLogger(__name__)

_ATTEMPTS = 2
_MAX_RESULT_BYTES = 16 * 2**20
_OVERRUN = {-signal.SIGALRM, -signal.SIGXCPU}
# A proxy or a private authority may stand between us and the store.
_ENVIRONMENT = {"PATH", "LANG", "TMPDIR", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_FILE"}
# Each may take limits.MEMORY_BYTES; further ones wait.
_SLOTS = asyncio.Semaphore(2)


class Result(BaseModel):
    """What the check found. `index_sha256` is set where the dataset is accepted."""

    accepted: bool
    sha256: str | None
    report: Report
    index_sha256: str | None = None


class _CrashedError(Exception):
    """The child ended without a result."""


async def run(ctx: Context, dataset: Dataset, index_file: IO[bytes]) -> Result:
    """Check the dataset; a check that took too long or crashed twice rejects it.

    The index of a dataset that is accepted is written to `index_file`, which is left at its start.

    Raises:
        ObjectStoreError: the store does not answer.
    """
    attempts = AsyncRetrying(
        retry=retry_if_exception_type(_CrashedError),
        stop=stop_after_attempt(_ATTEMPTS),
        reraise=True,
    )
    async with _SLOTS:
        try:
            return await attempts(_run_once, ctx, dataset, index_file)
        except _CrashedError as error:
            return _rejected(
                f"Checking this dataset crashed {_ATTEMPTS} times ({error}), most likely because it "
                "ran out of memory or a file is malformed. Push a smaller dataset, or see the "
                "backend's log."
            )


async def _run_once(ctx: Context, dataset: Dataset, index_file: IO[bytes]) -> Result:
    index_file.truncate(0)
    index_file.seek(0)
    url = await ctx.store.presign_internal_get(
        ctx.settings.datasets_bucket, object_keys.dataset(dataset.id), lifetime_s=2 * limits.WALL_S
    )
    request = {
        "url": url,
        "size": dataset.size,
        "sha256": dataset.sha256,
        "task": dataset.task,
        "wall_s": limits.WALL_S,
        "index": index_file.fileno(),
    }
    # Files, because the child's limits bound them; a pipe would let it fill our memory.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        code = await _wait(json.dumps(request).encode(), output, errors, index_file)
        output.seek(0)
        errors.seek(0)
        said = errors.read(10_000).decode(errors="replace").strip()
        if code == 0:
            result = _result(output.read(_MAX_RESULT_BYTES))
            if result.accepted:
                result.index_sha256 = await asyncio.to_thread(_verified, index_file)
            return result
    if code == os.EX_TEMPFAIL:
        raise ObjectStoreError(
            f"Dataset {dataset.id} could not be read from the object store: {said}"
        )
    if code in _OVERRUN:
        return _rejected(
            f"Checking this dataset took longer than {limits.WALL_S / 60:g} minutes. Split it into "
            "smaller datasets."
        )
    logger.error("the check of dataset %s ended with %s: %r", dataset.id, code, said)
    reason = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    raise _CrashedError(reason)


def _result(output: bytes) -> Result:
    try:
        return Result.model_validate_json(output)
    except ValidationError as error:
        raise _CrashedError("no result") from error


def _verified(index_file: IO[bytes]) -> str:
    index_file.seek(0)
    try:
        sha256 = index.verify(index_file)
    except ValueError as error:
        raise _CrashedError(f"no index: {error}") from error
    index_file.seek(0)
    return sha256


async def _wait(request: bytes, output: IO[bytes], errors: IO[bytes], index_file: IO[bytes]) -> int:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "trainyard_datasets"),
        stdin=asyncio.subprocess.PIPE,
        stdout=output,
        stderr=errors,
        pass_fds=[index_file.fileno()],
        # One arena: each further one would reserve 64 MiB of the address space we bound.
        env={name: value for name, value in os.environ.items() if name.upper() in _ENVIRONMENT}
        | {"MALLOC_ARENA_MAX": "1", "PYTHONUTF8": "1"},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(limits.WALL_S + 10):
            await child.communicate(request)
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


def _rejected(message: str) -> Result:
    return Result(accepted=False, sha256=None, report=Report.of_error(message))
