"""The retry policy: the cause of an ended attempt, whether another follows, and the messages."""

from backend.state.causes import CAUSE_RULES, INFRASTRUCTURE_CAUSES, Cause, Retry
from backend.state.jobs import Attempt, Job
from backend.state.statuses import JobStatus

# Seconds before the second, third, … attempt of a run; the last one goes for all later ones.
RETRY_DELAYS_S = (1, 5, 15)

FINAL_STATUS = {Cause.COMPLETED: JobStatus.SUCCEEDED, Cause.CANCELLED: JobStatus.CANCELLED}


def cause_of(attempt: Attempt) -> Cause:
    """Why the attempt ended.

    If the trainer reported `completed` and exited with 0, it completed: a stop came too late.
    Otherwise the reason of a requested stop outranks what the executor knows for certain, which
    outranks what the trainer reported, which outranks the exit code.
    """
    completed = attempt.reported_cause == Cause.COMPLETED and attempt.exit_code == 0
    if completed and attempt.observed_cause is None:
        return Cause.COMPLETED
    seen = attempt.observed_cause
    # Who has ended well was silent for that. Who is told to leave exits with 143.
    ended_well = attempt.exit_code == 0 and attempt.reported_cause is None and seen is None
    silence_explained = attempt.stop_cause == Cause.HEARTBEAT_LOST and (
        seen == Cause.NODE_LOST or ended_well
    )
    for known in (None if silence_explained else attempt.stop_cause, seen):
        if known not in {None, Cause.COMPLETED}:  # asked to complete it may have ended otherwise
            return Cause(known)
    # 143: 128 + SIGTERM, from an unknown sender; 137: killed, as who does not leave in time.
    # With another code one node crashed, and the one that reports was told to leave for that.
    left = attempt.exit_code in {None, 0, 137, 143}
    reported = attempt.reported_cause or Cause.COMPLETED
    if reported != Cause.COMPLETED and (left or reported != Cause.PREEMPTED):
        return Cause(reported)
    by_code: dict[int | None, Cause] = {0: Cause.COMPLETED, 143: Cause.PREEMPTED}
    return by_code.get(attempt.exit_code, Cause.TRAINER_CRASHED)


def settled_cause(attempt: Attempt) -> Cause:
    """The cause as it was settled, else as it will be."""
    return cause_of(attempt) if attempt.cause is None else Cause(attempt.cause)


def retry_delay(job: Job, attempt: Attempt, cause: Cause, epoch_before: int) -> int | None:
    """Seconds until the next attempt; None: there is none.

    Args:
        job: the job as it stands.
        attempt: its attempt that ended.
        cause: why it ended.
        epoch_before: last epoch that earlier attempts finished, -1 for none.
    """
    rule = CAUSE_RULES[cause].retry
    progressed = _progressed(attempt, epoch_before)
    run = attempt.number - job.uncounted_attempts
    if (
        job.status == JobStatus.CANCELLING
        or rule == Retry.NEVER
        or (rule == Retry.IF_PROGRESSED and not progressed)
        or (run >= job.max_attempts and counts(attempt, cause, epoch_before))
    ):
        return None
    return RETRY_DELAYS_S[min(max(run, 1), len(RETRY_DELAYS_S)) - 1]


def counts(attempt: Attempt, cause: Cause, epoch_before: int) -> bool:
    """Whether the attempt is one of the job's max_attempts; arguments as in `retry_delay`."""
    # Of a launcher it means that who runs the machine stopped it, as Ctrl-C of `yard dev` does.
    known = cause == attempt.observed_cause == Cause.PREEMPTED
    # During a rolling change of TRAINING_MODE, old and new backend end each other's attempts.
    if attempt.left_behind or (known and attempt.executor == "subprocess"):
        return False
    return cause not in INFRASTRUCTURE_CAUSES or not _progressed(attempt, epoch_before)


def _progressed(attempt: Attempt, epoch_before: int) -> bool:
    return attempt.epoch is not None and attempt.epoch > epoch_before


def final_cause(job: Job, attempt: Attempt) -> Cause:
    """The job's cause: a job that is being cancelled ends as cancelled, unless it had completed."""
    cause = settled_cause(attempt)
    cancelled = job.status == JobStatus.CANCELLING and cause != Cause.COMPLETED
    return Cause.CANCELLED if cancelled else cause


def detail_of(attempt: Attempt, cause: Cause) -> str | None:
    """What is known beyond the cause's own sentence: the executor's words, else the trainer's."""
    if attempt.message and attempt.observed_cause == cause:
        return attempt.message
    if attempt.reported_message and attempt.reported_cause == cause:
        return attempt.reported_message
    if cause == Cause.TRAINER_CRASHED:
        return attempt.message or f"Its exit code was {attempt.exit_code}."
    return None


def words_of(attempt: Attempt) -> str:
    """What happened to an attempt that is settled, and what to do."""
    sentence = CAUSE_RULES[settled_cause(attempt)].sentence
    return f"{sentence} {attempt.message}" if attempt.message else sentence


def final_message(job: Job, attempt: Attempt, cause: Cause) -> str:
    is_its = cause == attempt.cause
    sentences = [words_of(attempt) if is_its else CAUSE_RULES[cause].sentence]
    run = attempt.number - job.uncounted_attempts
    rule = CAUSE_RULES[cause].retry
    if rule != Retry.NEVER and job.max_attempts > 1:
        if run >= job.max_attempts:
            sentences.append(f"This was the last of {job.max_attempts} attempts.")
        elif rule == Retry.IF_PROGRESSED:
            sentences.append(
                "It finished no epoch that an earlier attempt had not, so another would end the same way."
            )
    return " ".join(sentences)


def retry_message(attempt: Attempt, delay_s: int, start: str) -> str:
    """What the user reads between two attempts; `start`: where the next one begins."""
    return (
        f"Attempt {attempt.number} ended: {words_of(attempt)} "
        f"Attempt {attempt.number + 1} follows in {delay_s} s, {start}."
    )
