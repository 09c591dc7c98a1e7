"""The log of a node that is not the first, among the job's files."""

import threading
import time
from pathlib import Path
from typing import cast

import pytest
from conftest import Jobs
from launching import wait_until
from trainer.contract import Attempt, AttemptError, Cause
from trainer.object_store import ObjectStore
from trainer.supervisor import node_log
from trainer.supervisor.node_log import NodeLog
from trainer.supervisor.output_log import OutputLog


class FailsFirst:
    """The store, which refuses the first upload: no store here refuses once."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.refused = False

    def upload(self, source: Path, bucket: str, key: str) -> None:
        if not self.refused:
            self.refused = True
            time.sleep(0.5)  # of which no longer pause may follow
            raise AttemptError(Cause.STORAGE_UNAVAILABLE, "refused once")
        self._store.upload(source, bucket, key)


def test_it_is_stored_while_it_grows_and_its_newest_bytes_where_it_is_long(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(node_log, "_INTERVAL_S", 0.05)
    env = jobs.env() | {"PET_NNODES": "2", "PET_NODE_RANK": "1", "LOG_LIMIT_BYTES": "1000"}
    attempt = Attempt.from_env(env | {"PET_MASTER_ADDR": "127.0.0.1", "PET_MASTER_PORT": "29400"})
    name = f"attempt-{attempt.number}.node-1.log"
    log = OutputLog(tmp_path / "attempt.log")
    store = FailsFirst(ObjectStore(attempt, threading.Event()))
    kept = NodeLog(attempt, log, cast("ObjectStore", store), tmp_path)
    kept.start()
    with (tmp_path / "attempt.log").open("ab", buffering=0) as trainer:
        trainer.write(b"first\n")
        wait_until(lambda: name in jobs.kept(env))
        assert jobs.artifact(env, name) == b"first\n"
        trainer.write(b"x" * 994 + b"last\n")
        kept.close()
    assert jobs.artifact(env, name) == (
        b"[trainyard] The first 5 bytes are left out.\n\n" + b"x" * 994 + b"last\n"
    )
    assert [record.message for record in caplog.records] == [
        "The log of this node cannot be stored so far: refused once"
    ]
