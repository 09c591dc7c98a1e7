"""Starts the process that trains: our own child by a fork, any other trainer by fork and exec."""

import logging
import os
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from trainer import processes
from trainer.contract import Attempt

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Child:
    """A started trainer; the descriptors are pipes, absent for a foreign trainer."""

    pid: int
    go_fd: int | None
    events_fd: int | None


def start_own(attempt: Attempt, work: Path) -> Child:
    """Fork the training child, which imports what it needs and waits for word on the `go` pipe."""
    go_read, go_write = os.pipe()
    events_read, events_write = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(go_write)
        os.close(events_read)
        _settle(parent)
        _train(attempt, work, go_read, events_write)
    os.close(go_read)
    os.close(events_write)
    return Child(pid, go_write, events_read)


def start_foreign(command: list[str]) -> Child:
    """Run any trainer's command; `python` is the interpreter that runs this.

    Raises:
        FileNotFoundError: there is no such program.
    """
    here = Path(sys.executable).parent
    path = f"{here}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    program = shutil.which(command[0], path=path)
    if program is None:
        raise FileNotFoundError(
            f"this machine has no program {command[0]!r}; correct `command` in its trainer.json"
        )
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _settle(parent)
        os.execve(program, command, os.environ | {"PATH": path, "PYTHONUNBUFFERED": "1"})  # noqa: S606 - no shell is what we want
    return Child(pid, None, None)


def _settle(parent: int) -> None:
    processes.die_with_parent(parent)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)


def _train(attempt: Attempt, work: Path, go_fd: int, events_fd: int) -> NoReturn:
    try:
        from trainer.yolo.train_process import main  # noqa: PLC0415 - only the child trains

        main(attempt, work, go_fd, events_fd)
    except BaseException:
        log.exception("The training code cannot be loaded")
    finally:
        logging.shutdown()
        os._exit(1)
