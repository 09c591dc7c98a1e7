"""A disk that is soon full, for tests of what happens then."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_file_system(folder: Path, size: str = "size=100m", mode: str = "700") -> Iterator[Path]:
    """A file system of its own at `folder`, which is soon full; without it the test is skipped."""
    mount = ["mount", "-t", "tmpfs", "-o", f"{size},mode={mode}", "tmpfs", str(folder)]
    done = subprocess.run(mount, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(
            f"this user cannot mount a small disk ({done.stderr.splitlines()[0]}); run it as root, or so: "
            "unshare --map-root-user --mount .venv/bin/python -m pytest -k 'disk or keep_nothing'"
        )
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
