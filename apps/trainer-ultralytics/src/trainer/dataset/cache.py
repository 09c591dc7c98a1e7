"""The cache of unpacked datasets: a folder each, named by the sha256 of archive and index."""

import errno
import fcntl
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trainer import processes

logger = logging.getLogger(__name__)
_LIMIT_BYTES = 20 << 30
_TAKEN = {errno.EEXIST, errno.ENOTEMPTY}


class DatasetCache:
    """Evicts the least recently used datasets that no process holds.

    DATASET_CACHE_BYTES (default 20 GiB) is their limit together; a single dataset may exceed it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, exist_ok=True)

    def take(self, name: str) -> Path | None:
        """The dataset's folder, held until this process ends; None where it is not cached."""
        path = self._folder / name
        with suppress(FileNotFoundError):
            hold = _hold(path)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(hold), path.stat()):
                    os.utime(path)
                    return path
            os.close(hold)  # evicted in this moment
        return None

    def incoming(self) -> "tempfile.TemporaryDirectory[str]":
        """A temporary folder on the same file system, for a download."""
        self._sweep()
        prefix = f".new-{os.getpid()}-{processes.start_ticks(os.getpid())}-"
        return tempfile.TemporaryDirectory(dir=self._folder, prefix=prefix)

    def keep(self, folder: Path, name: str) -> Path:
        """Move `folder` into the cache and take it, or the one that another attempt has put there."""
        while (found := self.take(name)) is None:
            hold = _hold(folder)
            try:
                folder.rename(self._folder / name)
            except OSError as error:
                os.close(hold)
                if error.errno not in _TAKEN:
                    raise
        return found

    def make_room(self, size: int) -> None:
        """Evict the least recently used datasets until there is room for `size` more bytes."""
        room = int(os.environ.get("DATASET_CACHE_BYTES", _LIMIT_BYTES)) - size
        with _lock(self._folder, fcntl.LOCK_EX):  # one attempt at a time
            kept = [path for path in self._folder.iterdir() if not path.name.startswith(".")]
            for path in sorted(kept, key=lambda path: path.stat().st_mtime, reverse=True):
                needed = _size(path)
                if needed <= room or not self._remove(path):
                    room -= needed

    def _remove(self, path: Path) -> bool:
        with self.incoming() as away:
            try:
                with _lock(path, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    path.rename(Path(away) / path.name)
            except OSError:  # an attempt uses it
                return False
        logger.info("Removed the dataset %.12s to make room: no training used it.", path.name)
        return True

    def _sweep(self) -> None:
        """Remove the temporary folders of attempts that were killed during a download."""
        for path in self._folder.glob(".new-*"):
            owner = re.match(r"\.new-(\d+)-(\d+)-", path.name)
            if not owner or processes.start_ticks(int(owner[1])) != int(owner[2]):
                shutil.rmtree(path, ignore_errors=True)


def _size(folder: Path) -> int:
    size = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a training's own temporary file
            size += path.lstat().st_size
    return size


@contextmanager
def _lock(path: Path, how: int) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


def _hold(path: Path) -> int:
    """Lock the folder against removal until this process ends or closes the descriptor."""
    hold = os.open(path, os.O_RDONLY)
    with suppress(
        OSError
    ):  # some network file systems cannot lock folders; nothing is evicted there
        fcntl.flock(hold, fcntl.LOCK_SH)
    return hold
