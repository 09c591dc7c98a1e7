"""Ships the attempt's log, byte for byte, from the file into which its processes write."""

import logging
import os
import random
import threading
import time
from collections.abc import Callable

from trainer.retry import UnreachableError, until_answered
from trainer.supervisor.backend_client import (
    BackendClient,
    CallbackRefusedError,
    OffsetAheadError,
    StaleError,
)
from trainer.supervisor.output_log import KEPT_BYTES, OutputLog

_POLL_S = 0.1
_CHUNK_BYTES = 1 << 20
# The most that one attempt sends while it runs: the backend serves others too.
_BYTES_PER_S = 4 << 20
# Behind by this much a backend that asks for less is not obeyed: what is no longer kept is lost.
_MAX_BEHIND_BYTES = KEPT_BYTES // 2
logger = logging.getLogger(__name__)


class _Reader:
    """Reads the log from its start; where it was too slow, a line takes the place of what is gone."""

    def __init__(self, output: OutputLog) -> None:
        self._output = output
        self._position = 0
        self._told_of_full_disk = False

    @property
    def behind_bytes(self) -> int:
        """What is still to be read."""
        return self._output.size() - self._position

    def read(self) -> bytes:
        """The next bytes of the log; none while there are none."""
        begin, data = self._output.read(self._position, _CHUNK_BYTES)
        missing = begin - self._position
        self._position = begin + len(data)
        if not missing:
            return data or self._full_disk()
        notice = f"\n[trainyard] {missing} bytes of output were printed too fast to be read; they are left out.\n"
        return notice.encode() + data

    def _full_disk(self) -> bytes:
        """Once, what to tell of a disk that takes no more output."""
        if self._told_of_full_disk or not (told := self._output.full_disk()):
            return b""
        self._told_of_full_disk = True
        return f"\n[trainyard] {told}What is printed until then is missing here.\n".encode()

    def unread(self, count: int) -> None:
        """Read the last `count` bytes again."""
        self._position = max(0, self._position - count)


class LogShipper(threading.Thread):
    """Sends the log to the backend, from the last byte that the backend has acknowledged.

    An outage of the backend loses nothing that the file still has.
    """

    def __init__(
        self,
        output: OutputLog,
        backend: BackendClient,
        abandoned: threading.Event,
        on_stop: Callable[[], None],
        on_stale: Callable[[], None],
    ) -> None:
        super().__init__(name="logs", daemon=True)
        self._reader = _Reader(output)
        self._backend = backend
        self._abandoned = abandoned
        self._on_stop = on_stop
        self._on_stale = on_stale
        self._offset = 0
        self._interval_s = 0.0
        self._closing = threading.Event()

    def close(self) -> None:
        """End the thread once the backend has acknowledged what the log holds now."""
        self._closing.set()

    def run(self) -> None:
        """Ship until closed."""
        while not self._abandoned.is_set():
            # Read before the log: what is written after `close` need not be sent.
            closing = self._closing.is_set()
            data = self._reader.read()
            if data:
                if not self._send(data):
                    return
                self._closing.wait(len(data) / _BYTES_PER_S)
                self._gather()
            elif closing:
                return
            else:
                self._closing.wait(_POLL_S)

    def _gather(self) -> None:
        """Wait as long as a busy backend has asked for, unless bytes would be lost by that."""
        # The jitter spreads trainers whose backend has answered them together.
        until = time.monotonic() + self._interval_s * random.uniform(0.8, 1)  # noqa: S311
        while (
            time.monotonic() < until
            and self._reader.behind_bytes < _MAX_BEHIND_BYTES
            and not self._closing.wait(_POLL_S)
        ):
            pass

    def _send(self, data: bytes) -> bool:
        offset = self._offset
        try:
            self._offset, command, self._interval_s = until_answered(
                lambda: self._backend.logs(offset, data), self._abandoned
            )
        except OffsetAheadError as error:
            self._offset, command = error.next_offset, "continue"
        except StaleError:
            self._on_stale()
            return False
        except CallbackRefusedError as error:
            logger.warning("The rest of the log is not shipped: %s", error)
            return False
        except UnreachableError:
            return False
        self._reader.unread(offset + len(data) - self._offset)
        if command == "stop":
            self._on_stop()
        return True


class LogCopier(threading.Thread):
    """Copies the attempt's log to a descriptor, as it grows, up to `limit` bytes."""

    def __init__(self, output: OutputLog, target_fd: int, limit: int) -> None:
        super().__init__(name="log-copier", daemon=True)
        self._reader = _Reader(output)
        self._target_fd = target_fd
        self._limit = limit
        self._closing = threading.Event()

    def close(self) -> None:
        """End the thread once it has copied what the log holds now."""
        self._closing.set()

    def run(self) -> None:
        """Copy until closed, or until the limit; then a line says so."""
        left = self._limit
        end = f"\n[trainyard] More than {left} bytes (LOG_LIMIT_BYTES) are in the job's log only.\n"
        with os.fdopen(self._target_fd, "wb", buffering=0) as target:
            while True:
                closing = self._closing.is_set()  # read before the log, as above
                data = self._reader.read()
                if data and len(data) >= left:
                    target.write(data[:left] + end.encode())
                    return
                if data:
                    target.write(data)
                    left -= len(data)
                    self._closing.wait(len(data) / _BYTES_PER_S)
                elif closing:
                    return
                else:
                    self._closing.wait(_POLL_S)
