"""Names the cause of an attempt's end."""

import signal

from trainer.contract import AttemptError, Cause


def exit_reason(
    code: int,
    *,
    failure: AttemptError | None,
    kernel_killed: bool,
    is_done: bool,
    is_stopped: bool,
    last_line: str,
) -> tuple[Cause, str]:
    """The cause and a sentence for the user.

    Args:
        code: the trainer's exit code; negative: the signal that killed it.
        failure: what the trainer or its supervisor has found at fault.
        kernel_killed: the kernel has killed a process for memory since the attempt began.
        is_done: exit code 0 means that the training is complete.
        is_stopped: the attempt was asked to stop.
        last_line: of what the trainer printed.
    """
    if failure and failure.cause is not Cause.TRAINER_CRASHED:
        return failure.cause, failure.message
    if kernel_killed and (failure or code == -signal.SIGKILL):
        return Cause.OUT_OF_MEMORY, (
            "The kernel killed the training because memory ran out: lower batch or imgsz, "
            "or give the job more memory."
        )
    if failure:
        return failure.cause, failure.message
    if code == 0 and is_done:
        return Cause.COMPLETED, ""
    if is_stopped or code in {128 + signal.SIGTERM, -signal.SIGTERM}:
        told = "stopped" if is_stopped else "ended by SIGTERM, from an unknown sender,"
        return Cause.PREEMPTED, f"The training was {told} before its end."
    return Cause.TRAINER_CRASHED, _crash_message(code, last_line)


def _crash_message(code: int, last_line: str) -> str:
    if code < 0:
        name = signal.Signals(-code).name
        return f"The trainer was killed by {name}; the end of the log may tell more."
    tail = f" Its last line: {last_line}" if last_line else ""
    return f"The trainer ended with exit code {code}.{tail}"
