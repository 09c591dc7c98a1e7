"""Sends heartbeats on a clock of their own, and each epoch's metrics until the backend has them."""

import logging
import random
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from trainer.contract import EpochMetrics, ModelMetrics
from trainer.retry import UnreachableError
from trainer.supervisor.backend_client import (
    INTERVAL_S,
    BackendClient,
    CallbackRefusedError,
    StaleError,
)

logger = logging.getLogger(__name__)


class Heartbeats(threading.Thread):
    """Sends a heartbeat as often as the backend asks for, and at once when there is news.

    Metrics wait in a queue and go in order, one epoch a heartbeat; each is repeated until the
    backend acknowledges it.
    """

    def __init__(
        self,
        backend: BackendClient,
        measure: Callable[[], dict[str, float]],
        on_stop: Callable[[], None],
        on_stale: Callable[[], None],
        on_finish: Callable[[], None],
    ) -> None:
        super().__init__(name="heartbeats", daemon=True)
        self._backend = backend
        self._measure = measure
        self._on_stop = on_stop
        self._on_stale = on_stale
        self._on_finish = on_finish
        self._lock = threading.Lock()
        self._state: dict[str, Any] = {}
        self._epochs: deque[ModelMetrics] = deque()
        self._seq = 0
        self._transferred = 0
        self._interval_s = INTERVAL_S
        self._refusal = ""
        self._news = threading.Event()
        self._news.set()  # send the first one at once: from then on the backend notices silence
        self._closing = threading.Event()
        self._stale = False

    def tell(self, *, now: bool = False, **state: Any) -> None:
        """Include `state` (phase, step, progress, speed) in all further heartbeats."""
        with self._lock:
            self._state.update(state)
        if now:
            self._news.set()

    def add_transferred(self, count: int) -> None:
        """Report `count` more bytes from or to the object store in the next heartbeat."""
        with self._lock:
            self._transferred += count

    def tell_epoch(self, epoch: int, metrics: dict[str, float | None]) -> None:
        """Queue the metrics of an epoch, counted from 0."""
        self._epochs.append(EpochMetrics(epoch=epoch, metrics=metrics))
        self._news.set()

    def tell_model(self, metrics: dict[str, float | None]) -> None:
        """Queue the metrics of the model that is the training's result; they are of no epoch."""
        self._epochs.append({"metrics": metrics})
        self._news.set()

    def unacknowledged(self) -> list[EpochMetrics]:
        """The epochs' metrics that the backend has not acknowledged."""
        rows: list[Any] = list(self._epochs.copy())
        return [row for row in rows if "epoch" in row]

    def has_metrics(self) -> bool:
        """Whether metrics wait that the backend may still take."""
        return self.is_alive() and bool(self._epochs)

    def close(self) -> None:
        """End the thread once every epoch's metrics are acknowledged."""
        self._closing.set()
        self._news.set()

    def run(self) -> None:
        """Send until closed, or until the backend no longer runs this attempt."""
        answered = True
        while not self._stale and (self._epochs or not self._closing.is_set()):
            self._news.wait(self._pause_s(answered))
            self._news.clear()
            answered = self._send()

    def _pause_s(self, answered: bool) -> float:
        if not answered:
            # Soon: the backend would take a longer silence for the trainer's death.
            return min(self._interval_s, INTERVAL_S)
        if self._epochs:
            return 0.0
        # The jitter spreads trainers that an outage has synchronised.
        return self._interval_s * random.uniform(0.8, 1)  # noqa: S311

    def _send(self) -> bool:
        row: dict[str, Any] = {**self._epochs[0]} if self._epochs else {}
        self._seq += 1
        with self._lock:
            transferred = self._transferred
            body = {"seq": self._seq, **self._state, **row, "system": self._measure()}
        if transferred:
            body["transferred"] = transferred
        try:
            command, self._interval_s = self._backend.heartbeat(body)
        except UnreachableError:
            return False
        except StaleError:
            self._stale = True
            self._on_stale()
            return True
        except CallbackRefusedError as error:
            if str(error) != self._refusal:
                logger.warning("A heartbeat was refused: %s", error)
            self._refusal = str(error)
            command = "continue"
        self.add_transferred(-transferred)
        if row:
            self._epochs.popleft()
        if command == "stop":
            self._on_stop()
        elif command == "finish":
            self._on_finish()
        return True
