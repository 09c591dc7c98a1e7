"""Supervises one attempt: its process tree, its limits, its reports, and its end."""

import logging
import queue
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from trainer import processes
from trainer.contract import (
    Attempt,
    AttemptError,
    Cause,
    EpochMetrics,
)
from trainer.exit_record import ExitRecord
from trainer.messages import StartMessage
from trainer.supervisor import child_process
from trainer.supervisor.exit_reason import exit_reason
from trainer.supervisor.output_log import OutputLog
from trainer.supervisor.resources import MemoryLimit, ResourceMeter

_TICK_S = 0.2
# For the last events of a trainer that has ended, and for reports after the grace is over.
_JOIN_S = 2.0
_PREEMPTED_EXIT = 128 + signal.SIGTERM
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SupervisorOptions:
    """How to supervise.

    `folder` holds the attempt's records, which the trainer's own `work_dir` in it keeps it out of;
    `command` is a foreign trainer's, None for our own, which does `work`; `memory_bytes` limits the trainer's tree;
    `grace_s` is the time between a stop and SIGKILL, None where the caller sends the SIGKILL;
    `echo_fd` also gets the log.
    """

    folder: Path
    command: list[str] | None = None
    work: str = "train"
    memory_bytes: int | None = None
    grace_s: float | None = None
    echo_fd: int | None = None

    @property
    def work_dir(self) -> Path:
        """Where the trainer starts; it may do there what it likes."""
        return self.folder / "work"


