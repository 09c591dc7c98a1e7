"""SIGTERM in the training process: a stop between two batches."""

import os
import signal
from types import FrameType

STOPPED_EXIT = 128 + signal.SIGTERM


class Stopped(BaseException):
    """Raised between two batches after SIGTERM. No library's `except Exception` catches it."""


class StopFlag:
    """Handles SIGTERM: it ends the process at once, or after `defer()` at the next `check()`."""

    def __init__(self) -> None:
        self._deferred = False
        self._set = False
        self._pid = os.getpid()
        signal.signal(signal.SIGTERM, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._set = True
        if not self._deferred or os.getpid() != self._pid:  # data loaders inherit this handler
            os._exit(STOPPED_EXIT)

    def defer(self) -> None:
        """From now on only `check()` ends the training."""
        self._deferred = True

    def check(self) -> None:
        """Raise `Stopped` after a SIGTERM."""
        if self._set:
            raise Stopped
