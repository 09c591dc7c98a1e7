"""Signals in the training process: a stop between two batches, an end after the epoch."""

import os
import signal
import sys
from contextlib import suppress
from types import FrameType

from trainer.messages import FINISH_SIGNAL

STOPPED_EXIT = 128 + signal.SIGTERM
# For a batch to end. Validating, plotting and exporting may take minutes, and lose nothing.
_PATIENCE_S = 1.0
_SAVING_S = 0.1


class Stopped(BaseException):
    """Raised between two batches after SIGTERM. No library's `except Exception` catches it."""


class StopFlag:
    """Handles SIGTERM: it ends the process at once, or after `defer()` at the next `check()`.

    Where no `check()` comes soon it ends the process wherever it is, except between `hold()` and
    `release()`. `finish`: FINISH_SIGNAL came, so that the training is to end well after its epoch.
    """

    def __init__(self) -> None:
        self._deferred = False
        self._held = False
        self._set = False
        self.finish = False
        self._pid = os.getpid()
        signal.signal(signal.SIGTERM, self._handle)
        signal.signal(signal.SIGALRM, self._leave)
        signal.signal(FINISH_SIGNAL, self._finish)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._set = True
        if not self._deferred or os.getpid() != self._pid:  # data loaders inherit this handler
            os._exit(STOPPED_EXIT)
        signal.setitimer(signal.ITIMER_REAL, _PATIENCE_S)

    def _leave(self, number: int, frame: FrameType | None) -> None:
        if self._held:
            signal.setitimer(signal.ITIMER_REAL, _SAVING_S)
            return
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):  # it may be in use just now
                stream.flush()
        os._exit(STOPPED_EXIT)

    def _finish(self, number: int, frame: FrameType | None) -> None:
        self.finish = True

    def hold(self) -> None:
        """An epoch is being saved: only `check()` ends the training."""
        self._held = True

    def release(self) -> None:
        """The epoch is saved."""
        self._held = False

    def defer(self) -> None:
        """From now on only `check()` ends the training."""
        self._deferred = True

    def check(self) -> None:
        """Raise `Stopped` after a SIGTERM."""
        if self._set:
            raise Stopped
