"""When the log is sent."""

import threading
import time
from pathlib import Path

import pytest
from conftest import Jobs
from launching import wait_until
from stand_in import Backend
from trainer.contract import Attempt
from trainer.supervisor import log_shipper
from trainer.supervisor.backend_client import BackendClient
from trainer.supervisor.log_shipper import LogShipper
from trainer.supervisor.output_log import OutputLog


@pytest.mark.parametrize(
    ("interval_s", "max_behind_bytes", "waits"),
    [
        (None, 1 << 20, False),  # an older backend
        (0, 1 << 20, False),
        (600, 1 << 20, True),
        (600, 1, False),  # waiting would lose what is printed
    ],
)
def test_a_busy_backend_gets_fewer_parts_of_the_log_and_all_of_it(
    *,
    interval_s: float | None,
    max_behind_bytes: int,
    waits: bool,
    tmp_path: Path,
    jobs: Jobs,
    backend: Backend,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_shipper, "_MAX_BEHIND_BYTES", max_behind_bytes)
    monkeypatch.setattr(log_shipper, "_POLL_S", 0.01)
    backend.log_interval_s = interval_s
    client = BackendClient(Attempt.from_env(jobs.env()))
    path = tmp_path / "attempt.log"
    output = OutputLog(path)
    shipper = LogShipper(output, client, threading.Event(), lambda: None, lambda: None)
    shipper.start()
    printed = b""
    for number in range(4):
        line = b"line %d\n" % number
        with path.open("ab") as trainer:
            trainer.write(line)
        printed += line
        if waits and number:
            time.sleep(0.05)
        else:
            wait_until(lambda: backend.log == printed)  # noqa: B023
    shipper.close()
    shipper.join(60)
    assert backend.log == printed
    assert len(backend.log_parts) == (2 if waits else 4)


def test_a_flood_is_sent_at_a_pace(
    tmp_path: Path, jobs: Jobs, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the trainer prints: the backend writes, prints and shows it for all jobs."""
    monkeypatch.setattr(log_shipper, "_BYTES_PER_S", 50_000)
    path = tmp_path / "attempt.log"
    path.write_bytes(b"x" * 100_000)
    output = OutputLog(path)
    client = BackendClient(Attempt.from_env(jobs.env()))
    shipper = LogShipper(output, client, threading.Event(), lambda: None, lambda: None)
    shipper.start()
    wait_until(lambda: backend.log)
    begun = time.monotonic()
    with path.open("ab") as trainer:
        trainer.write(b"y")
    wait_until(lambda: len(backend.log_parts) > 1)
    assert time.monotonic() - begun > 1
    shipper.close()
    shipper.join(60)
