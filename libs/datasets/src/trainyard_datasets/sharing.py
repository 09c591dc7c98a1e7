"""Judges the files of a dataset in two processes, for two cores.

Results come in the order of the files, and are those of one process. Both together keep to the
limits of the one: memory and processor time are divided while there are two.
"""

import contextlib
import gc
import math
import os
import queue
import resource
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Collection, Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn, Protocol, Self, TypeVar

from trainyard_datasets import limits
from trainyard_datasets.files import Batch, Files

# Fewer files are judged before a second process has begun.
_LEAST_FILES = 500
# Batches that wait for the helper, and those in memory because an earlier one is not done.
_ASKED = 2
_PENDING = 8

_DIVIDED = (resource.RLIMIT_AS, resource.RLIMIT_CPU)

R = TypeVar("R")


class Work(Protocol[R]):
    """What is done with each file. It crosses to the other process; its results come back."""

    def do(self, place: int, batch: Batch) -> list[R | None]:
        """Judge a batch, whose first file is the one at `place`; None: `settle` must read it."""

    def settle(self, files: Files, place: int, name: str, found: R | None) -> R:
        """The final result of a file. Called in order, and in the caller's process."""


class _Job:
    def __init__(self, place: int, batch: Batch) -> None:
        self.place = place
        self.batch = batch
        self.results: list[Any] | None = None


def each(
    files: Files, names: Collection[str], head: int | None, work: Work[R]
) -> Iterator[tuple[str, R]]:
    """Each file with its result; of each only the first `head` bytes are read."""
    with contextlib.ExitStack() as stack:
        helper = stack.enter_context(Helper()) if _is_worth_it(len(names)) else None
        for job in _in_order(files.batches(names, head), helper, work):
            for at, name in enumerate(job.batch.names):
                found = job.results[at] if job.results else None
                yield name, work.settle(files, job.place + at, name, found)


def _in_order(batches: Iterator[Batch], helper: "Helper | None", work: Work[Any]) -> Iterator[_Job]:
    pending: deque[_Job] = deque()
    place = 0
    for batch in batches:
        job = _Job(place, batch)
        place += len(batch.names)
        if not batch.is_shareable:  # it is settled while its bytes are there
            yield from _settled(pending, helper, work, least=0)
        if not (helper and batch.is_shareable and helper.ask(job, work)):
            job.results = work.do(job.place, batch)
        pending.append(job)
        yield from _settled(pending, helper, work, least=_PENDING if batch.is_shareable else 0)
    yield from _settled(pending, helper, work, least=0)


def _settled(
    pending: deque[_Job], helper: "Helper | None", work: Work[Any], *, least: int
) -> Iterator[_Job]:
    """Jobs that are done, and as many more as leave at most `least`."""
    while pending:
        if helper:
            helper.collect(wait=pending[0].results is None and len(pending) > least)
        if pending[0].results is None and helper and helper.is_alive:
            if len(pending) <= least:
                return
            continue
        job = pending.popleft()
        if job.results is None:
            job.results = work.do(job.place, job.batch)
        yield job


def _is_worth_it(files: int) -> bool:
    # A fork copies one thread; others may hold locks that then nobody frees.
    return (
        sys.platform == "linux"
        and files > _LEAST_FILES
        and len(os.sched_getaffinity(0)) > 1
        and threading.active_count() == 1
        and _has_memory()
    )


def _has_memory() -> bool:
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return limit == resource.RLIM_INFINITY or limit > 3 * _memory_used() + 2 * limits.HELPER_BYTES


def _memory_used() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


class Helper:
    """A fork of this process that judges what it is asked to; its end does no harm."""

    def __init__(self) -> None:
        self._asked: deque[_Job] = deque()
        self._memory, self._cpu = map(resource.getrlimit, _DIVIDED)
        self._pipe, theirs = Pipe()
        alarm = signal.getitimer(signal.ITIMER_REAL)[0]  # a fork has none
        self.pid = os.fork()
        if self.pid == 0:
            _serve(theirs, self._pipe, alarm)
        theirs.close()
        self.is_alive = True
        used = time.process_time()
        left = (self._cpu[0] - used) / 2
        # What they share counts twice: it stays in the helper where this process changes it.
        memory = _memory_used() + limits.HELPER_BYTES
        _lower(self.pid, resource.RLIMIT_AS, self._memory, memory)
        _lower(self.pid, resource.RLIMIT_CPU, self._cpu, left)
        _lower(0, resource.RLIMIT_AS, self._memory, self._memory[0] - memory)
        _lower(0, resource.RLIMIT_CPU, self._cpu, used + left)
        is_bounded = self._cpu[0] != resource.RLIM_INFINITY
        self._ends_at = used + left * 0.9 if is_bounded else math.inf

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_alive:
            self._end()

    def ask(self, job: _Job, work: Work[Any]) -> bool:
        """Whether it takes the job."""
        self.collect(wait=False)
        if not self.is_alive or len(self._asked) >= _ASKED:
            return False
        try:
            self._pipe.send((work, job.place, job.batch))
        except OSError:
            self._end()
            return False
        self._asked.append(job)
        return True

    def collect(self, *, wait: bool) -> None:
        """Take over results that are there; `wait` for one at least."""
        if self.is_alive and time.process_time() > self._ends_at:
            self._end()  # the time that it has not used is ours
        try:
            while self._asked and (wait or self._pipe.poll()):
                self._asked[0].results = self._pipe.recv()
                self._asked.popleft()
                wait = False
        except (EOFError, OSError):  # whoever asked does it
            self._end()

    def _end(self) -> None:
        self.is_alive = False
        self._asked.clear()
        self._pipe.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        used = os.wait4(self.pid, 0)[2]
        resource.setrlimit(resource.RLIMIT_AS, self._memory)
        _lower(0, resource.RLIMIT_CPU, self._cpu, self._cpu[0] - used.ru_utime - used.ru_stime)


def _serve(pipe: Connection, theirs: Connection, alarm: float) -> NoReturn:
    """The helper's process: does the jobs that come, until nobody sends any."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.setitimer(signal.ITIMER_REAL, alarm)
        theirs.close()
        gc.freeze()  # what it has in common with its parent stays so
        # Always read, for its parent sends before it takes results.
        jobs: queue.Queue[Any] = queue.Queue()
        threading.Thread(target=_receive, args=(pipe, jobs), daemon=True).start()
        while job := jobs.get():
            work, place, batch = job
            pipe.send(_done(work, place, batch))
    finally:
        os._exit(0)


def _receive(pipe: Connection, jobs: "queue.Queue[Any]") -> None:
    try:
        while True:
            jobs.put(pipe.recv())
    finally:  # nobody sends any more, or the memory is used up
        os._exit(0)


def _done(work: Work[Any], place: int, batch: Batch) -> list[Any]:
    try:
        return work.do(place, batch)
    except MemoryError:  # its parent has more
        return [None] * len(batch.names)


def _lower(pid: int, kind: int, was: tuple[int, int], value: float) -> None:
    if was[0] != resource.RLIM_INFINITY:
        resource.prlimit(pid, kind, (max(1, min(was[0], int(value))), was[1]))
