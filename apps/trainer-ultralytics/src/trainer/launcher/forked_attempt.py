"""What a fork of the launcher does: it becomes the supervisor of one attempt."""

import os
from pathlib import Path

from trainer.contract import Attempt
from trainer.launcher.launch_request import LaunchRequest
from trainer.supervisor.run_attempt import run_attempt
from trainer.supervisor.supervisor import SupervisorOptions


def run(request: LaunchRequest, folder: Path) -> int:
    """Supervise the attempt in this process; returns the exit code."""
    options = SupervisorOptions(
        folder,
        command=None if request.own_work else request.command,
        work=request.own_work or "train",
        memory_bytes=request.memory_bytes,
    )
    return run_attempt(Attempt.from_env(os.environ), options).exit_code or 0
