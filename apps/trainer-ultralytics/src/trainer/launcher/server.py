"""The launcher: imports torch and Ultralytics once, then forks a supervisor for each attempt.

It never trains, and it has one thread and one loop, so that every fork is safe. SIGTERM stops its
attempts, each within its own grace, and then ends it: as process 1 of a container it would take
them with it. Attempts outlive its SIGKILL: their records lie in its state folder, and the next
launcher lists them again.
"""

import contextlib
import fcntl
import importlib
import json
import logging
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from trainer import processes
from trainer.launcher.client_connection import ClientConnection
from trainer.launcher.launch_request import LaunchRequest
from trainer.launcher.records import NOT_STARTED_EXIT, AttemptRecord, Registry

if TYPE_CHECKING:
    from trainer.launcher.device_pool import DevicePool

_KILL_AGAIN_S = 1.0
_FORKED = "trainer.launcher.forked_attempt"
logger = logging.getLogger(__name__)


class RequestError(Exception):
    """The request is refused; the text says why, `cause` in the contract's words."""

    def __init__(self, message: str, cause: str | None = None) -> None:
        super().__init__(message)
        self.cause = cause


def serve(socket_path: Path, state: Path) -> int:
    """Listen on `socket_path` until SIGTERM; returns the exit code."""
    logging.basicConfig(stream=sys.stderr, format="launcher: %(message)s", level=logging.INFO)
    os.umask(0o077)
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(state / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        advice = "free some space, or choose another --state"
        logger.error("Cannot keep anything in %s (%s): %s.", state, error, advice)  # noqa: TRY400
        return 1
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        logger.error("Another launcher uses %s: stop it, or choose another --state.", state)  # noqa: TRY400
        return 1
    processes.become_subreaper()
    socket_path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(socket_path))
    except OSError as error:
        logger.error("Cannot listen on %s (%s): choose another --socket.", socket_path, error)  # noqa: TRY400
        return 1
    socket_path.chmod(0o600)
    listener.listen(64)
    listener.setblocking(False)
    # Loading torch takes seconds: not before everything that can fail quickly.
    from trainer.launcher.device_pool import DevicePool  # noqa: PLC0415
    from trainer.launcher.warm_up import warm_up  # noqa: PLC0415

    warm_up()
    try:
        pool = DevicePool.of_machine(os.environ)
    except ValueError as error:
        logger.error("%s", error)  # noqa: TRY400
        return 1
    logger.info("ready on %s", socket_path)
    code = Launcher(listener, Registry(state), lock, pool).run()
    socket_path.unlink(missing_ok=True)
    return code


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the request is not JSON: {error}") from error
    if not isinstance(request, dict):
        raise RequestError("a request is one JSON object on one line")
    return request


