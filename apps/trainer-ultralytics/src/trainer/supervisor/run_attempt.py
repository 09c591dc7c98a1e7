"""Makes this process the supervisor of one attempt."""

import logging
import os
import shutil
import sys
from pathlib import Path

from trainer import processes
from trainer.contract import Attempt
from trainer.exit_record import ExitRecord
from trainer.log_format import configure_logging
from trainer.supervisor.output_log import OutputLog
from trainer.supervisor.supervisor import Supervisor, SupervisorOptions

logger = logging.getLogger(__name__)


def run_attempt(attempt: Attempt, options: SupervisorOptions) -> ExitRecord:
    """Run the attempt to its end and leave its exit record in its folder."""
    os.umask(0o077)
    processes.become_subreaper()
    output = OutputLog(options.folder / "attempt.log")
    _redirect_output(output)
    options.work_dir.mkdir()
    record = Supervisor(attempt, options, output).run()
    try:
        record.write(options.folder)
    except OSError:
        logger.exception("How the attempt ended cannot be recorded in %s", options.folder)
    return record


def _redirect_output(output: OutputLog) -> None:
    """Make this process and its children write into the log."""
    sys.stdout.flush()
    sys.stderr.flush()
    output.redirect(1, 2)
    configure_logging()


def fresh_folder(folder: Path) -> Path:
    """An empty folder for an attempt, readable by this user only."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    return folder
