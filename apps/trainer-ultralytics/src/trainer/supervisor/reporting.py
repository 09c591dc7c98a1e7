"""Reports the attempt to the backend: heartbeats, the log, and the end."""

import threading
from collections.abc import Callable
from contextlib import suppress

from trainer.contract import Attempt, Cause
from trainer.retry import UnreachableError, until_answered
from trainer.supervisor.backend_client import BackendClient, CallbackRefusedError, StaleError
from trainer.supervisor.heartbeats import Heartbeats
from trainer.supervisor.log_shipper import LogCopier, LogShipper
from trainer.supervisor.output_log import OutputLog

_POLL_S = 0.2
_ECHO_PATIENCE_S = 2.0


class Reporting:
    """The threads that report, from their start to the attempt's end.

    They call `on_stop` when the backend asks for a stop, `on_finish`, repeatedly, when it asks for
    an end after the current epoch, and `on_stale` when it no longer runs this
    attempt. `abandoned` ends all waiting for the backend. Of several nodes the first one reports; any
    other only tells a failure of its own, and its log is a file of the job (NodeLog).
    """

    def __init__(
        self,
        attempt: Attempt,
        output: OutputLog,
        *,
        echo_fd: int | None,
        measure: Callable[[], dict[str, float]],
        abandoned: threading.Event,
        on_stop: Callable[[], None],
        on_stale: Callable[[], None],
        on_finish: Callable[[], None],
    ) -> None:
        self._abandoned = abandoned
        self._is_first = attempt.node == 0
        self._backend = BackendClient(attempt)
        self.heartbeats = Heartbeats(self._backend, measure, on_stop, on_stale, on_finish)
        self._log_shipper = LogShipper(output, self._backend, abandoned, on_stop, on_stale)
        limit = attempt.log_limit_bytes
        self._log_copier = None if echo_fd is None else LogCopier(output, echo_fd, limit)

    def start(self, phase: str) -> None:
        """Begin with a heartbeat in `phase`."""
        self.heartbeats.tell(phase=phase)
        if self._is_first:
            self.heartbeats.start()
            self._log_shipper.start()
        if self._log_copier:
            self._log_copier.start()

    def close(self, cause: Cause, message: str, *, is_echo: bool) -> None:
        """Deliver all metrics and the whole log, then report why the attempt ends.

        Heartbeats go on until the backend has answered that: to it, silence is death. `is_echo`: the
        cause lies with another node, which alone tells it: after an outage, either could be heard first.
        """
        self._log_shipper.close()
        if self._log_copier:
            self._log_copier.close()
            self._log_copier.join(_ECHO_PATIENCE_S)
        if self._is_first:
            self._log_shipper.join()
        while self.heartbeats.has_metrics() and not self._abandoned.wait(_POLL_S):
            pass
        own = self._is_first or cause not in {Cause.COMPLETED, Cause.PREEMPTED}
        if own and not is_echo:
            with suppress(UnreachableError, StaleError, CallbackRefusedError):
                until_answered(lambda: self._backend.finish(cause, message), self._abandoned)
        self.heartbeats.close()
