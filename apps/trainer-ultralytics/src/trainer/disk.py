"""The disk of an attempt's files."""

import errno
import os
from pathlib import Path

_NO_SPACE_BYTES = 64 << 10


def full_disk(folder: Path, disk: os.statvfs_result, said: str = "") -> str:
    """What to tell of the disk that holds `folder`, or of one that `said` names; empty if none is full."""
    free_bytes = disk.f_bavail * disk.f_frsize
    if free_bytes >= _NO_SPACE_BYTES and os.strerror(errno.ENOSPC) not in said:
        return ""
    return f"The disk is full, probably that of {folder}: free some space and retry the job. "
