"""Processes by pid and start time: find one again, end one, measure its memory."""

import contextlib
from collections.abc import Callable, Sequence

import psutil

GRACE_S = 10.0  # from SIGTERM to SIGKILL


def find(pid: int, started: float) -> psutil.Process | None:
    """Return the living process with this pid and start time; None if the pid was reused.

    Args:
        pid: process id.
        started: start time in seconds since the epoch, as psutil gives it.
    """
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < 1
        alive = same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None
    return process if alive else None


def end(process: psutil.Process, *, children: bool, grace_s: float = GRACE_S) -> None:
    """End a process: SIGTERM, then SIGKILL after the grace.

    psutil compares start times before it signals, so a reused pid is safe.

    Args:
        process: the process.
        children: whether its descendants end with it.
        grace_s: seconds from SIGTERM to SIGKILL.
    """
    family = _descendants(process) if children else []
    for signalled in (process, *family):
        _signal(signalled.terminate)
    _, alive = psutil.wait_procs([process, *family], timeout=grace_s)
    for survivor in alive:
        _signal(survivor.kill)
    psutil.wait_procs(alive, timeout=GRACE_S)


def kill(process: psutil.Process) -> None:
    """Kill a process and none of its children."""
    _signal(process.kill)
    psutil.wait_procs([process], timeout=GRACE_S)


def memory(process: psutil.Process) -> int:
    """Return the resident bytes of a process and its descendants."""
    total = 0
    for member in (process, *_descendants(process)):
        try:
            total += member.memory_info().rss
        except psutil.Error:
            continue
    return total


def listens(process: psutil.Process, port: int) -> bool:
    """Return whether a process or a descendant of it listens on this TCP port."""
    for member in (process, *_descendants(process)):
        try:
            found = member.net_connections("tcp")
        except psutil.Error:
            continue
        if any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in found):
            return True
    return False


def _descendants(process: psutil.Process) -> Sequence[psutil.Process]:
    try:
        found: list[psutil.Process] = process.children(recursive=True)
    except psutil.Error:
        return []
    return found


def _signal(send: Callable[[], None]) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        send()
