"""Uploads checkpoints, and the artifacts that they hold, beside the training."""

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from trainer import checkpoints
from trainer.contract import Attempt, AttemptError, EpochMetrics
from trainer.object_store import ObjectStore

# Uploads take at most this share of one core, and only what the training leaves, as long as the
# stored checkpoint is not older than MAX_AGE_S or one epoch, whichever is longer.
_CPU_SHARE = 0.02
MAX_AGE_S = 30.0
_NICENESS = 10
logger = logging.getLogger(__name__)


class CheckpointUploader:
    """Uploads one checkpoint at a time; where epochs are short, a newer one replaces one that waits.

    `unacknowledged` gives the metrics that a checkpoint carries to the next attempt.
    """

    def __init__(
        self,
        attempt: Attempt,
        object_store: ObjectStore,
        unacknowledged: Callable[[], list[EpochMetrics]],
    ) -> None:
        self._attempt = attempt
        self._bucket = attempt.models_bucket
        self._key = checkpoints.checkpoint_key(attempt.job_id, attempt.number)
        self._object_store = object_store
        self._unacknowledged = unacknowledged
        self._pool = ThreadPoolExecutor(1, "checkpoints", initializer=_lower_priority)
        self._lock = threading.Lock()
        self._newest: Path | None = None
        self._uploading: Path | None = None
        self._added_at: dict[Path, float] = {}
        self._next_at = 0.0
        self._hurrying = threading.Event()
        self._artifact_lock = threading.Lock()
        self._superseded = False
        self._stored: dict[str, tuple[int, int]] = {}

    def add(self, snapshot: Path, epoch: int) -> None:
        """Upload the snapshot of `epoch` (a folder, removed afterwards) once its turn comes."""
        self._added_at[snapshot] = time.monotonic()
        with self._lock:
            replaced, self._newest = self._newest, snapshot
            waited = replaced != self._uploading
        if replaced and waited:
            shutil.rmtree(replaced, ignore_errors=True)
        self._pool.submit(self._upload, snapshot, epoch)

    def hurry(self) -> None:
        """Upload what waits without sparing the training, for it has ended."""
        self._hurrying.set()

    def upload_final(self, artifacts: list[Path]) -> None:
        """Upload the artifacts of a completed training, and no more of a checkpoint's.

        Raises:
            AttemptError: the object store is unreachable or refuses.
        """
        with self._artifact_lock:
            self._superseded = True
        for path in artifacts:
            self._upload_artifact(path.name, path)

    def close(self) -> None:
        """Wait until the newest checkpoint is uploaded."""
        self.hurry()
        self._pool.shutdown()

    def _upload(self, snapshot: Path, epoch: int) -> None:
        self._hurrying.wait(max(0.0, self._next_at - time.monotonic()))
        added_at = self._added_at.pop(snapshot)
        with self._lock:
            if snapshot != self._newest:
                return
            self._uploading = snapshot
        began, used = time.monotonic(), time.process_time()
        try:
            archive = checkpoints.pack(snapshot, self._unacknowledged())
            self._object_store.upload(archive, self._bucket, self._key, epoch)
            archive.unlink()
            self._upload_artifacts(snapshot)
            used = time.process_time() - used
            # The next one takes as long: then it is stored before this one is too old.
            due = added_at + MAX_AGE_S - (time.monotonic() - began)
            self._next_at = min(time.monotonic() + used / _CPU_SHARE, due)
        except (AttemptError, OSError) as error:
            logger.warning(
                "The checkpoint of epoch %d, or its model, was not stored: %s", epoch + 1, error
            )
        finally:
            shutil.rmtree(snapshot, ignore_errors=True)

    def _upload_artifacts(self, snapshot: Path) -> None:
        """Whatever ends the attempt, its job has the model as of this epoch."""
        for name, path in checkpoints.artifacts(snapshot):
            found = path.stat()
            version = (found.st_ino, found.st_mtime_ns)  # best.pt stays until there is a better one
            with self._artifact_lock:
                if not self._superseded and self._stored.get(name) != version:
                    self._upload_artifact(name, path)
                    self._stored[name] = version

    def _upload_artifact(self, name: str, path: Path) -> None:
        key = f"{self._attempt.job_id}/{self._attempt.number}/artifacts/{name}"
        self._object_store.upload(path, self._bucket, key)


def _lower_priority() -> None:
    """Of this thread: on Linux a niceness is a thread's own. It may be nice already."""
    os.nice(_NICENESS)
