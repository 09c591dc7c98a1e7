"""Keeps one service running: starts it, probes it, restarts it when it ends."""

import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from yard import formatting
from yard.dev import processes
from yard.dev.services import Service, environment
from yard.dev.state_folder import ProcessRecord, is_free

_BACKOFF_S = (0.5, 1, 2, 4, 8, 15)
_STARTUP_PROBE_S = 0.1  # between probes until the service is ready
_PROBE_S = 2.0  # between probes after that
_MAX_FAILED_STARTS = 5  # in a row; then the service is given up
_TAIL = 8192  # bytes read from the end of a log for its last lines


class ServiceRunner(threading.Thread):
    """Runs one service in its own thread. `start` and `stop` control it; its attributes are read-only.

    Attributes:
        state: starting, ready, waiting (for its next start), failed or stopped.
        note: what it waits for, in words.
        ready_after: seconds from its start until it was ready; None before that.
        restarts: how often it was restarted.
    """

    def __init__(
        self,
        service: Service,
        log: Path,
        on_start: Callable[[ProcessRecord], None],
        report: Callable[[str], None],
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
        self._report = report
        self._stopping = threading.Event()
        self._hopeless = ""
        self._seen = self._told = ""  # notes

    @property
    def uptime(self) -> float:
        """Seconds since the last start."""
        return time.monotonic() - self._since

    def run(self) -> None:
        """Start the service, and restart it until it is stopped or fails too often."""
        failures = 0
        while not self._stopping.is_set():
            self.state, self._since = "starting", time.monotonic()
            try:
                was_ready = self._run_once()
            except OSError as error:
                was_ready, self._hopeless = False, str(error)
            if self._stopping.is_set():
                break
            if self._hopeless:
                self.state, self.note = "failed", self._hopeless
                self._report(f"{self.name} cannot start: {self.note}")
                return
            failures = 0 if was_ready else failures + 1
            if failures >= _MAX_FAILED_STARTS:
                self.state, self.note = "failed", f"ended {failures} times while starting"
                return
            delay = _BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)]
            self.state, self.note = "waiting", f"it ended; starting again in {delay:g} s"
            self._report(f"{self.name} ended; starting it again in {delay:g} s")
            self.restarts += 1
            self._stopping.wait(delay)
        self.state, self.note = "stopped", ""

    def stop(self, grace_s: float) -> None:
        """End the service; return when it has ended."""
        self._stopping.set()
        if self.process:
            processes.end(self.process, children=not self.service.keeps_children, grace_s=grace_s)
        if self.is_alive():
            self.join()

    def last_lines(self, count: int) -> list[str]:
        """Return the last lines of its log that are not empty."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(file.seek(0, os.SEEK_END) - _TAIL, 0))
                tail = file.read().decode(errors="replace")
        except OSError:
            return []
        return [line for line in formatting.strip_control_codes(tail).splitlines() if line.strip()][
            -count:
        ]

    def _run_once(self) -> bool:
        """Run the service to its end; return whether it was ever ready."""
        if self.service.before and (code := self._spawn(self.service.before).wait()):
            self._judge(code)
            return False
        if self._stopping.is_set():
            return False
        child = self._spawn(self.service.command)
        was_ready = False
        self._seen = self._told = ""
        while child.poll() is None and not self._stopping.is_set():
            self.note = self.service.ready()
            if not self.note and not was_ready:
                if self._is_another():
                    self.note = "another program answers on its port"
                else:
                    was_ready, self.ready_after = True, self.uptime
                    self._report(f"{self.name} ready after {self.ready_after:.1f} s")
            elif was_ready:
                self._tell_of_change()
            self.state = "starting" if self.note and not was_ready else "ready"
            self._pause(child, _PROBE_S if was_ready else _STARTUP_PROBE_S)
        code = child.wait()
        if not was_ready:
            self._judge(code)
        return was_ready

    def _tell_of_change(self) -> None:
        """Report what a service that was ready waits for, if two probes on end find the same."""
        if self.note == self._seen != self._told:
            self._told = self.note
            self._report(f"{self.name}: {self.note}" if self.note else f"{self.name} ready again")
        self._seen = self.note

    def _is_another(self) -> bool:
        """Return whether it was not this service that answered on its port."""
        port = self.service.port
        return bool(port and self.process and not processes.listens(self.process, port))

    def _judge(self, code: int) -> None:
        """Remember why each further start would end as this one did, if it would."""
        port = self.service.port
        if code == self.service.hopeless:
            self._hopeless = "it says what is wrong, and would say it again"
        elif port and not is_free(port):
            self._hopeless = f"another program listens on its port {port}; start again for another"

    def _pause(self, child: subprocess.Popen[bytes], seconds: float) -> None:
        """Wait this long, or until the service ends."""
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
                # Out of reach of the terminal's Ctrl-C: ServiceStack ends the services in order.
                start_new_session=True,
                umask=self.service.umask,
            )
        self.process = psutil.Process(child.pid)
        self._on_start(ProcessRecord(self.service.name, child.pid, self.process.create_time()))
        return child
