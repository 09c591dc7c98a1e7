"""Keeps one service running: starts it, asks whether it serves, starts it again when it dies."""

import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from yard import console
from yard.dev import processes
from yard.dev.services import Service, environment
from yard.dev.state_folder import Record

_BACKOFF_S = (0.5, 1, 2, 4, 8, 15)
_PROBE_S = 0.1  # between questions until it serves
_WATCH_S = 2.0  # between questions after that
_HOPELESS = 5  # starts in a row without ever serving
_TAIL = 8192  # bytes of a log that are read for its last lines


class Runner(threading.Thread):
    """One service. Its attributes are for reading; `start` and `stop` drive it.

    Attributes:
        state: starting, ready, waiting (for its next start), failed or stopped.
        note: what it waits for, in words.
        ready_after: seconds from its start until it served, once it did.
        restarts: how often it had to be started again.
    """

    def __init__(
        self,
        service: Service,
        log: Path,
        on_start: Callable[[Record], None],
        say: Callable[[str], None],
    ) -> None:
        super().__init__(name=service.name, daemon=True)
        self.service = service
        self.log = log
        self.state = "starting"
        self.note = ""
        self.ready_after: float | None = None
        self.restarts = 0
        self.process: psutil.Process | None = None
        self._since = time.monotonic()
        self._on_start = on_start
        self._say = say
        self._leave = threading.Event()

    @property
    def uptime(self) -> float:
        """Seconds since the last start."""
        return time.monotonic() - self._since

    def run(self) -> None:
        """Start the service until it is told to stop or is hopeless."""
        failures = 0
        while not self._leave.is_set():
            self.state, self._since = "starting", time.monotonic()
            served = self._once()
            if self._leave.is_set():
                break
            failures = 0 if served else failures + 1
            if failures >= _HOPELESS:
                self.state, self.note = "failed", f"ended {failures} times while starting"
                return
            delay = _BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)]
            self.state, self.note = "waiting", f"it ended; starting again in {delay:g} s"
            self._say(f"{self.name} ended; starting it again in {delay:g} s")
            self.restarts += 1
            self._leave.wait(delay)
        self.state, self.note = "stopped", ""

    def stop(self, grace_s: float) -> None:
        """End the service and return when it is gone."""
        self._leave.set()
        if self.process:
            processes.end(self.process, children=not self.service.keeps_children, grace_s=grace_s)
        if self.is_alive():
            self.join()

    def last_lines(self, count: int) -> list[str]:
        """Return the last lines of its log that say something."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(file.seek(0, os.SEEK_END) - _TAIL, 0))
                tail = file.read().decode(errors="replace")
        except OSError:
            return []
        return [line for line in console.harmless(tail).splitlines() if line.strip()][-count:]

    def _once(self) -> bool:
        """Run it to its end; return whether it ever served."""
        if self.service.before and self._spawn(self.service.before).wait() != 0:
            return False
        if self._leave.is_set():
            return False
        child = self._spawn(self.service.command)
        served = False
        while child.poll() is None and not self._leave.is_set():
            self.note = self.service.ready()
            if not self.note and not served:
                served, self.ready_after = True, self.uptime
                self._say(f"{self.name} ready after {self.ready_after:.1f} s")
            self.state = "starting" if self.note and not served else "ready"
            self._pause(child, _WATCH_S if served else _PROBE_S)
        child.wait()
        return served

    def _pause(self, child: subprocess.Popen[bytes], seconds: float) -> None:
        """Wait; less if the service ends."""
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            return

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                command,
                env=environment(self.service),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal is for us; we end the services in their order.
                start_new_session=True,
            )
        self.process = psutil.Process(child.pid)
        self._on_start(Record(self.service.name, child.pid, self.process.create_time()))
        return child
