"""The training process: waits for the start message, does its work, and reports to its supervisor."""

import json
import logging
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from trainer.contract import Attempt, trainer_home
from trainer.messages import Report, StartMessage
from trainer.yolo.stop_signal import STOPPED_EXIT, StopFlag, Stopped

_PLOT_PATIENCE_S = 5
logger = logging.getLogger(__name__)


def main(attempt: Attempt, work_dir: Path, start_fd: int, events_fd: int) -> NoReturn:
    """Train, or do other work, once the start message has come; write events as lines of JSON. Never returns.

    It exits by `os._exit`: threads of libraries would otherwise hang a forked process at its end.
    """
    stop = StopFlag()
    events = os.fdopen(events_fd, "w", buffering=1)
    code = 1

    def report(event: str, **fields: Any) -> None:
        events.write(json.dumps({"event": event, **fields}) + "\n")

    try:
        _train(attempt, work_dir, start_fd, report, stop)
        code = 0
    except Stopped:
        code = STOPPED_EXIT
    except BaseException as error:
        from trainer.yolo.failures import to_attempt_error  # noqa: PLC0415 - needs torch

        failure = to_attempt_error(error)
        logger.exception("The training failed")
        report("failed", cause=failure.cause, message=failure.message)
    finally:
        for stream in (events, sys.stdout, sys.stderr):
            with suppress(OSError):  # a full disk does not undo what was trained
                stream.flush()
        os._exit(code)


def _train(attempt: Attempt, work_dir: Path, start_fd: int, report: Report, stop: StopFlag) -> None:
    if attempt.debug_port:
        _wait_for_debugger(attempt.debug_port)
    from trainer.yolo import offline  # noqa: PLC0415 - needs torch

    offline.prepare(trainer_home())
    offline.load()
    # Ultralytics is offline from here on.
    from trainer.yolo import evaluate, export, training  # noqa: PLC0415

    with os.fdopen(start_fd) as pipe:
        line = pipe.readline()
    if not line:
        raise Stopped
    start: StartMessage = json.loads(line)
    data, weights = Path(start["data"]), Path(start["weights"]) if start["weights"] else None
    run_dir = work_dir / "run"
    if start.get("work", "train") != "train":
        do = evaluate.evaluate if start["work"] == "evaluate" else export.export
        do(attempt, run_dir=run_dir, data=data, weights=weights, report=report, stop=stop)
        report("done")
        return
    training.train(
        attempt,
        run_dir=run_dir,
        data=data,
        weights=weights,
        resume_after=start["resume_after"],
        report=report,
        stop=stop,
    )
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not attempt.debug_port:
            thread.join(_PLOT_PATIENCE_S)
    for path in training.artifacts(run_dir):
        report("artifact", path=str(path))
    report("done")


def _wait_for_debugger(port: int) -> None:
    import debugpy  # noqa: PLC0415, T100 - debugging is what the user has asked for

    debugpy.listen(("127.0.0.1", port))  # noqa: T100
    logger.info(
        'Waiting for a debugger on 127.0.0.1:%d: attach your editor (debugpy, "request": '
        '"attach"), or cancel the job.',
        port,
    )
    debugpy.wait_for_client()  # noqa: T100
    logger.info("The debugger is attached.")