class Supervisor:
    """The attempt's state, which the main thread alone changes.

    Other threads and signal handlers only queue what it is to do next.
    """

    def __init__(self, attempt: Attempt, options: SupervisorOptions, output: OutputLog) -> None:
        self._attempt = attempt
        self._options = options
        self._output = output
        self._tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._abandoned = threading.Event()  # the backend is no longer waited for
        self._record: ExitRecord | None = None
        self._failure: AttemptError | None = None
        # Of a foreign trainer exit code 0 suffices, and of a node whose ranks report nothing.
        self._is_done = options.command is not None or attempt.node > 0
        self._is_echo = False
        self._stopped_at: float | None = None
        self._artifacts: list[Path] = []
        self._meter = ResourceMeter()
        self._memory_limit = MemoryLimit(options.memory_bytes)
        self._oom_kills_before = processes.oom_kills()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._tasks.put(self._stop))
        signal.signal(signal.SIGCHLD, lambda *_: self._tasks.put(self._reap))
        # The fork comes before the first thread: the child would inherit a lock that one holds.
        if options.command is None:
            self._child = child_process.start_own(attempt, options.work_dir)
        else:
            self._child = child_process.start_foreign(options.command, options.work_dir)
        # These load the clients of backend and object store. Loaded here, after the fork, they do
        # not delay the training: the child loads torch and Ultralytics at the same time.
        from trainer.object_store import ObjectStore  # noqa: PLC0415
        from trainer.supervisor.backend_client import BackendClient  # noqa: PLC0415
        from trainer.supervisor.checkpoint_uploader import CheckpointUploader  # noqa: PLC0415
        from trainer.supervisor.node_log import NodeLog  # noqa: PLC0415
        from trainer.supervisor.preparation import Preparation  # noqa: PLC0415
        from trainer.supervisor.reporting import Reporting  # noqa: PLC0415

        self._reporting = Reporting(
            attempt,
            output,
            echo_fd=options.echo_fd,
            measure=self._meter.measure,
            abandoned=self._abandoned,
            on_stop=lambda: self._tasks.put(self._stop),
            on_stale=lambda: self._tasks.put(self._leave_stale),
            on_finish=lambda: self._tasks.put(self._child.ask_to_finish),
        )
        self._heartbeats = self._reporting.heartbeats
        self._reporting.start("training" if options.command else "preparing")
        self._object_store = ObjectStore(
            attempt,
            self._abandoned,
            self._heartbeats.add_transferred,
            lambda: BackendClient(attempt).store_keys(),
        )
        self._uploader = CheckpointUploader(
            attempt, self._object_store, self._heartbeats.unacknowledged
        )
        self._node_log = None
        if attempt.node:
            self._node_log = NodeLog(attempt, output, self._object_store, options.folder)
            self._node_log.start()
        self._reader = _start_thread(self._read_events)
        if options.command is None:
            Preparation(
                attempt,
                self._object_store,
                options.work_dir / "run",
                work=options.work,
                on_prepared=lambda *prepared: self._tasks.put(partial(self._start, *prepared)),
                on_failure=lambda error: self._tasks.put(partial(self._fail, error)),
            ).start()

    def run(self) -> ExitRecord:
        """Do what is queued until the attempt has ended."""
        while self._record is None:
            with suppress(queue.Empty):
                self._tasks.get(timeout=_TICK_S)()
            self._enforce_memory_limit()
            self._enforce_grace()
            self._output.trim()
        return self._record

    def _read_events(self) -> None:
        for event in self._child.events():
            self._tasks.put(partial(self._on_event, **event))

    def _start(self, message: StartMessage, unacknowledged: list[EpochMetrics]) -> None:
        for row in unacknowledged:
            self._heartbeats.tell_epoch(**row)
        self._meter.begin_epoch()
        self._child.send_start(message | {"work": self._options.work})

    def _on_event(self, event: str, **fields: Any) -> None:
        """What the training process reports; yolo/progress.py and yolo/train_process.py send it."""
        match event:
            case "phase":
                self._heartbeats.tell(**fields)
            case "step":
                self._meter.gpu_memory_bytes = fields.pop("gpu_memory_bytes", None)
                self._heartbeats.tell(now=fields["step"] == 1, **fields)
            case "epoch":
                self._heartbeats.tell(progress=fields["progress"])
                used = self._meter.end_epoch()
                self._heartbeats.tell_epoch(fields["epoch"], fields["metrics"] | used)
            case "evaluated":
                self._heartbeats.tell_model(fields["metrics"])
            case "checkpoint":
                self._uploader.add(Path(fields["path"]), fields["epoch"])
            case "artifact":
                self._artifacts.append(Path(fields["path"]))
            case "failed":
                self._failure = AttemptError(Cause(fields["cause"]), fields["message"])
                self._is_echo = fields["is_echo"]
            case "done":
                self._is_done = True

    def _stop(self) -> None:
        if self._stopped_at is not None:
            return
        self._stopped_at = time.monotonic()
        logger.info("Asked to stop: ending after this batch.")
        self._child.send_signal(signal.SIGTERM)

    def _fail(self, failure: AttemptError) -> None:
        self._failure = failure
        self._child.send_signal(signal.SIGKILL)

    def _leave_stale(self) -> None:
        self._abandoned.set()
        self._uploader.hurry()
        self._child.send_signal(signal.SIGKILL)
        processes.kill_own_tree()
        self._record = ExitRecord(1, None, None, "The backend no longer runs this attempt.")

    def _enforce_memory_limit(self) -> None:
        if self._failure or self._child.has_ended or not self._memory_limit.is_exceeded():
            return
        mebibytes = (self._memory_limit.limit_bytes or 0) / 2**20
        self._fail(
            AttemptError(
                Cause.OUT_OF_MEMORY,
                f"The training needed more than its {mebibytes:,.0f} MiB of memory: "
                "lower batch or imgsz, or give the job more memory.",
            )
        )

    def _enforce_grace(self) -> None:
        if self._options.grace_s is None or self._stopped_at is None:
            return
        late_s = time.monotonic() - self._stopped_at - self._options.grace_s
        if late_s > 0:
            self._child.send_signal(signal.SIGKILL)
        if late_s > _JOIN_S:
            self._abandoned.set()

    def _reap(self) -> None:
        if not self._child.note_end(processes.reap()):
            return
        processes.kill_own_tree()
        self._reader.join(_JOIN_S)
        self._tasks.put(self._conclude)  # after the events that the reader has queued

    def _conclude(self) -> None:
        last_line = self._output.last_line()
        cause, message = exit_reason(
            self._child.exit_code,
            failure=self._failure,
            kernel_killed=processes.oom_kills() > self._oom_kills_before,
            is_done=self._is_done,
            is_stopped=self._stopped_at is not None,
            last_line=last_line,
        )
        if cause is Cause.TRAINER_CRASHED:
            message = self._output.full_disk(f"{message} {last_line}") + message
        if self._options.command is None:
            self._heartbeats.tell(phase="uploading", now=True)
        # In a thread of its own, for it waits for the object store and the backend.
        _start_thread(self._deliver, cause, message)

    def _deliver(self, cause: Cause, message: str) -> None:
        """Upload what there is, report why the attempt ends, and end it."""
        try:
            cause, message = self._upload(cause, message)
        except Exception as error:
            logger.exception("The attempt's files could not be stored")
            cause, message = Cause.TRAINER_CRASHED, f"Its files could not be stored: {error}."
        if cause not in {Cause.COMPLETED, Cause.PREEMPTED}:
            logger.error("The training ended (%s): %s", cause, message)
        if self._node_log:
            self._node_log.close()
        try:
            self._reporting.close(cause, message, is_echo=self._is_echo)
        except Exception:
            logger.exception("The attempt's end could not be reported")
        exit_code = {Cause.COMPLETED: 0, Cause.PREEMPTED: _PREEMPTED_EXIT}.get(cause, 1)
        killed_by = -self._child.exit_code if self._child.exit_code < 0 else None
        self._tasks.put(partial(self._end, ExitRecord(exit_code, killed_by, cause, message)))

    def _upload(self, cause: Cause, message: str) -> tuple[Cause, str]:
        """Upload the newest checkpoint and the artifacts; a failure is a completed run's cause."""
        self._uploader.hurry()
        try:
            if cause is Cause.COMPLETED or self._artifacts:
                self._uploader.upload_final(self._artifacts)
        except AttemptError as error:
            if cause is Cause.COMPLETED:
                cause, message = error.cause, error.message
        self._uploader.close()
        return cause, message

    def _end(self, record: ExitRecord) -> None:
        self._record = record


def _start_thread(target: Callable[..., None], *args: Any) -> threading.Thread:
    thread = threading.Thread(target=target, args=args, daemon=True)
    thread.start()
    return thread
