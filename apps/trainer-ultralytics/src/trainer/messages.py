"""Messages between the supervisor and the training process."""

import signal
from typing import Any, NotRequired, Protocol, TypedDict

# To the training process: end well after the current epoch.
FINISH_SIGNAL = signal.SIGUSR1

# What this trainer does with an attempt: `python -m trainer run WORK`.
WORKS = ("train", "evaluate", "export", "predict")
# Needs no dataset: none is fetched.
PREDICT = "predict"


class StartMessage(TypedDict):
    """What the supervisor tells the training process once everything is prepared.

    `work` is one of WORKS; `data` is the dataset's folder, or one that is not there where the work needs none; `weights` is the file to start from, None where the job names
    none or has a checkpoint; `resume_after` is the epoch, counted from 0, that the restored
    checkpoint has finished, None where there is none.
    """

    work: NotRequired[str]
    data: str
    weights: str | None
    resume_after: int | None


class Report(Protocol):
    """Sends an event to the supervisor."""

    def __call__(self, event: str, **fields: Any) -> None: ...