class Launcher:
    """The loop and the operations of the socket's protocol."""

    def __init__(
        self, listener: socket.socket, registry: Registry, lock: int, pool: "DevicePool"
    ) -> None:
        self._registry = registry
        self._pool = pool
        self._selector = selectors.DefaultSelector()
        self._lock = lock
        self._leaving = False
        self._wake_read, self._wake_write = socket.socketpair()
        for end in (self._wake_read, self._wake_write):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._leave)
        self._listener = listener
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        for record in registry.running():
            with self._ending_only(record):
                self._watch(record)
        for record in registry.waiting():
            # The machine, or its share for trainings, may have become smaller.
            if refusal := pool.refusal(record.asked):
                record.refuse(refusal)
        self._admit()

    def run(self) -> int:
        """Serve until SIGTERM, and then until no attempt runs."""
        while not self._leaving or self._registry.running():
            for key, _ in self._selector.select(self._next_deadline()):
                self._serve(key)
            self._collect()
            self._enforce_stops()
            self._drop_slow_clients()
            if self._leaving:
                self._stop_all()
        return 0

    def _leave(self, *_: Any) -> None:
        self._leaving = True

    def _stop_all(self) -> None:
        if self._listener.fileno() < 0:
            return
        # Nobody may launch any more: the next launcher answers instead.
        self._selector.unregister(self._listener)
        self._listener.close()
        left = [*self._registry.running(), *self._registry.waiting()]
        logger.info("leaving: stopping %d training(s)", len(left))
        for record in left:
            with self._ending_only(record):
                self._stop(record, record.grace_s)

    # Connections

    def _serve(self, key: selectors.SelectorKey) -> None:
        if key.fileobj is self._listener:
            with contextlib.suppress(BlockingIOError):
                client, _ = self._listener.accept()
                self._selector.register(client, selectors.EVENT_READ, ClientConnection(client))
        elif key.fileobj is self._wake_read:
            with contextlib.suppress(BlockingIOError):
                self._wake_read.recv(4096)
        elif isinstance(key.data, ClientConnection):
            self._talk(key.data)
        else:  # the supervisor of an attempt that an earlier launcher has started has ended
            self._selector.unregister(key.fileobj)
            os.close(key.fd)

    def _talk(self, connection: ClientConnection) -> None:
        line = connection.advance()
        if line is not None:
            connection.reply(self._answer(line))
        if connection.finished:
            self._selector.unregister(connection.socket)
            connection.socket.close()
        elif connection.replying:
            self._selector.modify(connection.socket, selectors.EVENT_WRITE, connection)

    def _drop_slow_clients(self) -> None:
        for key in list(self._selector.get_map().values()):
            if isinstance(key.data, ClientConnection) and key.data.overdue:
                self._selector.unregister(key.fileobj)
                key.data.socket.close()

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            return {"ok": True, **self._perform(_parsed(line))}
        except RequestError as error:
            return {"ok": False, "error": str(error), "cause": error.cause}
        except (ValueError, OSError) as error:
            return {"ok": False, "error": str(error)}
        except Exception as error:
            logger.exception("a request failed")
            return {"ok": False, "error": f"the launcher failed: {error!r}"}

    def _perform(self, request: dict[str, Any]) -> dict[str, Any]:
        match request.get("op"):
            case "ping":
                return {"pid": os.getpid(), "warm": True, "gpus": len(self._pool.gpus)}
            case "list":
                return {"attempts": [record.listing() for record in self._registry.all()]}
            case "launch":
                self._launch(LaunchRequest.parse(request))
            case "stop":
                grace_s = request.get("grace_s", 10)
                if not isinstance(grace_s, int | float) or grace_s < 0:
                    raise RequestError("grace_s must be a number of seconds")
                self._stop(self._find(request), grace_s)
            case "forget":
                record = self._registry.get(request.get("job_id"), request.get("attempt"))
                if record and record.ended is None:
                    raise RequestError("this attempt is running: stop it first")
                if record:
                    self._registry.forget(record)
            case other:
                raise RequestError(f"unknown op {other!r}: ping, launch, list, stop or forget")
        return {}

    def _find(self, request: dict[str, Any]) -> AttemptRecord:
        record = self._registry.get(request.get("job_id"), request.get("attempt"))
        if record is None:
            raise RequestError(
                "no such attempt was launched here, or it was forgotten: `list` shows those that are known"
            )
        return record

    # Attempts

    def _launch(self, request: LaunchRequest) -> None:
        if self._registry.get(request.job_id, request.attempt):
            return
        request = self._pool.completed(request)
        if refusal := self._pool.refusal(request.asked):
            raise RequestError(refusal, "unschedulable")
        record = self._registry.create(request)
        self._admit()
        if record.waiting:
            try:
                self._registry.keep(record)
            except OSError:
                self._registry.forget(record)
                raise

    def _admit(self) -> None:
        """Start the attempts whose turn it is."""
        if self._leaving:
            return
        for record in self._pool.admit(self._registry.running(), self._registry.waiting()):
            with self._ending_only(record):
                self._start(record)

    def _start(self, record: AttemptRecord) -> None:
        request = record.take_request()
        record.oom_kills = processes.oom_kills()
        try:
            pid = os.fork()
        except OSError as error:
            record.fail_launch(f"The trainer cannot be started: {error}")
            return
        if pid == 0:
            self._become_supervisor(request, record)
        record.pid = pid

    def _become_supervisor(self, request: LaunchRequest, record: AttemptRecord) -> NoReturn:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            os.setsid()
            self._registry.claim(record)
            for key in list(self._selector.get_map().values()):
                os.close(key.fd)
            self._selector.close()
            self._wake_write.close()
            os.close(self._lock)
            os.environ |= request.env | self._pool.env(record)
            # The attempt runs the code on disk, so that an edit counts from the next attempt on.
            # The shim stays: the operators that it has registered live as long as the module.
            for name in [n for n in sys.modules if n.partition(".")[0] == "trainer"]:
                if name != "trainer.yolo.torchvision_shim":
                    del sys.modules[name]
            importlib.invalidate_caches()
            code = importlib.import_module(_FORKED).run(request, record.folder)
        except BaseException as error:
            logger.exception(
                "attempt %s of job %s cannot be started", request.attempt, request.job_id
            )
            code = NOT_STARTED_EXIT
            record.fail_launch(f"The trainer cannot be started: {error}")
        finally:
            os._exit(code)

    def _watch(self, record: AttemptRecord) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._selector.register(os.pidfd_open(record.pid), selectors.EVENT_READ)

    def _collect(self) -> None:
        """Record which supervisors have ended, and kill the processes that they left behind."""
        statuses = processes.reap()
        running = self._registry.running()
        for record in running:
            with self._ending_only(record):
                if record.note_end(statuses.get(record.pid)):
                    self._kill_orphans(record)
        if any(record.ended for record in running):
            self._admit()

    @contextlib.contextmanager
    def _ending_only(self, record: AttemptRecord) -> Iterator[None]:
        """An exception over one attempt ends that attempt, and nothing else."""
        try:
            yield
        except Exception as error:
            logger.exception("attempt %d of job %s is given up", record.attempt, record.job_id)
            record.give_up(error)
            processes.kill_all(processes.of_attempt(record.job_id, record.attempt))

    def _kill_orphans(self, record: AttemptRecord) -> None:
        known = {other.pid for other in self._registry.running()}
        while processes.kill_all(
            orphan
            for orphan in processes.descendants(os.getpid(), recursive=False)
            if orphan.pid not in known
        ):
            self._late_statuses(processes.reap())
        if record.ended and record.ended.signal is not None:
            processes.kill_all(processes.of_attempt(record.job_id, record.attempt))

    def _late_statuses(self, statuses: dict[int, int]) -> None:
        for record in self._registry.running():
            record.note_end(statuses.get(record.pid))

    def _stop(self, record: AttemptRecord, grace_s: float) -> None:
        self._collect()  # a pid is only signalled while it is known to be the supervisor's
        if record.ended is not None:
            return
        if record.waiting:
            record.stop_waiting()
            self._admit()
            return
        deadline = time.monotonic() + grace_s
        if record.kill_at is None:
            os.kill(record.pid, signal.SIGTERM)
            record.kill_at = deadline
        record.kill_at = min(record.kill_at, deadline)

    def _enforce_stops(self) -> None:
        """SIGKILL the trainer's tree after the grace, its supervisor a second later: it reports the end."""
        for record in self._registry.running():
            if record.kill_at is None or time.monotonic() < record.kill_at:
                continue
            with self._ending_only(record):
                processes.kill_all(processes.descendants(record.pid))
                if record.tree_killed:
                    os.kill(record.pid, signal.SIGKILL)
                record.tree_killed = True
                record.kill_at = time.monotonic() + _KILL_AGAIN_S

    def _next_deadline(self) -> float | None:
        times = [record.kill_at for record in self._registry.running() if record.kill_at]
        times += [
            key.data.deadline
            for key in self._selector.get_map().values()
            if isinstance(key.data, ClientConnection)
        ]
        return max(0.0, min(times) - time.monotonic()) if times else None
