"""Process trees on Linux: finding, killing, reaping and measuring them."""

import ctypes
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl failed")


def become_subreaper() -> None:
    """Make orphaned descendants children of this process from now on, not of init."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent: int) -> None:
    """SIGKILL this process when its parent `parent` dies, or now if it has died already."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def start_ticks(pid: int) -> int | None:
    """When `pid` was started, in clock ticks since boot; None where there is no such process.

    Pid and start together identify a process: pids are reused, this pair is not.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def descendants(pid: int, *, recursive: bool = True) -> list[psutil.Process]:
    """Every living process below `pid`, without `pid` itself."""
    try:
        tree = psutil.Process(pid).children(recursive=recursive)
    except psutil.NoSuchProcess:
        return []
    return [process for process in tree if _alive(process)]


def of_attempt(job_id: str, attempt: int) -> list[psutil.Process]:
    """Processes that were started with this attempt's environment, whatever their parent is now."""
    want = {f"JOB_ID={job_id}".encode(), f"ATTEMPT={attempt}".encode()}
    found = []
    for process in psutil.process_iter():
        try:
            env = Path(f"/proc/{process.pid}/environ").read_bytes()
        except OSError:
            continue
        if want <= set(env.split(b"\0")) and process.pid != os.getpid():
            found.append(process)
    return found


def kill_all(processes: Iterable[psutil.Process]) -> int:
    """SIGKILL each process; returns how many there were."""
    count = 0
    for process in processes:
        count += 1
        try:
            process.kill()
        except psutil.Error:
            continue
    return count


def kill_own_tree() -> None:
    """SIGKILL every descendant of this process and reap it, until none is left."""
    while kill_all(descendants(os.getpid())):
        reap()
        time.sleep(0.01)
    reap()


def reap() -> dict[int, int]:
    """Reap the children that have ended; returns pid to wait status."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = status


def tree_rss(pid: int) -> int:
    """Resident bytes of all processes below `pid`; shared pages count once for each process."""
    total = 0
    for process in descendants(pid):
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return total


def tree_cpu_s(pid: int) -> float:
    """CPU seconds of all processes below `pid`, and of those that they have reaped."""
    total = 0.0
    for process in descendants(pid):
        try:
            total += sum(process.cpu_times()[:4])  # user and system, its own and its children's
        except psutil.Error:
            continue
    return total


def tree_memory_exceeds(pid: int, limit: int) -> bool:
    """Whether the processes below `pid` hold more than `limit` bytes; shared pages count once.

    The exact count is expensive: it is taken only if the cheap one, which is never lower, exceeds.
    """
    if tree_rss(pid) <= limit:
        return False
    total = 0
    for process in descendants(pid):
        try:
            rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next(int(line.split()[1]) for line in rollup.splitlines() if line[:4] == "Pss:")
    return total * 1024 > limit


def oom_kills() -> int:
    """How many processes the kernel has killed for memory in this cgroup; without cgroups, anywhere."""
    root = Path("/sys/fs/cgroup")
    counters = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            counters += [root / path.lstrip("/") / "memory.events", root / "memory.events"]
        elif "memory" in controllers.split(","):
            folder = root / "memory"
            counters += [folder / path.lstrip("/") / "memory.oom_control"]
            counters += [folder / "memory.oom_control"]
    found = [count for count in map(_counter, counters) if count is not None]
    return sum(found) if found else _counter(Path("/proc/vmstat")) or 0


def _counter(path: Path) -> int | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)


def _alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
