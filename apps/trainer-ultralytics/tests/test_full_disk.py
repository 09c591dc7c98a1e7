"""A disk that fills up: nobody hangs, and a sentence says it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from conftest import MODELS_BUCKET, Jobs
from launching import Launcher, wait_until
from small_disk import small_file_system
from stand_in import Backend

FULL = "The disk is full, probably that of "
# Ends well when it is told to, whatever became of its output.
TOLERANT = """
import os, time
from pathlib import Path
number = 0
while not Path(SIGNAL).exists():
    number += 1
    try:
        os.write(1, b"line %d\\n" % number + b"." * 8192)
    except OSError:
        pass
    time.sleep(0.01)
"""


@pytest.fixture
def disk(launcher: Launcher) -> Iterator[Path]:
    """A small file system, with the state folder of the launcher."""
    with small_file_system(launcher.folder / "state", "size=256m") as folder:
        yield folder


def fill(disk: Path, left: int = 0) -> None:
    with suppress(OSError), (disk / "rest").open("wb", buffering=0) as rest:
        while rest.write(b"x" * 4096):
            pass
    with (disk / "rest").open("r+b") as rest:
        rest.truncate((disk / "rest").stat().st_size - left)


def test_a_launch_that_cannot_be_recorded_is_refused(
    launcher: Launcher, jobs: Jobs, disk: Path
) -> None:
    fill(disk)
    env = jobs.env()
    refused = launcher.launch(env, [sys.executable, "-c", ""])
    assert (refused["ok"], FULL + str(disk) in refused["error"]) == (False, True)
    assert sorted(path.name for path in disk.iterdir()) == ["rest"]
    (disk / "rest").unlink()
    assert launcher.launch(env, [sys.executable, "-c", ""])["ok"]
    assert launcher.wait_ended(env["JOB_ID"])["exit_code"] == 0


def test_a_launcher_that_can_keep_nothing_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    words = ["--socket", str(tmp_path / "socket"), "--state", str(folder)]
    with small_file_system(tmp_path, "nr_inodes=1"):
        run = subprocess.run(
            [sys.executable, "-m", "trainer", "launcher", *words],
            check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert run.returncode == 1
    assert run.stderr == (
        f"launcher: Cannot keep anything in {folder} ([Errno 28] No space left on device: "
        f"'{folder}'): free some space, or choose another --state.\n"
    )


def test_a_supervisor_that_cannot_begin_is_a_failed_launch(
    launcher: Launcher, jobs: Jobs, disk: Path
) -> None:
    fill(disk, left=4096)  # enough for the launcher's own record
    env = jobs.env()
    assert launcher.launch(env, [sys.executable, "-c", ""])["ok"]
    ended = launcher.wait_ended(env["JOB_ID"])
    assert ended["cause"] == "launch_failed"
    assert ended["message"].startswith(FULL + str(disk))


def test_the_log_says_why_it_has_a_gap(
    launcher: Launcher, jobs: Jobs, backend: Backend, disk: Path, tmp_path: Path
) -> None:
    env = jobs.env()
    end = tmp_path / "end"
    launcher.launch(env, [sys.executable, "-c", TOLERANT.replace("SIGNAL", repr(str(end)))])
    wait_until(lambda: b"line 2" in backend.log)
    fill(disk)
    wait_until(lambda: FULL.encode() in backend.log)
    (disk / "rest").unlink()
    size = len(backend.log)
    wait_until(lambda: len(backend.log) > size)
    end.touch()
    launcher.wait_ended(env["JOB_ID"])
    assert backend.finish["cause"] == "completed"
    assert backend.log.count(FULL.encode()) == 1


def test_a_training_ends_in_words_and_keeps_its_stored_checkpoint(
    launcher: Launcher, jobs: Jobs, backend: Backend, disk: Path, s3: Any
) -> None:
    env = jobs.env(epochs=200)
    launcher.launch(env)

    def stored() -> list[Any]:
        found = s3.list_objects_v2(Bucket=MODELS_BUCKET, Prefix=env["JOB_ID"])
        return list(found.get("Contents", []))

    wait_until(lambda: stored() or backend.finish)
    assert not backend.finish
    fill(disk)
    launcher.wait_ended(env["JOB_ID"])
    assert backend.finish["cause"] == "trainer_crashed"
    assert backend.finish["message"].startswith(FULL)
    assert stored()
