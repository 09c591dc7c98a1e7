"""The launcher's records of attempts, one folder each; a token is in it only until the attempt starts."""

import json
import os
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from trainer import processes
from trainer.disk import full_disk
from trainer.exit_record import ExitRecord, read_exit_record, write_json
from trainer.launcher.launch_request import Asked, LaunchRequest

# Of an attempt that this launcher was asked to stop, by the backend or by whoever ends the launcher.
# Not the supervisor's `preempted`, which any SIGTERM leads to, and a trainer's own exit code.
_STOPPED = "stopped"
# What the launcher's side knows for certain, in the contract's words; the trainer itself reports
# the other causes.
_CERTAIN = {
    "out_of_memory": "out_of_memory",
    "launch_failed": "launch_failed",
    "unschedulable": "unschedulable",
    _STOPPED: "preempted",
}
# The fields of record.json. A trainer of the same user can change it: nothing else is read of it.
_WRITTEN = ("job_id", "attempt", "pid", "ticks", "grace_s")
# Further ones, which records of older versions lack: what it asks for and got of the machine.
_HELD = ("asked", "gpus")
# Of an attempt that waits: all of its request, with its token.
_REQUEST = "request.json"
# Of a supervisor that never began; 75 is EX_TEMPFAIL.
NOT_STARTED_EXIT = 75


@dataclass
class AttemptRecord:
    """One attempt that this or an earlier launcher has started; `pid` is its supervisor's.

    `ticks` is when an earlier launcher's supervisor was started, None for a child of this process;
    `kill_at` is when a stop turns into SIGKILL, in seconds of the monotonic clock; `grace_s` is the
    grace of a stop that is the launcher's own; `gpus` are those that it alone may use; `request` is
    there while it waits for its turn, and `waits_for` says in words for what.
    """

    job_id: str
    attempt: int
    folder: Path
    pid: int = 0
    ticks: int | None = None
    ended: ExitRecord | None = None
    kill_at: float | None = None
    tree_killed: bool = False
    oom_kills: int | None = None
    grace_s: float = 10
    asked: Asked = field(default_factory=Asked)
    gpus: list[str] = field(default_factory=list)
    request: LaunchRequest | None = None
    waits_for: str | None = None

    @property
    def waiting(self) -> bool:
        """Whether it waits for its turn."""
        return self.request is not None

    def take_request(self) -> LaunchRequest:
        """End the wait, and the request on disk with it."""
        assert self.request is not None  # noqa: S101 - it waits
        request, self.request, self.waits_for = self.request, None, None
        (self.folder / _REQUEST).unlink(missing_ok=True)
        return request

    def stop_waiting(self) -> None:
        """Record the end of an attempt that was stopped before its turn came."""
        self.take_request()
        self.kill_at = time.monotonic()
        self._end(ExitRecord(128 + signal.SIGTERM, None, None, "It was stopped before it began."))

    def refuse(self, message: str) -> None:
        """Record the end of an attempt that waits for what this machine no longer has."""
        self.take_request()
        self._end(ExitRecord(1, None, "unschedulable", message))

    def listing(self) -> dict[str, Any]:
        """The record as `list` shows it."""
        ended = asdict(self.ended or ExitRecord(None, None, None, ""))
        ended["cause"] = _CERTAIN.get(ended["cause"])
        return {
            "job_id": self.job_id,
            "attempt": self.attempt,
            "state": "ended" if self.ended else "running",
            "pid": self.pid,
            **ended,
            **({"message": self.waits_for} if self.waits_for else {}),
        }

    def note_end(self, status: int | None) -> bool:
        """Record the end if the supervisor has ended; `status` is its wait status if it was reaped.

        Returns:
            Whether it has ended since the last call.
        """
        if self.ended is not None:
            return False
        is_child = self.ticks is None  # a child keeps its pid until it is reaped
        if status is None and (is_child or processes.start_ticks(self.pid) == self.ticks):
            return False
        self._end(read_exit_record(self.folder) or self._abrupt_end(status))
        return True

    def _abrupt_end(self, status: int | None) -> ExitRecord:
        code = -signal.SIGKILL if status is None else os.waitstatus_to_exitcode(status)
        if code == NOT_STARTED_EXIT:
            message = (
                f"{self._full_disk()}The trainer cannot be started; the launcher's log says why."
            )
            return ExitRecord(1, None, "launch_failed", message)
        if code >= 0:
            message = f"{self._full_disk()}The trainer's supervisor ended with exit code {code}."
            return ExitRecord(code, None, None, message)
        before = self.oom_kills
        if code == -signal.SIGKILL and before is not None and processes.oom_kills() > before:
            message = "The kernel killed the trainer's supervisor because memory ran out."
            return ExitRecord(None, -code, "out_of_memory", message)
        if self.kill_at is not None:
            message = "It was stopped, and had not reported its end when its grace was over."
            return ExitRecord(128 + signal.SIGTERM, None, None, message)
        name = signal.Signals(-code).name
        return ExitRecord(None, -code, None, f"The trainer's supervisor was killed by {name}.")

    def _full_disk(self) -> str:
        with suppress(OSError):  # a trainer may have removed the folder
            return full_disk(self.folder, os.statvfs(self.folder))
        return ""

    def give_up(self, error: Exception) -> None:
        """Record the end of an attempt that the launcher can handle no longer."""
        self._end(ExitRecord(None, None, None, f"The launcher could not handle it: {error!r}."))

    def _end(self, record: ExitRecord) -> None:
        is_stopped = self.kill_at is not None and record.exit_code != 0
        if is_stopped and record.cause in {None, "preempted"}:
            record = replace(record, cause=_STOPPED)
        self.ended = record
        with suppress(OSError):  # the next launcher would find out again
            record.write(self.folder)

    def fail_launch(self, message: str) -> None:
        """Record that the attempt never began; where that fails, the exit code alone says so."""
        self._end(ExitRecord(1, None, "launch_failed", message))


