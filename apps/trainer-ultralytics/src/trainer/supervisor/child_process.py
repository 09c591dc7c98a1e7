"""The process that trains: our own by a fork, any other trainer by fork and exec."""

import json
import logging
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from trainer import processes
from trainer.contract import Attempt
from trainer.messages import FINISH_SIGNAL, StartMessage

logger = logging.getLogger(__name__)


class ChildProcess:
    """A started trainer; the descriptors are pipes, which a foreign trainer has none of."""

    def __init__(self, pid: int, start_fd: int | None = None, events_fd: int | None = None) -> None:
        self._pid = pid
        self._start_fd = start_fd
        self._events_fd = events_fd
        self._status: int | None = None

    @property
    def has_ended(self) -> bool:
        """Whether it has ended and was reaped."""
        return self._status is not None

    @property
    def exit_code(self) -> int:
        """Its exit code, or minus the signal that killed it; 0 while it runs."""
        return os.waitstatus_to_exitcode(self._status or 0)

    def note_end(self, statuses: dict[int, int]) -> bool:
        """Find its end among reaped processes (pid to wait status); True the first time."""
        if self.has_ended or self._pid not in statuses:
            return False
        self._status = statuses[self._pid]
        return True

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended: then the pid may be another process's."""
        if not self.has_ended:
            os.kill(self._pid, number)

    def ask_to_finish(self) -> None:
        """Have our own trainer end well after its epoch; repeating it changes nothing."""
        if self._events_fd is not None:
            self.send_signal(FINISH_SIGNAL)

    def send_start(self, message: StartMessage) -> None:
        """Let our own trainer begin, with what was prepared for it."""
        if self._start_fd is not None:
            with suppress(BrokenPipeError):
                os.write(self._start_fd, json.dumps(message).encode() + b"\n")

    def events(self) -> Iterator[dict[str, Any]]:
        """What our own trainer reports, until it ends; a foreign one reports nothing here."""
        if self._events_fd is None:
            return
        with os.fdopen(self._events_fd) as lines:
            for line in lines:
                yield json.loads(line)


def start_own(attempt: Attempt, work_dir: Path) -> ChildProcess:
    """Fork the training process, which imports what it needs and waits for the start message."""
    start_read, start_write = os.pipe()
    events_read, events_write = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(start_write)
        os.close(events_read)
        _detach(parent, work_dir)
        _train(attempt, work_dir, start_read, events_write)
    os.close(start_read)
    os.close(events_write)
    return ChildProcess(pid, start_write, events_read)


def start_foreign(command: list[str], work_dir: Path) -> ChildProcess:
    """Run another trainer's command in `work_dir`; `python` is the interpreter that runs this.

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
    program = os.path.abspath(program)  # noqa: PTH100 - a program in a link's folder may need the link
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _detach(parent, work_dir)
        os.execve(program, command, os.environ | {"PATH": path, "PYTHONUNBUFFERED": "1"})  # noqa: S606 - no shell is what we want
    return ChildProcess(pid)


def _detach(parent: int, work_dir: Path) -> None:
    """Give up what a fork inherits from its parent: folder, signal handlers and standard input."""
    processes.die_with_parent(parent)
    os.chdir(work_dir)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)


def _train(attempt: Attempt, work_dir: Path, start_fd: int, events_fd: int) -> NoReturn:
    signal.signal(FINISH_SIGNAL, signal.SIG_IGN)  # until it is handled; it is sent again
    try:
        from trainer.yolo.train_process import main  # noqa: PLC0415 - only the child trains

        main(attempt, work_dir, start_fd, events_fd)
    except BaseException:
        logger.exception("The training code cannot be loaded")
    finally:
        logging.shutdown()
        os._exit(1)
