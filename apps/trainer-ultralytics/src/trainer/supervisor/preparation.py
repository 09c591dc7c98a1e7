"""Prepares what the training process waits for: the dataset, and what to start or resume from."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from trainer import checkpoints
from trainer.contract import Attempt, AttemptError, Cause, EpochMetrics, trainer_home
from trainer.dataset.fetch import fetch
from trainer.messages import PREDICT, StartMessage
from trainer.object_store import ObjectStore
from trainer.weights import fetch_weights

logger = logging.getLogger(__name__)


class Preparation(threading.Thread):
    """Fetches the dataset that the `work` needs and restores the job's newest checkpoint into `run_dir`, or fetches its weights.

    It calls `on_prepared` with the start message and the metrics of earlier attempts that the
    backend may lack, or `on_failure`.
    """

    def __init__(
        self,
        attempt: Attempt,
        object_store: ObjectStore,
        run_dir: Path,
        *,
        work: str,
        on_prepared: Callable[[StartMessage, list[EpochMetrics]], None],
        on_failure: Callable[[AttemptError], None],
    ) -> None:
        super().__init__(name="preparation", daemon=True)
        self._attempt = attempt
        self._object_store = object_store
        self._run_dir = run_dir
        self._work = work
        self._on_prepared = on_prepared
        self._on_failure = on_failure

    def run(self) -> None:
        """Prepare once."""
        try:
            data = self._run_dir / "no-dataset"
            if self._work != PREDICT:
                data = fetch(self._attempt, self._object_store, trainer_home())
            restored = checkpoints.restore(self._attempt, self._object_store, self._run_dir)
            epoch = restored.epoch if restored else None
            weights = None
            if epoch is None:
                weights = fetch_weights(self._attempt, self._object_store, trainer_home())
        except AttemptError as error:
            self._on_failure(error)
        except Exception as error:
            logger.exception("The dataset cannot be prepared")
            message = f"The dataset could not be prepared in {trainer_home()}: {error}."
            self._on_failure(AttemptError(Cause.TRAINER_CRASHED, message))
        else:
            if epoch is not None:
                logger.info("Resuming after epoch %d, that of the newest checkpoint.", epoch + 1)
            self._on_prepared(
                {
                    "data": str(data),
                    "weights": str(weights) if weights else None,
                    "resume_after": epoch,
                },
                restored.unacknowledged if restored else [],
            )
