"""Which cause an attempt's end is given."""

import signal
from typing import Any

import pytest
from trainer.contract import AttemptError, Cause
from trainer.supervisor.exit_reason import exit_reason

CRASH = AttemptError(Cause.TRAINER_CRASHED, "found")
CONFIG = AttemptError(Cause.CONFIG_INVALID, "found")
KILLED = -signal.SIGKILL


@pytest.mark.parametrize(
    ("code", "facts", "cause", "words"),
    [
        (0, {"is_done": True}, Cause.COMPLETED, ""),
        (0, {"is_done": True, "is_stopped": True}, Cause.COMPLETED, ""),
        (0, {}, Cause.TRAINER_CRASHED, "exit code 0. Its last line: the end"),
        (1, {"is_done": True}, Cause.TRAINER_CRASHED, "exit code 1. Its last line: the end"),
        (KILLED, {}, Cause.TRAINER_CRASHED, "SIGKILL"),
        (143, {}, Cause.PREEMPTED, "SIGTERM"),
        (-signal.SIGTERM, {}, Cause.PREEMPTED, "SIGTERM"),
        (143, {"failure": CRASH}, Cause.TRAINER_CRASHED, "found"),
        (KILLED, {"is_stopped": True}, Cause.PREEMPTED, "stopped"),
        (KILLED, {"kernel_killed": True, "is_stopped": True}, Cause.OUT_OF_MEMORY, "kernel"),
        (1, {"kernel_killed": True}, Cause.TRAINER_CRASHED, "exit code 1"),
        (1, {"kernel_killed": True, "failure": CRASH}, Cause.OUT_OF_MEMORY, "kernel"),
        (1, {"kernel_killed": True, "failure": CONFIG}, Cause.CONFIG_INVALID, "found"),
        (1, {"failure": CRASH, "is_stopped": True}, Cause.TRAINER_CRASHED, "found"),
    ],
)
def test_cause(code: int, facts: dict[str, Any], cause: Cause, words: str) -> None:
    defaults: dict[str, Any] = {
        "failure": None,
        "kernel_killed": False,
        "is_done": False,
        "is_stopped": False,
    }
    found, message = exit_reason(code, **(defaults | facts), last_line="the end")
    assert found is cause
    assert words in message
