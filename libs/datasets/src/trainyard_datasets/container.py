"""What the container that this process runs in may use."""

import math
from contextlib import suppress
from pathlib import Path


def memory_limit(
    root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> float:
    """Bytes that this process's control groups, version 1 or 2, have together; inf: no limit.

    Args:
        root: where the groups' folders are.
        own: which groups the process is in.
    """
    found = math.inf
    with suppress(OSError):
        for line in own.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            base, name = root, "memory.max"
            if controllers:
                base, name = root / "memory", "memory.limit_in_bytes"
            if controllers and "memory" not in controllers.split(","):
                continue
            # A container may see only its own group, at the root, whatever the path says.
            group = base / path.strip("/")
            for folder in (group, *group.parents):
                with suppress(OSError, ValueError):  # not there, or `max`
                    found = min(found, int((folder / name).read_text()))
    return found
