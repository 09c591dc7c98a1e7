"""The training child: waits for its dataset, trains, and tells the supervisor what happens."""

import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from trainer.contract import Attempt, trainer_home

_STOPPED_EXIT = 128 + signal.SIGTERM
_PLOT_PATIENCE_S = 5
log = logging.getLogger(__name__)

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
            os._exit(_STOPPED_EXIT)

    def defer(self) -> None:
        """From now on only `check()` ends the training."""
        self._deferred = True

    def check(self) -> None:
        """Raise `Stopped` after a SIGTERM."""
        if self._set:
            raise Stopped


def main(attempt: Attempt, work: Path, go_fd: int, events_fd: int) -> NoReturn:
    """Train as told on the `go` pipe; events go out as lines of JSON. Never returns.

    It leaves by `os._exit`: libraries' threads would otherwise hang a forked process at its end.
    """
    stop = StopFlag()
    events = os.fdopen(events_fd, "w", buffering=1)
    code = 1

    def report(event: str, **fields: Any) -> None:
        events.write(json.dumps({"event": event, **fields}) + "\n")

    try:
        _train(attempt, work, go_fd, report, stop)
        code = 0
    except Stopped:
        code = _STOPPED_EXIT
    except BaseException as error:
        from trainer.yolo.failures import explain  # noqa: PLC0415 - needs torch

        failure = explain(error)
        log.exception("The training failed")
        report("failed", cause=failure.cause, message=failure.message)
    finally:
        for stream in (events, sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def _train(attempt: Attempt, work: Path, go_fd: int, report: Report, stop: StopFlag) -> None:
    if attempt.debug_port:
        _wait_for_debugger(attempt.debug_port)
    from trainer.yolo import offline  # noqa: PLC0415

    offline.prepare(trainer_home())
    offline.load()
    from trainer.yolo import training  # noqa: PLC0415 - needs what was just made ready

    with os.fdopen(go_fd) as go:
        line = go.readline()
    if not line:
        raise Stopped
    orders = json.loads(line)
    training.train(
        attempt,
        run=work / "run",
        data=Path(orders["data"]),
        resume_after=orders["resume_after"],
        report=report,
        stop=stop,
    )
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not attempt.debug_port:
            thread.join(_PLOT_PATIENCE_S)
    for path in training.artifacts(work / "run"):
        report("artifact", path=str(path))
    report("done")


def _wait_for_debugger(port: int) -> None:
    import debugpy  # noqa: PLC0415, T100 - debugging is what the user has asked for

    debugpy.listen(("127.0.0.1", port))  # noqa: T100
    log.info(
        'Waiting for a debugger on 127.0.0.1:%d: attach your editor (debugpy, "request": '
        '"attach"), or cancel the job.',
        port,
    )
    debugpy.wait_for_client()  # noqa: T100
    log.info("The debugger is attached.")
