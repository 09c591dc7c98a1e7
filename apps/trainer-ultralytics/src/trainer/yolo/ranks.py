"""Several processes that train together: starts those of this machine, and says which failed first.

Each is a rank of torch.distributed: one for each GPU of the job, or, on CPUs, as many as its config
asks for. They are fresh processes, for Ultralytics takes its rank from the environment when it is
imported. On several machines (nodes) each starts its own. docs/adr/0036 says why no agent of torchrun
stands between.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from trainer.contract import Attempt, AttemptError, Cause
from trainer.messages import FINISH_SIGNAL, StartMessage
from trainer.yolo.stop_signal import Stopped

_POLL_S = 0.05
# A rank that fails takes the others' connections with it: its own words may come after theirs.
_SETTLE_S = 5.0
_LEAVE_S = 5.0
_LINE_BYTES = 65_536
# What each rank says alike, of all of them or of another one.
_EVERYBODYS = {Cause.CONFIG_INVALID, Cause.DATASET_INVALID, Cause.STALLED}


def count(attempt: Attempt) -> int:
    """How many processes train together on a machine: one for each of its GPUs, else the config's `ranks`."""
    return attempt.gpus if attempt.gpus > 1 else int(attempt.config.get("ranks") or 1)


class PeersLostError(AttemptError):
    """Only the loss of ranks of another node is known here; that node knows more."""


def train_together(attempt: Attempt, work_dir: Path, start: StartMessage, events_fd: int) -> None:
    """Train in this node's processes until all have ended well; the first of all reports to `events_fd`.

    Raises:
        AttemptError: a rank has failed; the message names the one that was first.
        Stopped: SIGTERM came, and all of them have left.
    """
    folder = work_dir / "ranks"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    # Else it would end a rank that does not handle it yet; it is sent again.
    signal.signal(FINISH_SIGNAL, signal.SIG_IGN)
    group = [_Rank(attempt, number, folder, start, events_fd) for number in range(count(attempt))]
    stopping = threading.Event()

    def forward(number: int, _: Any) -> None:
        if number == signal.SIGTERM:
            stopping.set()
        _signal(group, number)

    for number in (signal.SIGTERM, FINISH_SIGNAL):
        signal.signal(number, forward)
    try:
        _wait(group, stopping)
    finally:
        _end(group)
    if stopping.is_set():
        raise Stopped
    if failures := [rank.failure() for rank in group if rank.has_failed()]:
        first = min(failures, key=lambda failure: (failure.is_echo, failure.at))
        if first.is_echo and attempt.nodes > 1:
            if stopping.wait(_SETTLE_S):  # the node that knows more speaks first
                raise Stopped
            raise PeersLostError(first.error.cause, first.error.message)
        raise first.error


class _Failure:
    """Why a rank failed, and when; an echo is the loss of a rank that failed before."""

    def __init__(self, error: AttemptError, at: float, *, is_echo: bool) -> None:
        self.error = error
        self.at = at
        self.is_echo = is_echo


class _Rank:
    """One of the processes."""

    def __init__(
        self, attempt: Attempt, local: int, folder: Path, start: StartMessage, events_fd: int
    ) -> None:
        here = count(attempt)
        number, of = attempt.node * here + local, attempt.nodes * here
        places = [f"node {attempt.node}"] if attempt.nodes > 1 else []
        places += [f"GPU {local}"] if attempt.gpus > 1 else []
        self._name = f"Rank {number} of {of}" + (f" ({', '.join(places)})" if places else "")
        self._among_nodes = attempt.nodes > 1
        self._told = folder / f"failure-{number}.json"
        self._ended_at: float | None = None
        cores = len(os.sched_getaffinity(0))
        env = {
            "RANK": str(number),
            "LOCAL_RANK": str(local),
            "WORLD_SIZE": str(of),
            "LOCAL_WORLD_SIZE": str(here),
            "OMP_NUM_THREADS": str(max(1, cores // here)),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "PYTHONUNBUFFERED": "1",
        }
        if attempt.nodes == 1:
            # Peers have no password: they meet in a file, and talk on the loopback only.
            env |= {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}
        command = [sys.executable, "-m", "trainer.yolo.rank"]
        command += [json.dumps(start), str(folder), str(events_fd)]
        self.process = subprocess.Popen(
            command,
            env=os.environ | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(events_fd,),
        )
        self._printer = threading.Thread(
            target=_prefix_lines, args=(self.process.stdout, f"[rank {number}] ".encode())
        )
        self._printer.daemon = True
        self._printer.start()

    def has_failed(self) -> bool:
        """Whether it has ended, and not well; the first call after its end notes when."""
        code = self.process.poll()
        if code is not None and self._ended_at is None:
            self._ended_at = time.time()
        return bool(code)

    def failure(self) -> _Failure:
        """Why it has failed: in its own words, else by its exit code."""
        at = self._ended_at or time.time()
        try:
            told = json.loads(self._told.read_text())
            cause, message = Cause(told["cause"]), told["message"]
            named = message if cause in _EVERYBODYS else f"{self._name}: {message}"
            if told["is_echo"] and self._among_nodes:
                named = f"{self._name} lost a rank of another node, of which nothing more is known."
            return _Failure(AttemptError(cause, named), told["at"], is_echo=told["is_echo"])
        except (OSError, ValueError):
            code = self.process.returncode
        how = (
            f"was killed by {signal.Signals(-code).name}"
            if code < 0
            else f"ended with exit code {code}"
        )
        message = f"{self._name} {how}; the end of the log may tell more."
        return _Failure(AttemptError(Cause.TRAINER_CRASHED, message), at, is_echo=False)

    def drain(self) -> None:
        """Wait until what it printed is in the log."""
        self._printer.join(1.0)


def _wait(group: Sequence[_Rank], stopping: threading.Event) -> None:
    """Until all have ended, or one has failed and it is known which was the first."""
    first: float | None = None
    while any(rank.process.poll() is None for rank in group):
        failed = [rank for rank in group if rank.has_failed()]
        if failed and not stopping.is_set():
            first = first or time.monotonic()
            late = time.monotonic() - first > _SETTLE_S
            if late or not all(rank.failure().is_echo for rank in failed):
                return
        time.sleep(_POLL_S)


def _end(group: Sequence[_Rank]) -> None:
    """Let the ranks that are left save what they hold, and end them."""
    for rank in group:
        rank.has_failed()  # before others are made to end
    _signal(group, signal.SIGTERM)
    deadline = time.monotonic() + _LEAVE_S
    for rank in group:
        try:
            rank.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            rank.process.kill()
            rank.process.wait()
        rank.drain()


def _signal(group: Sequence[_Rank], number: int) -> None:
    for rank in group:
        rank.process.send_signal(number)


_printing = threading.Lock()


def _prefix_lines(lines: IO[bytes], prefix: bytes) -> None:
    """Print each line with its rank; of a longer line each part has it."""
    while line := lines.readline(_LINE_BYTES):
        text = re.sub(rb"\r(?!\n)", b"\n" + prefix, line)
        with _printing:
            sys.stdout.buffer.write(prefix + text)
            sys.stdout.buffer.flush()
