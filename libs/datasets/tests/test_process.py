"""What the check's process can learn of the process that runs it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from trainyard_datasets import process

NOBODY = 65534
# Stands in for the check. Its result is whether it reads what its parent was started with.
THIEF = """#!/bin/sh
read=false; grep -q hidden-here "/proc/$PPID/environ" 2>/dev/null && read=true
printf '{"accepted": false, "read": %s}' $read
"""
RUN = """
import asyncio, json, sys, tempfile
from trainyard_datasets import process
sys.executable, hides = sys.argv[1], sys.argv[2] == "hides"
if not hides:
    process._hide_environment = lambda: None
with tempfile.TemporaryFile() as index:
    print(json.dumps(asyncio.run(process.run_check("http://x", 1, None, "detect", index))))
"""


@pytest.fixture
def thief() -> Iterator[Path]:
    """In a folder that every user can read."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "thief"
        path.write_text(THIEF)
        path.chmod(0o755)
        yield path


@pytest.mark.skipif(sys.platform != "linux", reason="it is Linux that shows /proc")
@pytest.mark.parametrize("how", ["shows", "hides"])
def test_the_check_cannot_read_the_secrets_of_its_parent(thief: Path, how: str) -> None:
    python, user = sys.executable, dict[str, Any]()
    if os.getuid() == 0:  # who may read everything
        found = shutil.which("python3", path="/usr/bin:/usr/local/bin")
        if found is None:
            pytest.skip("there is no Python that another user can run")
        python, user = found, {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    # The checkout may be where that user cannot read.
    package = Path(process.__file__).parent
    shutil.copytree(package, thief.parent / package.name)
    environment = {
        "PYTHONPATH": str(thief.parent),
        "SECRET": "hidden-here",
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run(
        [python, "-c", RUN, str(thief), how], env=environment, cwd="/",
        capture_output=True, text=True, check=False, **user,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["read"] == (how == "shows")
