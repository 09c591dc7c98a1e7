"""Two processes find what one finds, whatever becomes of the second."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import archives
import pytest
from bad_datasets import Case
from imperfect_datasets import WARNINGS
from trainyard_datasets import images, limits, sharing, source
from trainyard_datasets.archive import Archive
from trainyard_datasets.check import check_files
from trainyard_datasets.files import Files
from trainyard_datasets.folder import Folder


@pytest.fixture
def helpers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[sharing.Helper]]:
    """The second processes that there were; batches are small, for more of them."""
    begun: list[sharing.Helper] = []

    class Known(sharing.Helper):
        def __init__(self) -> None:
            super().__init__()
            begun.append(self)

    monkeypatch.setattr(sharing, "Helper", Known)
    monkeypatch.setattr(sharing, "_is_worth_it", lambda _: True)
    monkeypatch.setattr(source, "_MOST_FILES", 3)
    yield begun
    for helper in begun:
        with pytest.raises(ProcessLookupError):
            os.kill(helper.pid, 0)


def found(files: Files, task: str) -> tuple[Any, bytes]:
    check, index = check_files(files, task), io.BytesIO()
    if check.accepted:
        check.write_index(index)
    return check.report(), index.getvalue()


def zipped(case_files: dict[str, bytes]) -> Archive:
    data = archives.zipped(case_files)
    return Archive(io.BytesIO(data), len(data))


def alone_and_shared(
    data: bytes, task: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[tuple[Any, bytes], tuple[Any, bytes]]:
    shared = found(Archive(io.BytesIO(data), len(data)), task)
    with monkeypatch.context() as patch:
        patch.setattr(sharing, "_is_worth_it", lambda _: False)
        return found(Archive(io.BytesIO(data), len(data)), task), shared


@pytest.mark.parametrize("case", WARNINGS, ids=lambda case: case.name)
def test_imperfect_sets(
    case: Case, helpers: list[sharing.Helper], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, shared = alone_and_shared(case.archive(), case.task, monkeypatch)
    assert shared == alone
    assert helpers


@pytest.mark.parametrize("pixels", [0, 5_000, 20_000, 10**9])
def test_the_budget_ends_at_the_same_image(
    pixels: int, helpers: list[sharing.Helper], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DECODED_PIXELS", pixels)
    files = archives.files(train=30)
    sound, broken = archives.picture("PNG"), bytearray(archives.picture("BMP")[:-900])
    for number in range(40):
        image = bytes(broken) if number % 3 == 0 else sound
        files[f"images/train/x{number}.png"] = image
    alone, shared = alone_and_shared(archives.zipped(files), "detect", monkeypatch)
    assert shared == alone
    assert "decoded to their end" in json.dumps(alone[0]) or pixels == 10**9


@pytest.mark.usefixtures("helpers")
def test_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = archives.files(train=250) | {"images/train/7.jpg": b"no picture"}
    folder = Folder(archives.unpacked(files, tmp_path))
    shared = found(folder, "detect")
    monkeypatch.setattr(sharing, "_is_worth_it", lambda _: False)
    assert shared == found(folder, "detect")


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGXCPU])
def test_a_helper_that_ends_early(
    end: signal.Signals, helpers: list[sharing.Helper], monkeypatch: pytest.MonkeyPatch
) -> None:
    us, judge = os.getpid(), images.judge

    def deadly(data: bytes, **options: bool) -> images.Judged:
        if os.getpid() != us:
            os.kill(os.getpid(), end)
        return judge(data, **options)

    monkeypatch.setattr(images, "judge", deadly)
    files = archives.files(train=40)
    alone, shared = alone_and_shared(archives.zipped(files), "detect", monkeypatch)
    assert shared == alone
    assert len(helpers) == 2


@pytest.mark.usefixtures("helpers")
def test_a_helper_without_memory_leaves_the_file_to_its_parent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    us, judge = os.getpid(), images.judge

    def exhausted(data: bytes, **options: bool) -> images.Judged:
        if os.getpid() != us:
            raise MemoryError
        return judge(data, **options)

    monkeypatch.setattr(images, "judge", exhausted)
    alone, shared = alone_and_shared(
        archives.zipped(archives.files(train=40)), "detect", monkeypatch
    )
    assert shared == alone


def printed(program: str) -> list[int]:
    """What it prints, in a process of its own: limits end with it."""
    head = "import os, resource as r, signal; from trainyard_datasets import sharing\n"
    run = [sys.executable, "-c", head + program]
    return list(
        map(int, subprocess.run(run, check=True, capture_output=True, timeout=60).stdout.split())
    )


def test_limits_hold_for_both_together() -> None:
    ours, helpers, our_cpu, helpers_cpu, after, cpu_after = printed(
        "for kind in sharing._DIVIDED: r.setrlimit(kind, (2**40, 2**40))\n"
        "with sharing.Helper() as helper:\n"
        "  for kind in sharing._DIVIDED: print(*(r.prlimit(p, kind)[0] for p in (0, helper.pid)))\n"
        "for kind in sharing._DIVIDED: print(r.getrlimit(kind)[0])\n"
    )
    assert ours + helpers == 2**40
    assert limits.HELPER_BYTES < helpers < 2 * limits.HELPER_BYTES
    assert our_cpu + helpers_cpu <= 2**40
    assert after == 2**40
    assert 2**40 - 60 < cpu_after <= 2**40


def test_the_parent_takes_over_the_time_of_a_helper_without_work() -> None:
    alive, left = printed(
        "r.setrlimit(r.RLIMIT_CPU, (1000, 1000)); helper = sharing.Helper()\n"
        "sharing.time.process_time = lambda: 499; helper.collect(wait=False)\n"
        "print(int(helper.is_alive), r.getrlimit(r.RLIMIT_CPU)[0])\n"
    )
    assert not alive
    assert left > 990


def test_the_alarm_ends_a_helper_too() -> None:
    assert printed(
        "signal.setitimer(signal.ITIMER_REAL, 1); helper = sharing.Helper()\n"
        "signal.setitimer(signal.ITIMER_REAL, 0); print(os.waitpid(helper.pid, 0)[1])\n"
    ) == [signal.SIGALRM]


def test_a_helper_without_memory_for_a_job_ends() -> None:
    assert printed(
        "def exhaust(): raise MemoryError\n"
        "class Large:\n  def __reduce__(self): return exhaust, ()\n"
        "with sharing.Helper() as helper:\n"
        "  helper.ask(sharing._Job(0, Large()), None); helper.collect(wait=True)\n"
        "  print(int(helper.is_alive))\n"
    ) == [0]


@pytest.mark.parametrize(("cores", "helped"), [({0}, False), ({0, 1}, True)])
def test_one_core_needs_one_process(
    cores: set[int], helped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: cores)
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    assert sharing._is_worth_it(10_000) is helped


def test_a_helper_ends_with_its_parent() -> None:
    program = (
        "import os; from trainyard_datasets import sharing\n"
        "print(sharing.Helper().pid, flush=True); os.kill(os.getpid(), 9)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        # The helper has the pipe too: its end is the helper's.
        assert parent.stdout.read().strip().isdigit()
        assert parent.wait() == -signal.SIGKILL
