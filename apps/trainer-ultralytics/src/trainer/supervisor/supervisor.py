"""Supervises one attempt: its process tree, heartbeats, log, checkpoints, and cause of death.

The main thread alone owns the state: other threads and signal handlers only queue what it is
to do next.
"""

import json
import logging
import os
import queue
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from trainer import processes
from trainer.contract import Attempt, AttemptError, Cause, trainer_home
from trainer.exit_record import Ended, write_end
from trainer.supervisor import child_process

_TICK_S = 0.2
_MEASURE_S = 0.5
_JOIN_S = 2.0
# Uploading checkpoints may take so much of one core, and only what the training leaves.
_UPLOAD_SHARE = 0.02
_UPLOAD_NICENESS = 19
_PREEMPTED_EXIT = 128 + signal.SIGTERM
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Orders:
    """How to supervise.

    `command` is a foreign trainer's, None for our own; `memory_bytes` limits the trainer's tree;
    `grace_s` is the time between a stop and SIGKILL, None where the caller sees to that; `echo_fd`
    also gets the output.
    """

    work: Path
    command: list[str] | None = None
    memory_bytes: int | None = None
    grace_s: float | None = None
    echo_fd: int | None = None


def supervise(attempt: Attempt, orders: Orders) -> Ended:
    """Run the attempt to its end and leave its record in `work/exit.json`."""
    os.umask(0o077)
    processes.become_subreaper()
    output = orders.work / "output.log"
    _redirect(output)
    os.chdir(orders.work)
    ended = _Supervisor(attempt, orders, output).run()
    write_end(orders.work, ended)
    return ended


def _redirect(output: Path) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    fd = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(fd)
    logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.WARNING, force=True)
    logging.getLogger("trainer").setLevel(logging.INFO)


