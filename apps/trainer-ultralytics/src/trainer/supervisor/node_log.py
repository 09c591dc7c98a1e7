"""Keeps the log of a node other than the first, whose log is the job's, among the job's files."""

import logging
import threading
import time
from pathlib import Path

from trainer.contract import Attempt, AttemptError
from trainer.object_store import ObjectStore
from trainer.supervisor.output_log import KEPT_BYTES, OutputLog

_INTERVAL_S = 5.0
# Each upload holds the whole log: one that took long is followed by a pause so many times as long,
# but no longer than the last one of these.
_PAUSE = 20
_LONGEST_PAUSE_S = 60.0
# How long the attempt's end waits for the last upload: the other nodes' ends do not wait for it.
_PATIENCE_S = 2.0
_CHUNK_BYTES = 1 << 20
logger = logging.getLogger(__name__)


class NodeLog(threading.Thread):
    """Stores the log as one file of the attempt, anew while it grows.

    Of a longer one than `log_limit_bytes` it stores the newest bytes.
    """

    def __init__(
        self, attempt: Attempt, output: OutputLog, object_store: ObjectStore, folder: Path
    ) -> None:
        super().__init__(name="node-log", daemon=True)
        name = f"attempt-{attempt.number}.node-{attempt.node}.log"
        self._key = f"{attempt.job_id}/{attempt.number}/artifacts/{name}"
        self._bucket = attempt.models_bucket
        self._limit = min(attempt.log_limit_bytes, KEPT_BYTES)
        self._output = output
        self._object_store = object_store
        self._copy = folder / name
        self._stored_bytes = 0
        self._told = False
        self._closing = threading.Event()

    def close(self) -> None:
        """Store what the log holds now, if the store takes it within seconds."""
        self._closing.set()
        self.join(_PATIENCE_S)

    def run(self) -> None:
        """Store until closed."""
        closing = False
        while not closing:
            closing = self._closing.is_set()  # read before the log: `close` waits for its end
            pause_s = _INTERVAL_S
            if self._output.size() != self._stored_bytes:
                began = time.monotonic()
                if self._store():
                    pause_s = max(pause_s, _PAUSE * (time.monotonic() - began))
            self._closing.wait(min(pause_s, _LONGEST_PAUSE_S))

    def _store(self) -> bool:
        """Whether the log as it is now could be stored."""
        size = self._output.size()
        try:
            self._write_copy(size)
            self._object_store.upload(self._copy, self._bucket, self._key)
        except (AttemptError, OSError) as error:
            self._copy.unlink(missing_ok=True)  # a full disk has better uses for it
            # Told once: each line that tells it is one more to store.
            if not self._told:
                logger.warning("The log of this node cannot be stored so far: %s", error)
            self._told = True
            return False
        self._stored_bytes = size
        return True

    def _write_copy(self, size: int) -> None:
        """The log as of `size` bytes, in a file that does not grow while it is uploaded."""
        offset = max(0, size - self._limit)
        with self._copy.open("wb") as copy:
            if offset:
                copy.write(f"[trainyard] The first {offset} bytes are left out.\n".encode())
            while offset < size:
                offset, data = self._output.read(offset, min(_CHUNK_BYTES, size - offset))
                if not data:  # the trainer has cut off what it had printed
                    break
                copy.write(data)
                offset += len(data)
