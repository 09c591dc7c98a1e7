"""What ties a training to its supervisor: the reports that it sends, the stop that it heeds."""

import os
import signal
from collections.abc import Callable
from types import FrameType

STOPPED_EXIT = 128 + signal.SIGTERM

Report = Callable[..., None]


class Stopped(BaseException):
    """Raised between two batches after SIGTERM; no library's `except Exception` catches it."""


class StopFlag:
    """What SIGTERM does: it ends the process at once, and after `defer()` at the next `check()`."""

    def __init__(self) -> None:
        self._deferred = False
        self._set = False
        self._pid = os.getpid()
        signal.signal(signal.SIGTERM, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._set = True
        if not self._deferred or os.getpid() != self._pid:  # loader processes inherit this handler
            os._exit(STOPPED_EXIT)

    def defer(self) -> None:
        """From now on only `check()` ends the training."""
        self._deferred = True

    def check(self) -> None:
        """Raise `Stopped` after a SIGTERM."""
        if self._set:
            raise Stopped
