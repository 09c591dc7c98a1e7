"""The process of one rank: `python -m trainer.yolo.rank START FOLDER EVENTS_FD`; ranks.py starts it."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from trainer import processes
from trainer.contract import Attempt
from trainer.log_format import configure_logging
from trainer.yolo import train_process
from trainer.yolo.stop_signal import StopFlag


def main() -> NoReturn:
    """Train as the rank that the environment says; the first one reports for all. Never returns."""
    processes.die_with_parent(os.getppid())
    configure_logging()
    start, folder, events_fd = json.loads(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    stop = StopFlag()
    attempt = Attempt.from_env(os.environ)
    train_process.load_ultralytics()
    from ultralytics.utils import RANK  # noqa: PLC0415 - it is offline from here on

    from trainer.yolo import distributed  # noqa: PLC0415

    report = train_process.reporter(events_fd) if RANK == 0 else _report_nothing
    if RANK == 0 and attempt.debug_port:
        train_process.wait_for_debugger(attempt.debug_port)

    def failed(error: BaseException, cause: str, message: str) -> None:
        told = {"cause": cause, "message": message, "at": time.time()}
        told["is_echo"] = distributed.is_peers(error)
        path = folder / f"failure-{RANK}.json"
        path.with_suffix(".part").write_text(json.dumps(told))
        path.with_suffix(".part").rename(path)

    def work() -> None:
        meeting = f"tcp://{attempt.master}" if attempt.nodes > 1 else f"file://{folder}/peers"
        train_process.work(attempt, folder.parent, start, report, stop, meeting=meeting)

    train_process.leave_after(work, failed)


def _report_nothing(event: str, **fields: Any) -> None:
    """The first rank reports for all."""


if __name__ == "__main__":
    main()
