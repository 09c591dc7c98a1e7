"""Ships the attempt's log, byte for byte, from the file into which its processes write."""

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

from trainer.retry import UnreachableError, until_answered
from trainer.supervisor.backend_client import (
    BackendClient,
    OffsetAheadError,
    RejectedError,
    StaleError,
)

_POLL_S = 0.1
_CHUNK_BYTES = 1 << 20
logger = logging.getLogger(__name__)


class LogShipper(threading.Thread):
    """Sends the log to the backend, from the last byte that the backend has acknowledged.

    An outage of the backend loses nothing: the file keeps what was not sent.
    """

    def __init__(
        self,
        path: Path,
        backend: BackendClient,
        abandoned: threading.Event,
        on_stop: Callable[[], None],
        on_stale: Callable[[], None],
    ) -> None:
        super().__init__(name="logs", daemon=True)
        self._path = path
        self._backend = backend
        self._abandoned = abandoned
        self._on_stop = on_stop
        self._on_stale = on_stale
        self._offset = 0
        self._closing = threading.Event()

    def close(self) -> None:
        """End the thread once the backend has acknowledged what the log holds now."""
        self._closing.set()

    def run(self) -> None:
        """Ship until closed."""
        with self._path.open("rb") as log:
            while not self._abandoned.is_set():
                # Read before the log: what is written after `close` need not be sent.
                closing = self._closing.is_set()
                data = os.pread(log.fileno(), _CHUNK_BYTES, self._offset)
                if data:
                    if not self._send(data):
                        return
                elif closing:
                    return
                else:
                    self._closing.wait(_POLL_S)

    def _send(self, data: bytes) -> bool:
        offset = self._offset
        try:
            self._offset, command = until_answered(
                lambda: self._backend.logs(offset, data), self._abandoned
            )
        except OffsetAheadError as error:
            self._offset = error.next_offset
            return True
        except StaleError:
            self._on_stale()
            return False
        except RejectedError as error:
            logger.warning("The rest of the log is not shipped: %s", error)
            return False
        except UnreachableError:
            return False
        if command == "stop":
            self._on_stop()
        return True


class LogEcho(threading.Thread):
    """Copies the attempt's log to a descriptor, as it grows."""

    def __init__(self, path: Path, target_fd: int) -> None:
        super().__init__(name="log-echo", daemon=True)
        self._path = path
        self._target_fd = target_fd
        self._closing = threading.Event()

    def close(self) -> None:
        """End the thread once it has copied what the log holds now."""
        self._closing.set()

    def run(self) -> None:
        """Copy until closed."""
        with self._path.open("rb") as log, os.fdopen(self._target_fd, "wb", buffering=0) as target:
            while True:
                closing = self._closing.is_set()  # read before the log, as above
                data = log.read(_CHUNK_BYTES)
                if data:
                    target.write(data)
                elif closing:
                    return
                else:
                    self._closing.wait(_POLL_S)
