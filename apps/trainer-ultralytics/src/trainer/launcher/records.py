"""The launcher's records of attempts, one folder each; a token is never among them."""

import json
import os
import re
import shutil
import signal
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainer import processes
from trainer.exit_record import Ended, read_end, replace, write_end

_MAX_ATTEMPTS = 1_000_000
_CERTAIN = {"out_of_memory", "launch_failed"}


@dataclass(frozen=True)
class Launch:
    """A launch request, checked."""

    job_id: str
    attempt: int
    command: list[str]
    env: dict[str, str]
    memory_bytes: int | None

    @classmethod
    def parse(cls, request: dict[str, Any]) -> "Launch":
        """Check a request.

        Raises:
            ValueError: a field is wrong; the message names it.
        """
        match request:
            case {
                "job_id": str(job_id),
                "attempt": int(attempt),
                "command": [str(), *_] as command,
                "env": dict(env),
            }:
                memory_bytes = request.get("memory_bytes")
            case _:
                raise ValueError("launch needs job_id, attempt, command (a list) and env (a map)")
        counts = not isinstance(attempt, bool) and 0 < attempt < _MAX_ATTEMPTS
        if not re.fullmatch(r"[0-9a-f]{12}", job_id) or not counts:
            raise ValueError("job_id has 12 hexadecimal digits, attempt counts from 1")
        if not all(isinstance(part, str) and "\0" not in part for part in command):
            raise ValueError("command is a list of strings")
        if not all(
            isinstance(text, str) and "\0" not in text for pair in env.items() for text in pair
        ) or any(not name or "=" in name for name in env):
            raise ValueError("env maps names to strings")
        if memory_bytes is not None and (
            not isinstance(memory_bytes, int) or isinstance(memory_bytes, bool) or memory_bytes < 1
        ):
            raise ValueError("memory_bytes is a number of bytes or null")
        return cls(job_id, attempt, command, env, memory_bytes)

    @property
    def is_own(self) -> bool:
        """Whether this is our own trainer, which needs no new interpreter."""
        program, *arguments = self.command
        return Path(program).name.startswith("python") and arguments == ["-m", "trainer", "run"]


@dataclass
class AttemptRecord:
    """One attempt that this or an earlier launcher has started; `pid` is its supervisor's."""

    job_id: str
    attempt: int
    work: Path
    pid: int = 0
    ticks: int | None = None
    ended: Ended | None = None
    kill_at: float | None = None
    warned: bool = False
    oom_kills: int | None = None

    def listing(self) -> dict[str, Any]:
        """The record as `list` shows it."""
        shown: dict[str, Any] = {
            "job_id": self.job_id,
            "attempt": self.attempt,
            "state": "ended" if self.ended else "running",
            "pid": self.pid,
        }
        ended = asdict(self.ended or Ended(None, None, None, ""))
        if ended["cause"] not in _CERTAIN:
            ended["cause"] = None
        return shown | ended

    def note_end(self, status: int | None) -> bool:
        """Note that the supervisor has ended, if so; `status` is its wait status, if it was reaped."""
        if self.ended is not None:
            return False
        own = self.ticks is None  # a child of this process keeps its pid until it is reaped
        if status is None and (own or processes.start_ticks(self.pid) == self.ticks):
            return False
        self.ended = read_end(self.work)
        if self.ended is None:
            self.ended = self._abrupt_end(status)
            write_end(self.work, self.ended)
        return True

    def _abrupt_end(self, status: int | None) -> Ended:
        code = -signal.SIGKILL if status is None else os.waitstatus_to_exitcode(status)
        if code >= 0:
            return Ended(code, None, None, f"The trainer's supervisor ended with exit code {code}.")
        before = self.oom_kills
        if code == -signal.SIGKILL and before is not None and processes.oom_kills() > before:
            return Ended(None, -code, "out_of_memory", "The kernel ended it for want of memory.")
        name = signal.Signals(-code).name
        return Ended(None, -code, None, f"The trainer's supervisor was ended by {name}.")

    def fail_launch(self, message: str) -> None:
        """Record that the attempt never began."""
        write_end(self.work, Ended(1, None, "launch_failed", message))


class Registry:
    """The records in the launcher's state folder."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._records: dict[tuple[str, int], AttemptRecord] = {}
        for path in sorted(state.glob("*/record.json")):
            self._load(path)

    def _load(self, path: Path) -> None:
        try:
            record = AttemptRecord(**json.loads(path.read_text()), work=path.parent)
        except (ValueError, TypeError):
            return
        record.ended = read_end(path.parent)
        if record.ended is None and record.ticks is None:
            record.ended = Ended(
                None, None, "launch_failed", "The launcher ended while it started this attempt."
            )
        record.note_end(None)
        self._records[record.job_id, record.attempt] = record

    def all(self) -> list[AttemptRecord]:
        """Every attempt that was not forgotten."""
        return list(self._records.values())

    def running(self) -> list[AttemptRecord]:
        """Attempts whose supervisor lives."""
        return [record for record in self._records.values() if record.ended is None]

    def get(self, job_id: object, attempt: object) -> AttemptRecord | None:
        """One attempt's record."""
        if isinstance(job_id, str) and isinstance(attempt, int):
            return self._records.get((job_id, attempt))
        return None

    def create(self, launch: Launch) -> AttemptRecord:
        """Make the folder of a new attempt; its supervisor completes the record by `claim`."""
        work = self._state / f"{launch.job_id}-{launch.attempt}"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(mode=0o700)
        record = AttemptRecord(
            launch.job_id, launch.attempt, work.absolute(), oom_kills=processes.oom_kills()
        )
        self._write(record, pid=0, ticks=None)
        self._records[launch.job_id, launch.attempt] = record
        return record

    def claim(self, record: AttemptRecord) -> None:
        """Called in the supervisor: this process is the attempt's."""
        self._write(record, pid=os.getpid(), ticks=processes.start_ticks(os.getpid()))

    def _write(self, record: AttemptRecord, pid: int, ticks: int | None) -> None:
        fields = {"job_id": record.job_id, "attempt": record.attempt, "pid": pid, "ticks": ticks}
        replace(record.work / "record.json", fields)

    def forget(self, record: AttemptRecord) -> None:
        """Remove an ended attempt's record and folder."""
        shutil.rmtree(record.work, ignore_errors=True)
        del self._records[record.job_id, record.attempt]


def run_attempt(launch: Launch, work: Path) -> int:
    """Supervise the attempt in this process; returns the exit code."""
    from trainer.contract import Attempt  # noqa: PLC0415 - read from disk, in the fork
    from trainer.supervisor.supervisor import Orders, supervise  # noqa: PLC0415

    orders = Orders(
        work=work,
        command=None if launch.is_own else launch.command,
        memory_bytes=launch.memory_bytes,
    )
    return supervise(Attempt.from_env(os.environ), orders).exit_code or 0