class Registry:
    """The records in the launcher's state folder."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._records: dict[tuple[str, int], AttemptRecord] = {}
        for path in sorted(state.glob("*/record.json")):
            self._load(path)

    def _load(self, path: Path) -> None:
        try:
            fields = json.loads(path.read_text())
            record = AttemptRecord(folder=path.parent, **{name: fields[name] for name in _WRITTEN})
            numbers = (record.attempt, record.pid, record.ticks or 0)
            if fields.keys() >= set(_HELD):
                record.asked, record.gpus = Asked(*fields["asked"]), list(fields["gpus"])
            well_formed = all(type(number) is int and number >= 0 for number in numbers)
            well_formed = well_formed and all(isinstance(gpu, str) for gpu in record.gpus)
            well_formed = well_formed and all(type(n) in {int, float} for n in record.asked)
            well_formed = well_formed and type(record.grace_s) in {int, float}
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return
        if not well_formed or path.parent.name != f"{record.job_id}-{record.attempt}":
            return
        record.ended = read_exit_record(path.parent)
        if record.ended is None and record.ticks is None:
            record.request = _request(path.parent / _REQUEST)
        if record.ended is None and record.ticks is None and not record.waiting:
            record.ended = ExitRecord(
                None, None, "launch_failed", "The launcher ended while it started this attempt."
            )
        record.note_end(None)
        self._records[record.job_id, record.attempt] = record

    def all(self) -> list[AttemptRecord]:
        """Every attempt that was not forgotten."""
        return list(self._records.values())

    def running(self) -> list[AttemptRecord]:
        """Attempts whose supervisor lives."""
        return [one for one in self._records.values() if one.ended is None and not one.waiting]

    def waiting(self) -> list[AttemptRecord]:
        """Attempts that wait for their turn, in its order."""
        found = [one for one in self._records.values() if one.request is not None]
        return sorted(found, key=lambda one: (one.request and one.request.queued_at) or 0)

    def get(self, job_id: object, attempt: object) -> AttemptRecord | None:
        """One attempt's record."""
        if isinstance(job_id, str) and isinstance(attempt, int):
            return self._records.get((job_id, attempt))
        return None

    def create(self, request: LaunchRequest) -> AttemptRecord:
        """Make the folder of a new attempt, which waits; its supervisor completes the record by `claim`.

        Raises:
            OSError: the record cannot be written; the text says what to do.
        """
        folder = self._state / f"{request.job_id}-{request.attempt}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        record = AttemptRecord(
            request.job_id,
            request.attempt,
            folder.absolute(),
            grace_s=request.grace_s,
            asked=request.asked,
            request=request,
        )
        try:
            self._write(record, pid=0, ticks=None)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            full = full_disk(self._state, os.statvfs(self._state), str(error))
            raise OSError(f"{full}{error}") from error
        self._records[request.job_id, request.attempt] = record
        return record

    def keep(self, record: AttemptRecord) -> None:
        """Let the next launcher, too, know what an attempt that waits is to be.

        Raises:
            OSError: that cannot be written.
        """
        assert record.request is not None  # noqa: S101 - it waits
        write_json(record.folder / _REQUEST, asdict(record.request))

    def claim(self, record: AttemptRecord) -> None:
        """Record the calling process as the attempt's supervisor."""
        self._write(record, pid=os.getpid(), ticks=processes.start_ticks(os.getpid()))

    def _write(self, record: AttemptRecord, pid: int, ticks: int | None) -> None:
        claimed = replace(record, pid=pid, ticks=ticks)
        fields = {name: getattr(claimed, name) for name in _WRITTEN + _HELD}
        write_json(record.folder / "record.json", fields)

    def forget(self, record: AttemptRecord) -> None:
        """Remove an ended attempt's record and folder."""
        shutil.rmtree(record.folder, ignore_errors=True)
        del self._records[record.job_id, record.attempt]


def _request(path: Path) -> LaunchRequest | None:
    try:
        return LaunchRequest.parse(json.loads(path.read_text()))
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
