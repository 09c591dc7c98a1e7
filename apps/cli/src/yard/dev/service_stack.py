"""All services of one state folder: start them together, stop them in order."""

import threading
import time
from collections.abc import Callable, Sequence

from yard.dev import launcher_client, processes
from yard.dev.service_runner import ServiceRunner
from yard.dev.services import STORE_GRACE_S, Service
from yard.dev.state_folder import ProcessRecord, StateFolder
from yard.errors import YardError

_START_LIMIT_S = 180
_ATTEMPT_GRACE_S = 10.0
_TICK_S = 0.1


class ServiceStack:
    """Runs the services; `report` receives each event as a sentence."""

    def __init__(
        self, state: StateFolder, services: Sequence[Service], report: Callable[[str], None]
    ) -> None:
        self._state = state
        self._report = report
        self._records = dict[str, ProcessRecord]()
        self._records_lock = threading.Lock()
        self.hurry = threading.Event()
        self.runners = [
            ServiceRunner(service, state.log(service.name), self._remember, report)
            for service in services
        ]

    def start(self) -> None:
        """Start every service at once."""
        for runner in self.runners:
            runner.start()

    def wait_ready(self, stop: threading.Event) -> bool:
        """Wait until all services are ready; return False if `stop` was set first.

        Raises:
            YardError: a service cannot be started.
        """
        began = time.monotonic()
        while not stop.is_set():
            for runner in self.runners:
                if runner.state == "failed":
                    raise _cannot_start(runner, runner.note)
            waiting = [runner for runner in self.runners if not is_ready(runner)]
            if not waiting:
                return True
            if time.monotonic() - began > _START_LIMIT_S:
                late = waiting[0]
                raise _cannot_start(late, f"not ready after {_START_LIMIT_S} s: {late.note}")
            stop.wait(_TICK_S)
        return False

    def end(self) -> None:
        """End the trainings, which keep their checkpoints, then backend, launcher and stores."""
        by_name = {runner.name: runner for runner in self.runners}
        self._drain(by_name.pop("backend"))
        self._stop(by_name.pop("launcher"))
        rest = [threading.Thread(target=self._stop, args=(runner,)) for runner in by_name.values()]
        for thread in rest:
            thread.start()
        for thread in rest:
            thread.join()
        self._state.write_records([])

    def _stop(self, runner: ServiceRunner) -> None:
        runner.stop(0.5 if self.hurry.is_set() else runner.service.grace_s)

    def _drain(self, backend: ServiceRunner) -> None:
        """Stop the trainings, and the backend as soon as the first of them has ended.

        Until then the backend must run: it learns that they were stopped and did not crash. After
        that it would start their next attempts.
        """
        asked, began, backend_runs = set[launcher_client.Attempt](), time.monotonic(), True
        while True:
            running = self._running()
            waited = time.monotonic() - began
            late = self.hurry.is_set() or waited > _ATTEMPT_GRACE_S
            for attempt in running if late else running - asked:
                launcher_client.stop(self._state.socket, attempt, 0 if late else _ATTEMPT_GRACE_S)
            if running and not asked:
                self._report(
                    f"stopping {len(running)} training(s); they continue from their last checkpoint "
                    "at the next start"
                )
            asked |= running
            if backend_runs and (late or not running or asked - running):
                self._stop(backend)
                backend_runs = False
            elif not running or waited > 2 * _ATTEMPT_GRACE_S:
                return
            else:
                time.sleep(_TICK_S)

    def _running(self) -> set[launcher_client.Attempt]:
        try:
            return launcher_client.running(self._state.socket)
        except OSError:
            return set()  # no launcher runs

    def _remember(self, record: ProcessRecord) -> None:
        with self._records_lock:
            self._records[record.service] = record
            try:
                self._state.write_records(list(self._records.values()))
            except OSError as error:  # a full disk: the service runs all the same
                self._report(
                    f"cannot note that {record.service} runs as process {record.pid} "
                    f"({error.strerror}): after a kill, end it yourself"
                )


def is_ready(runner: ServiceRunner) -> bool:
    """Return whether a service runs and waits for nothing."""
    return runner.state == "ready" and not runner.note


def end_leftovers(state: StateFolder, report: Callable[[str], None]) -> list[str]:
    """End the services that a killed `yard dev` left running; return their names.

    Trainings go on: a launcher that is killed does not stop them, and the next one adopts them.
    """
    left = [record for record in state.records() if record.process()]
    left.sort(key=lambda record: record.service != "backend")
    names = [record.service for record in left]
    if left:
        report(f"ending what an earlier `yard dev` left running: {', '.join(names)}")
    for record in left:
        process = record.process()
        if process:
            if record.service == "launcher":
                processes.kill(process)
                continue
            grace_s = STORE_GRACE_S if record.service == "store" else processes.GRACE_S
            processes.end(process, children=True, grace_s=grace_s)
    state.write_records([])
    return names


def _cannot_start(runner: ServiceRunner, why: str) -> YardError:
    return YardError(
        f"{runner.name} does not start",
        why,
        f"its whole log: {runner.log}",
        details=runner.last_lines(8),
    )
