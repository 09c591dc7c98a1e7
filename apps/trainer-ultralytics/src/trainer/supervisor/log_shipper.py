"""Ships the attempt's output, byte for byte, from the file into which its processes write."""

import logging
import os
import threading
from collections.abc import Callable, Iterator
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
log = logging.getLogger(__name__)


class LogShipper(threading.Thread):
    """Sends the file's bytes to the backend, from the last byte that it has acknowledged.

    An outage of the backend delays and loses nothing: the file keeps what was not sent.
    """

    def __init__(
        self,
        path: Path,
        backend: BackendClient,
        abandon: threading.Event,
        on_stop: Callable[[], None],
        on_stale: Callable[[], None],
    ) -> None:
        super().__init__(name="logs", daemon=True)
        self._path = path
        self._backend = backend
        self._abandon = abandon
        self._on_stop = on_stop
        self._on_stale = on_stale
        self._offset = 0
        self._closing = threading.Event()

    def close(self) -> None:
        """End the thread once what the file holds now is acknowledged."""
        self._closing.set()

    def run(self) -> None:
        """Ship until closed."""
        with self._path.open("rb") as file:
            while not self._abandon.is_set():
                closing = (
                    self._closing.is_set()
                )  # before the read: what is written later is not owed
                data = os.pread(file.fileno(), _CHUNK_BYTES, self._offset)
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
                lambda: self._backend.logs(offset, data), self._abandon
            )
        except OffsetAheadError as error:
            self._offset = error.next_offset
            return True
        except StaleError:
            self._on_stale()
            return False
        except RejectedError as error:
            log.warning("The log is shipped no further: %s", error)
            return False
        except UnreachableError:
            return False
        if command == "stop":
            self._on_stop()
        return True


def follow(path: Path, closing: threading.Event) -> Iterator[bytes]:
    """The file's bytes as they come, until `closing` is set and all of it was read."""
    with path.open("rb") as file:
        while True:
            last = closing.is_set()
            data = file.read(_CHUNK_BYTES)
            if data:
                yield data
            elif last:
                return
            else:
                closing.wait(_POLL_S)