class _Supervisor:
    def __init__(self, attempt: Attempt, orders: Orders, output: Path) -> None:
        self._attempt = attempt
        self._orders = orders
        self._output = output
        self._todo: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._abandon = threading.Event()
        self._ended: Ended | None = None
        self._failure: AttemptError | None = None
        self._done = False
        self._stopping_since: float | None = None
        self._status: int | None = None
        self._measure_at = 0.0
        self._artifacts: list[Path] = []
        self._epoch: int | None = None
        self._gpu_memory: float | None = None
        self._oom_kills = processes.oom_kills()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._todo.put(self._stop))
        signal.signal(signal.SIGCHLD, lambda *_: self._todo.put(self._reap))
        # The fork comes before the first thread, so that the child inherits no lock held by one.
        if orders.command is None:
            self._child = child_process.start_own(attempt, orders.work)
        else:
            self._child = child_process.start_foreign(orders.command)
        self._start_threads()

    def _start_threads(self) -> None:
        from trainer.object_store import ObjectStore  # noqa: PLC0415 - the child imports meanwhile
        from trainer.supervisor import backend_client, heartbeats  # noqa: PLC0415
        from trainer.supervisor import log_shipper as logs  # noqa: PLC0415

        self._uploads = ThreadPoolExecutor(1, "uploads", initializer=_give_way)
        self._newest_checkpoint: Path | None = None
        self._uploading: Path | None = None
        self._next_upload = 0.0
        self._closing = threading.Event()
        self._backend = backend_client.BackendClient(self._attempt)
        on_stop, on_stale = (
            lambda: self._todo.put(self._stop),
            lambda: self._todo.put(self._leave_stale),
        )
        self._beats = heartbeats.Heartbeats(self._backend, self._measure, on_stop, on_stale)
        self._store = ObjectStore(self._attempt, self._abandon, self._beats.moved)
        self._beats.tell(phase="training" if self._orders.command else "preparing")
        self._beats.start()
        self._logs = logs.LogShipper(self._output, self._backend, self._abandon, on_stop, on_stale)
        self._logs.start()
        self._echoed = threading.Event()
        self._echoer = self._spawn(self._echo)
        self._reader = self._spawn(self._read_events)
        if self._orders.command is None:
            self._spawn(self._prepare)

    def _spawn(self, target: Callable[..., None], *args: Any) -> threading.Thread:
        thread = threading.Thread(target=target, args=args, daemon=True)
        thread.start()
        return thread

    def run(self) -> Ended:
        while self._ended is None:
            with suppress(queue.Empty):
                self._todo.get(timeout=_TICK_S)()
            self._watch_memory()
            self._watch_grace()
        return self._ended

    # What other threads do

    def _echo(self) -> None:
        from trainer.supervisor.log_shipper import follow  # noqa: PLC0415 - the child imports meanwhile

        if self._orders.echo_fd is not None:
            with os.fdopen(self._orders.echo_fd, "wb", buffering=0) as echo:
                for data in follow(self._output, self._echoed):
                    echo.write(data)

    def _read_events(self) -> None:
        if self._child.events_fd is None:
            return
        with os.fdopen(self._child.events_fd) as events:
            for line in events:
                event = json.loads(line)
                self._todo.put(lambda event=event: self._hear(**event))  # type: ignore[misc]

    def _prepare(self) -> None:
        from trainer import checkpoints  # noqa: PLC0415 - the child imports meanwhile
        from trainer.dataset.fetch import fetch  # noqa: PLC0415

        try:
            run = self._orders.work / "run"
            data = fetch(self._attempt, self._store, trainer_home())
            restored = checkpoints.restore(self._attempt, self._store, run)
        except AttemptError as error:
            failure = error
            self._todo.put(lambda: self._fail(failure))
        except Exception as error:
            log.exception("The dataset cannot be made ready")
            failure = AttemptError(
                Cause.TRAINER_CRASHED,
                f"The dataset could not be made ready in {trainer_home()}: {error}.",
            )
            self._todo.put(lambda: self._fail(failure))
        else:
            for row in restored.untold if restored else ():
                self._beats.tell_epoch(**row)
            go = {"data": str(data), "resume_after": restored.epoch if restored else None}
            self._todo.put(lambda: self._go(go))

    def _measure(self) -> dict[str, float]:
        numbers = {
            "cpu_percent": psutil.cpu_percent(),
            "memory_percent": psutil.virtual_memory().percent,
            "rss_bytes": float(processes.tree_rss(os.getpid())),
        }
        if self._gpu_memory is not None:
            numbers["gpu_memory_bytes"] = self._gpu_memory
        return numbers

    # What the main thread does

    def _go(self, message: dict[str, Any]) -> None:
        if self._child.go_fd is not None:
            with suppress(BrokenPipeError):
                os.write(self._child.go_fd, json.dumps(message).encode() + b"\n")

    def _hear(self, event: str, **fields: Any) -> None:
        match event:
            case "phase":
                self._beats.tell(**fields)
            case "step":
                self._gpu_memory = fields.pop("gpu_memory_bytes", None)
                self._beats.tell(now=fields["step"] == 1, **fields)
            case "epoch":
                self._epoch = fields["epoch"]
                self._beats.tell(progress=fields["progress"])
                self._beats.tell_epoch(fields["epoch"], fields["metrics"])
            case "checkpoint":
                self._take_checkpoint(Path(fields["path"]), fields["epoch"])
            case "artifact":
                self._artifacts.append(Path(fields["path"]))
            case "failed":
                self._failure = AttemptError(Cause(fields["cause"]), fields["message"])
            case "done":
                self._done = True

    def _stop(self) -> None:
        if self._stopping_since is not None:
            return
        self._stopping_since = time.monotonic()
        log.info("Asked to stop: ending after this batch.")
        if self._status is None:
            os.kill(self._child.pid, signal.SIGTERM)

    def _fail(self, failure: AttemptError) -> None:
        self._failure = failure
        self._kill_child()

    def _kill_child(self) -> None:
        if self._status is None:
            os.kill(self._child.pid, signal.SIGKILL)

    def _leave_stale(self) -> None:
        self._abandon.set()
        self._closing.set()
        self._kill_child()
        processes.kill_own_tree()
        self._ended = Ended(1, None, None, "The backend runs this attempt no longer.")

    def _watch_memory(self) -> None:
        limit = self._orders.memory_bytes
        if not limit or self._failure or self._status is not None:
            return
        if time.monotonic() < self._measure_at:
            return
        self._measure_at = time.monotonic() + _MEASURE_S
        if processes.tree_memory_exceeds(os.getpid(), limit):
            self._fail(
                AttemptError(
                    Cause.OUT_OF_MEMORY,
                    f"The training needed more than its {limit / 2**20:,.0f} MiB of memory: "
                    "lower batch or imgsz, or give the job more memory.",
                )
            )

    def _watch_grace(self) -> None:
        grace = self._orders.grace_s
        if grace is None or self._stopping_since is None:
            return
        late = time.monotonic() - self._stopping_since - grace
        if late > 0:
            self._kill_child()
        if late > _JOIN_S:
            self._abandon.set()

    def _reap(self) -> None:
        ended = processes.reap()
        if self._child.pid not in ended or self._status is not None:
            return
        self._status = ended[self._child.pid]
        processes.kill_own_tree()
        self._reader.join(_JOIN_S)
        self._todo.put(self._close)  # behind what the reader has queued

    def _close(self) -> None:
        cause, message = self._outcome()
        if self._orders.command is None:
            self._beats.tell(phase="uploading", now=True)
        self._spawn(self._finish, cause, message)

    def _outcome(self) -> tuple[Cause, str]:
        from trainer.supervisor.exit_reason import explain  # noqa: PLC0415 - the child imports meanwhile

        code = os.waitstatus_to_exitcode(self._status or 0)
        if self._failure and self._failure.cause is not Cause.TRAINER_CRASHED:
            return self._failure.cause, self._failure.message
        killed = code == -signal.SIGKILL or self._failure is not None
        if killed and processes.oom_kills() > self._oom_kills:
            return Cause.OUT_OF_MEMORY, (
                "The kernel ended the training because memory ran out: lower batch or imgsz, "
                "or give the job more memory."
            )
        if self._failure:
            return self._failure.cause, self._failure.message
        if code == 0 and (self._done or self._orders.command):
            return Cause.COMPLETED, ""
        if self._stopping_since is not None:
            return Cause.PREEMPTED, "The training was stopped before its end."
        return Cause.TRAINER_CRASHED, explain(code, self._output)

    # The end, in a thread of its own: it waits for the store and the backend

    def _finish(self, cause: Cause, message: str) -> None:
        try:
            cause, message = self._wind_up(cause, message)
        except Exception as error:
            log.exception("The attempt could not be concluded")
            cause, message = Cause.TRAINER_CRASHED, f"The supervisor failed: {error}."
        code = {Cause.COMPLETED: 0, Cause.PREEMPTED: _PREEMPTED_EXIT}.get(cause, 1)
        status = os.waitstatus_to_exitcode(self._status or 0)
        ended = Ended(code, -status if status < 0 else None, cause, message)
        self._todo.put(lambda: self._end(ended))

    def _wind_up(self, cause: Cause, message: str) -> tuple[Cause, str]:
        from trainer.retry import UnreachableError, until_answered  # noqa: PLC0415
        from trainer.supervisor.backend_client import RejectedError, StaleError  # noqa: PLC0415

        self._closing.set()
        if cause is Cause.COMPLETED:
            try:
                for path in self._artifacts:
                    key = f"{self._attempt.job_id}/{self._attempt.number}/artifacts/{path.name}"
                    self._store.upload(path, "models", key)
            except AttemptError as error:
                cause, message = error.cause, error.message
        self._uploads.shutdown()
        if cause not in {Cause.COMPLETED, Cause.PREEMPTED}:
            log.error("The training ended (%s): %s", cause, message)
        self._beats.close()
        self._logs.close()
        self._echoed.set()
        self._echoer.join(_JOIN_S)
        self._logs.join()
        while self._beats.is_alive() and not self._abandon.is_set():
            self._beats.join(_TICK_S)
        with suppress(UnreachableError, StaleError, RejectedError):
            until_answered(lambda: self._backend.finish(cause, message), self._abandon)
        return cause, message

    def _end(self, ended: Ended) -> None:
        self._ended = ended

    def _take_checkpoint(self, path: Path, epoch: int) -> None:
        """Upload it soon; where epochs are short, it takes the place of one that still waits."""
        before, self._newest_checkpoint = self._newest_checkpoint, path
        if before and before != self._uploading:
            shutil.rmtree(before, ignore_errors=True)
        self._uploads.submit(self._upload_checkpoint, path, epoch)

    def _upload_checkpoint(self, path: Path, epoch: int) -> None:
        from trainer import checkpoints  # noqa: PLC0415 - the child imports meanwhile

        self._closing.wait(max(0.0, self._next_upload - time.monotonic()))
        used = time.process_time()
        # Before the look at the newest one: whoever replaces it looks at the two the other way round.
        self._uploading = path
        try:
            if path == self._newest_checkpoint:
                key = f"{self._attempt.job_id}/{self._attempt.number}/checkpoint"
                archive = checkpoints.pack(path, self._beats.untold())
                self._store.upload(archive, "models", key, epoch)
                archive.unlink()
                used = time.process_time() - used
                self._next_upload = time.monotonic() + used / _UPLOAD_SHARE
        except AttemptError as error:
            log.warning("The checkpoint of epoch %d was not stored: %s", epoch, error.message)
        finally:
            shutil.rmtree(path, ignore_errors=True)


def _give_way() -> None:
    """On Linux a niceness is a thread's own."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _UPLOAD_NICENESS)


def fresh_work_folder(work: Path) -> Path:
    """An empty folder for an attempt, readable by this user only."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700, parents=True)
    return work
