"""Fetches the weights that a job starts from: downloaded, verified, cached by their sha256."""

import logging
import os
from pathlib import Path

from trainer.contract import Attempt, AttemptError, Cause
from trainer.object_store import ObjectStore

logger = logging.getLogger(__name__)
_KEPT = 20


def fetch_weights(attempt: Attempt, object_store: ObjectStore, home: Path) -> Path | None:
    """The file, without traffic where it is cached; None where the job names none.

    Raises:
        AttemptError: the object store or the file is at fault.
    """
    sha256, name, key = attempt.weights_sha256, attempt.weights_name, attempt.weights_key
    if sha256 is None or key is None:
        return None
    folder = home / "weights"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{sha256}.pt"
    if path.is_file():
        os.utime(path)
        return path
    logger.info("Downloading the weights %s.", name)
    incoming = folder / f".{sha256}.{os.getpid()}.pt"
    try:
        found = object_store.download(attempt.models_bucket, key, incoming)
        if found != sha256:
            raise AttemptError(
                Cause.CONFIG_INVALID,
                f"The sha256 of the weights {name} is {found}, not {sha256}: they were damaged or "
                "changed after the upload. Submit a new job with others.",
            )
        incoming.replace(path)
    except FileNotFoundError:
        raise AttemptError(
            Cause.CONFIG_INVALID,
            f"The weights {name} were deleted: submit a new job with others.",
        ) from None
    finally:
        incoming.unlink(missing_ok=True)
    _make_room(folder)
    return path


def _make_room(folder: Path) -> None:
    """Keep the files that were used last; an attempt that has opened its file goes on reading it."""
    kept = sorted(folder.glob("[!.]*.pt"), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in kept[_KEPT:]:
        file.unlink(missing_ok=True)
