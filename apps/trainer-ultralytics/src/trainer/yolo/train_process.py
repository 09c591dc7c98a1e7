"""The training process: waits for the start message, does its work, and reports to its supervisor."""

import json
import logging
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from trainer.contract import Attempt, trainer_home
from trainer.messages import Report, StartMessage
from trainer.yolo import debug_adapter
from trainer.yolo.ranks import PeersLostError, count, train_together
from trainer.yolo.stop_signal import STOPPED_EXIT, StopFlag, Stopped

_PLOT_PATIENCE_S = 5
logger = logging.getLogger(__name__)


def main(attempt: Attempt, work_dir: Path, start_fd: int, events_fd: int) -> NoReturn:
    """Do the work once the start message has come; write events as lines of JSON. Never returns."""
    stop = StopFlag()
    report = reporter(events_fd)

    def failed(error: BaseException, cause: str, message: str) -> None:
        is_echo = isinstance(error, PeersLostError)
        report("failed", cause=cause, message=message, is_echo=is_echo)

    def train() -> None:
        if count(attempt) * attempt.nodes > 1:
            train_together(attempt, work_dir, _start_message(start_fd), events_fd)
            return
        if attempt.debug_port:
            wait_for_debugger(attempt.debug_port)
        load_ultralytics()
        work(attempt, work_dir, _start_message(start_fd), report, stop)

    leave_after(train, failed)


def leave_after(
    do: Callable[[], None], failed: Callable[[BaseException, str, str], None]
) -> NoReturn:
    """Exit after `do`; an exception's cause and message go to `failed`.

    It exits by `os._exit`: threads of libraries would otherwise hang a forked process at its end.
    """
    code = 1
    try:
        do()
        code = 0
    except Stopped:
        code = STOPPED_EXIT
    except BaseException as error:
        from trainer.yolo.failures import to_attempt_error  # noqa: PLC0415 - needs torch

        failure = to_attempt_error(error)
        if failure is not error:  # a sentence for the user needs no traceback
            logger.exception("The training failed")
        failed(error, failure.cause, failure.message)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):  # a full disk does not undo what was trained
                stream.flush()
        os._exit(code)


def reporter(events_fd: int) -> Report:
    """Writes each event as a line to `events_fd`."""
    events = os.fdopen(events_fd, "w", buffering=1)

    def report(event: str, **fields: Any) -> None:
        events.write(json.dumps({"event": event, **fields}) + "\n")

    return report


def load_ultralytics() -> None:
    """Import it for use without a network."""
    from trainer.yolo import offline  # noqa: PLC0415 - needs torch

    offline.prepare(trainer_home())
    offline.load()
    # Ultralytics is offline from here on; a stop is heard while this imports it.
    from trainer.yolo import evaluate, export, prediction, training  # noqa: F401, PLC0415


def _start_message(start_fd: int) -> StartMessage:
    with os.fdopen(start_fd) as pipe:
        line = pipe.readline()
    if not line:
        raise Stopped
    start: StartMessage = json.loads(line)
    return start


def work(
    attempt: Attempt,
    work_dir: Path,
    start: StartMessage,
    report: Report,
    stop: StopFlag,
    *,
    meeting: str | None = None,
) -> None:
    """Train, evaluate, export or predict, and report the artifacts; `meeting` is the URL where ranks meet."""
    from trainer.yolo import (  # noqa: PLC0415 - load_ultralytics comes first
        evaluate,
        export,
        prediction,
        training,
    )

    data, weights = Path(start["data"]), Path(start["weights"]) if start["weights"] else None
    run_dir = work_dir / "run"
    others = {
        "evaluate": evaluate.evaluate,
        "export": export.export,
        "predict": prediction.predict,
    }
    if do := others.get(start.get("work", "train")):
        do(attempt, run_dir=run_dir, data=data, weights=weights, report=report, stop=stop)
        report("done")
        return
    is_first = training.train(
        attempt,
        run_dir=run_dir,
        data=data,
        weights=weights,
        resume_after=start["resume_after"],
        report=report,
        stop=stop,
        meeting=meeting,
    )
    if not is_first:
        return
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not attempt.debug_port:
            thread.join(_PLOT_PATIENCE_S)
    for path in training.artifacts(run_dir):
        report("artifact", path=str(path))
    report("done")


def wait_for_debugger(port: int) -> None:
    """Wait until an editor of this user is attached to `port` of the loopback."""
    import debugpy  # noqa: PLC0415, T100 - debugging is what the user has asked for

    adapter = debug_adapter.start(port)
    logger.info(
        'Waiting for a debugger on 127.0.0.1:%d: attach your editor (debugpy, "request": '
        '"attach"), or cancel the job.',
        port,
    )
    debugpy.connect(("127.0.0.1", adapter))  # returns when an editor is attached
    logger.info("The debugger is attached.")
