"""Makes this process the supervisor of one attempt."""

import logging
import os
import shutil
import sys
from pathlib import Path

from trainer import processes
from trainer.contract import Attempt
from trainer.exit_record import ExitRecord
from trainer.supervisor.supervisor import Supervisor, SupervisorOptions


def supervise(attempt: Attempt, options: SupervisorOptions) -> ExitRecord:
    """Run the attempt to its end and leave its exit record in the work folder."""
    os.umask(0o077)
    processes.become_subreaper()
    log_path = options.work_dir / "attempt.log"
    _redirect_output(log_path)
    os.chdir(options.work_dir)
    record = Supervisor(attempt, options, log_path).run()
    record.write(options.work_dir)
    return record


def _redirect_output(log_path: Path) -> None:
    """Make this process and its children write into the log."""
    sys.stdout.flush()
    sys.stderr.flush()
    fd = os.open(log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(fd)
    logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.WARNING, force=True)
    logging.getLogger("trainer").setLevel(logging.INFO)


def fresh_work_dir(work_dir: Path) -> Path:
    """An empty folder for an attempt, readable by this user only."""
    shutil.rmtree(work_dir, ignore_errors=True)
    work_dir.mkdir(mode=0o700, parents=True)
    return work_dir
