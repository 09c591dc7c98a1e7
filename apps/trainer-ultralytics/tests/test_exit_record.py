"""The launcher's records, whatever their files hold."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from trainer.exit_record import ExitRecord, read_exit_record
from trainer.launcher.records import Registry
from trainer.processes import start_ticks

GOOD: dict[str, Any] = {"exit_code": 1, "signal": None, "cause": None, "message": "so"}
BAD: list[Any] = [
    GOOD | {"cause": []},
    GOOD | {"message": "x" * 5_000_000},
    GOOD | {"message": None},
    GOOD | {"exit_code": "1"},
    GOOD | {"signal": True},
    GOOD | {"more": 1},
    [],
    None,
]


def attempt_folder(state: Path, **changes: Any) -> Path:
    folder = state / "0123456789ab-1"
    folder.mkdir()
    record = {"job_id": "0123456789ab", "attempt": 1, "pid": 2**22, "ticks": 1, "grace_s": 30}
    record |= changes
    (folder / "record.json").write_text(json.dumps(record))
    return folder


@pytest.mark.parametrize("content", BAD, ids=[str(n) for n in range(len(BAD))])
def test_a_malformed_end_is_the_end_of_a_killed_supervisor(content: Any, tmp_path: Path) -> None:
    folder = attempt_folder(tmp_path)
    (folder / "exit.json").write_text(json.dumps(content))
    [record] = Registry(tmp_path).all()
    listed = record.listing()
    assert (listed["state"], listed["signal"], listed["cause"]) == ("ended", 9, None)
    assert "killed by SIGKILL" in listed["message"]


@pytest.mark.parametrize(
    "changes",
    [
        {"attempt": []},
        {"attempt": "1"},
        {"pid": "1"},
        {"pid": -1},
        {"job_id": "other"},
        {"grace_s": "1"},
    ],
)
def test_a_malformed_record_is_left_alone(changes: dict[str, Any], tmp_path: Path) -> None:
    attempt_folder(tmp_path, **changes)
    assert Registry(tmp_path).all() == []


def test_a_record_has_only_what_the_launcher_writes(tmp_path: Path) -> None:
    attempt_folder(tmp_path, pid=os.getpid(), ticks=start_ticks(os.getpid()), kill_at="soon")
    [record] = Registry(tmp_path).running()
    assert record.kill_at is None


def test_a_long_message_is_cut_when_it_is_written(tmp_path: Path) -> None:
    ExitRecord(1, None, None, "x" * 5_000_000).write(tmp_path)
    found = read_exit_record(tmp_path)
    assert found is not None
    assert found.message == "x" * 2000
