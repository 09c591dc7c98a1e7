"""All services of one state folder: started together, ended in order."""

import threading
import time
from collections.abc import Callable, Sequence

from yard.dev import launcher_client, processes
from yard.dev.service_runner import Runner
from yard.dev.services import STORE_GRACE_S, Service
from yard.dev.state_folder import Record, State
from yard.errors import YardError

_START_LIMIT_S = 180
_ATTEMPT_GRACE_S = 10.0
_TICK_S = 0.1


class Supervisor:
    """Runs the services. `say` is told, in words, what happens."""

    def __init__(
        self, state: State, services: Sequence[Service], say: Callable[[str], None]
    ) -> None:
        self._state = state
        self._say = say
        self._records = dict[str, Record]()
        self._records_lock = threading.Lock()
        self.hurry = threading.Event()
        self.runners = [
            Runner(service, state.log(service.name), self._remember, say) for service in services
        ]

    def start(self) -> None:
        """Start every service at once."""
        for runner in self.runners:
            runner.start()

    def wait_ready(self, stop: threading.Event) -> bool:
        """Wait until all serve; return False if told to stop meanwhile.

        Raises:
            YardError: a service cannot be started.
        """
        began = time.monotonic()
        while not stop.is_set():
            for runner in self.runners:
                if runner.state == "failed":
                    raise _cannot_start(runner, runner.note)
            waiting = [runner for runner in self.runners if not serves(runner)]
            if not waiting:
                return True
            if time.monotonic() - began > _START_LIMIT_S:
                late = waiting[0]
                raise _cannot_start(late, f"not ready after {_START_LIMIT_S} s: {late.note}")
            stop.wait(_TICK_S)
        return False

    def end(self) -> None:
        """End everything: trainings (they keep a checkpoint), backend, launcher, stores."""
        by_name = {runner.name: runner for runner in self.runners}
        self._end_attempts_and(by_name.pop("backend"))
        self._stop(by_name.pop("launcher"))
        rest = [threading.Thread(target=self._stop, args=(runner,)) for runner in by_name.values()]
        for thread in rest:
            thread.start()
        for thread in rest:
            thread.join()
        self._state.write_records([])

    def _stop(self, runner: Runner) -> None:
        runner.stop(0.5 if self.hurry.is_set() else runner.service.grace_s)

    def _end_attempts_and(self, backend: Runner) -> None:
        """Stop the trainings and, as soon as the first has ended, the backend.

        Before that the backend is needed, to hear that they were stopped and did not crash; after
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
                self._say(
                    f"stopping {len(running)} training(s); they go on from their last checkpoint "
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
            return set()  # no launcher, nobody to ask

    def _remember(self, record: Record) -> None:
        with self._records_lock:
            self._records[record.service] = record
            self._state.write_records(list(self._records.values()))


def serves(runner: Runner) -> bool:
    """Return whether a service runs and lacks nothing."""
    return runner.state == "ready" and not runner.note


def end_leftovers(state: State, say: Callable[[str], None]) -> list[str]:
    """End what a killed `yard dev` left running, said first, for it takes a while; return the names.

    Trainings go on: the launcher leaves its children alone, and the next one finds them again.
    """
    left = [record for record in state.records() if record.process()]
    left.sort(key=lambda record: record.service != "backend")
    names = [record.service for record in left]
    if left:
        say(f"ending what an earlier `yard dev` left running: {', '.join(names)}")
    for record in left:
        process = record.process()
        if process:
            grace_s = STORE_GRACE_S if record.service == "store" else processes.GRACE_S
            processes.end(process, children=record.service != "launcher", grace_s=grace_s)
    state.write_records([])
    return names


def _cannot_start(runner: Runner, why: str) -> YardError:
    return YardError(
        f"{runner.name} does not start",
        why,
        f"its whole log: {runner.log}",
        details=runner.last_lines(8),
    )
