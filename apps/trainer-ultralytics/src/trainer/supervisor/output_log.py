"""The file that an attempt's processes print into."""

import ctypes
import os
import threading
from pathlib import Path

from trainer.disk import full_disk

# What is kept of it: its newest bytes, as many as a backend keeps of a job's log by default.
KEPT_BYTES = 64 << 20
_LINE_TAIL_BYTES = 4096
_LINE_CHARS = 300
_BLOCK = 4096
_FALLOC_FL_KEEP_SIZE, _FALLOC_FL_PUNCH_HOLE = 1, 2
_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]


class OutputLog:
    """The file, held open: a trainer that deletes it takes it from nobody.

    Processes append to it without waiting for its readers. `trim` gives the disk back what lies
    before the newest KEPT_BYTES; offsets stay as they are.
    """

    def __init__(self, path: Path) -> None:
        self._folder = path.parent
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        self._lock = threading.Lock()
        self._kept_from = 0

    def redirect(self, *fds: int) -> None:
        """Make the descriptors of this process and its children write into it."""
        for fd in fds:
            os.dup2(self._fd, fd)

    def read(self, offset: int, count: int) -> tuple[int, bytes]:
        """At most `count` bytes from `offset` on, or from where it is still kept.

        Returns:
            Where the bytes begin, and the bytes.
        """
        with self._lock:
            begin = max(offset, self._kept_from)
            return begin, os.pread(self._fd, count, begin)

    def trim(self) -> None:
        """Free the space of all but the newest KEPT_BYTES, once that is worth it."""
        surplus = self.size() - KEPT_BYTES - self._kept_from
        if surplus < KEPT_BYTES // 4:
            return
        with self._lock:
            end = (self._kept_from + surplus) // _BLOCK * _BLOCK
            # Where the file system cannot do this the file grows, and its readers skip the same.
            mode = _FALLOC_FL_PUNCH_HOLE | _FALLOC_FL_KEEP_SIZE
            _libc.fallocate(self._fd, mode, self._kept_from, end - self._kept_from)
            self._kept_from = end

    def size(self) -> int:
        """What was printed so far."""
        return os.fstat(self._fd).st_size

    def full_disk(self, said: str = "") -> str:
        """What to tell if its disk is full; `said` is what a trainer has said of its end."""
        return full_disk(self._folder, os.fstatvfs(self._fd), said)

    def last_line(self) -> str:
        """The last line that is not blank, shortened."""
        _, tail = self.read(max(0, self.size() - _LINE_TAIL_BYTES), _LINE_TAIL_BYTES)
        lines = tail.decode(errors="replace").replace("\r", "\n").splitlines()
        return next((line.strip()[:_LINE_CHARS] for line in reversed(lines) if line.strip()), "")
