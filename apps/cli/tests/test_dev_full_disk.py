"""`yard dev` on a disk without space: what it says at its start, and later."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import wait_for
from small_disk import small_file_system
from yard.dev import probes
from yard.dev.service_runner import ServiceRunner
from yard.dev.service_stack import ServiceStack
from yard.dev.services import Service, plan
from yard.dev.state_folder import StateFolder


@pytest.fixture
def small_disk(state: StateFolder) -> Iterator[StateFolder]:
    with small_file_system(state.root):
        yield StateFolder(state.root)


def _fill(state: StateFolder, left: int) -> None:
    with contextlib.suppress(OSError), (state.root / "rest").open("wb", buffering=0) as rest:
        while rest.write(bytes(1 << 16)):
            pass
    os.truncate(state.root / "rest", (state.root / "rest").stat().st_size - left)


@pytest.mark.parametrize("left", [0, 30 << 20])
def test_a_full_disk_is_told_at_the_start(small_disk: StateFolder, left: int) -> None:
    _fill(small_disk, left)
    started = subprocess.run(
        [Path(sys.executable).with_name("yard"), "dev", "--state", small_disk.root],
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert started.returncode == 6
    assert f"the disk of {small_disk.root} is full" in started.stderr
    assert f"{left >> 20} MiB of it are free" in started.stderr
    assert not list(small_disk.logs.iterdir())


def test_a_service_starts_again_on_a_disk_that_has_become_full(small_disk: StateFolder) -> None:
    told: list[str] = []
    # It would run for ten minutes: the test kills it.
    service = Service("web", [sys.executable, "-c", "import time; time.sleep(600)"], lambda: "")
    stack = ServiceStack(small_disk, [service], told.append)
    [runner] = stack.runners
    runner.start()
    wait_for(lambda: runner.state == "ready", 60)
    _fill(small_disk, 0)
    assert runner.process
    runner.process.kill()
    wait_for(lambda: runner.restarts == 1 and runner.state == "ready", 60)
    runner.stop(5)
    assert "No space left on device" in "".join(told)


def test_a_small_disk_stores_until_it_is_full_and_that_is_told(small_disk: StateFolder) -> None:
    told: list[str] = []
    store = plan(small_disk, port=None, mlflow=False)[1]
    runner = ServiceRunner(store, small_disk.log("store"), lambda _: None, told.append)
    runner.start()
    wait_for(lambda: runner.state == "ready", 60)
    # Each bucket takes a volume. By its default SeaweedFS has eight, and later as many as would
    # fit if all became full: none on a disk as small as this one.
    port = next(option for option in store.command if option.startswith("-s3.port=")).split("=")[1]
    for number in range(12):
        object_url = f"http://127.0.0.1:{port}/bucket-{number}/object"
        assert not probes.write_object(object_url, small_disk.store_keys())
    _fill(small_disk, 0)
    wait_for(lambda: len(told) > 1, 60)
    runner.stop(5)
    assert told[1].startswith("store: it stores nothing: ")
    assert f"the disk of {small_disk.root} is full; 0 MiB of it are free" in told[1]
