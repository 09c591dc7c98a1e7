"""Why attempts end: one enum for every executor, and what follows from each cause."""

from enum import StrEnum
from typing import NamedTuple


class Cause(StrEnum):
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    OUT_OF_MEMORY = "out_of_memory"
    GPU_OUT_OF_MEMORY = "gpu_out_of_memory"
    DATASET_INVALID = "dataset_invalid"
    CONFIG_INVALID = "config_invalid"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    IMAGE_PULL_FAILED = "image_pull_failed"
    UNSCHEDULABLE = "unschedulable"
    EVICTED = "evicted"
    PREEMPTED = "preempted"
    NODE_LOST = "node_lost"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    STALLED = "stalled"
    HEARTBEAT_LOST = "heartbeat_lost"
    TRAINER_CRASHED = "trainer_crashed"
    LAUNCH_FAILED = "launch_failed"


class Retry(StrEnum):
    """Whether the next attempt resumes from the last checkpoint, or there is none."""

    NEVER = "never"
    ALWAYS = "always"
    # A trainer that dies where it died before would only die again.
    IF_PROGRESSED = "if_progressed"


class CauseRule(NamedTuple):
    retry: Retry
    sentence: str


C, R = Cause, Retry

CAUSE_RULES: dict[Cause, CauseRule] = {
    C.COMPLETED: CauseRule(R.NEVER, "Training finished."),
    C.CANCELLED: CauseRule(R.NEVER, "Cancelled. Retry the job to go on from its last checkpoint."),
    C.OUT_OF_MEMORY: CauseRule(
        R.NEVER,
        "The trainer ran out of memory. Lower batch, imgsz or workers, or ask for more memory.",
    ),
    C.GPU_OUT_OF_MEMORY: CauseRule(
        R.NEVER, "The GPU ran out of memory. Lower batch or imgsz, or choose a smaller model."
    ),
    C.DATASET_INVALID: CauseRule(
        R.NEVER, "The dataset cannot be trained on. Fix it, push it again and submit a new job."
    ),
    C.CONFIG_INVALID: CauseRule(
        R.NEVER, "The config cannot be run. Change the field named and submit a new job."
    ),
    C.STORAGE_UNAVAILABLE: CauseRule(
        R.ALWAYS, "The object store failed or refused a request. Repair it, then retry the job."
    ),
    C.IMAGE_PULL_FAILED: CauseRule(
        R.NEVER,
        "The trainer's image could not be pulled. Check its name, tag and pull secret, then retry the job.",
    ),
    C.UNSCHEDULABLE: CauseRule(
        R.NEVER,
        "No node can run this job. Ask for less CPU, memory or GPU, or add a node, then retry the job.",
    ),
    C.EVICTED: CauseRule(
        R.ALWAYS, "The node evicted the trainer, usually for lack of memory or disk."
    ),
    C.PREEMPTED: CauseRule(R.ALWAYS, "The trainer was preempted: its node or pod was taken away."),
    C.NODE_LOST: CauseRule(R.ALWAYS, "The node running the training was lost."),
    C.DEADLINE_EXCEEDED: CauseRule(
        R.NEVER,
        "The job ran longer than its max_duration_s. Retry it: training resumes, for as long again.",
    ),
    C.STALLED: CauseRule(
        R.ALWAYS,
        "The trainer was alive but made no progress. Look at the end of its log for what it waits for.",
    ),
    C.HEARTBEAT_LOST: CauseRule(R.ALWAYS, "The trainer went silent: no heartbeat arrived in time."),
    C.TRAINER_CRASHED: CauseRule(
        R.IF_PROGRESSED, "The trainer ended with an error. The end of its log tells which."
    ),
    C.LAUNCH_FAILED: CauseRule(R.ALWAYS, "The trainer could not be started."),
}

# What a trainer can know of itself; the rest only an executor or a user can say.
_OF_ITSELF = C.COMPLETED, C.PREEMPTED, C.TRAINER_CRASHED, C.OUT_OF_MEMORY, C.GPU_OUT_OF_MEMORY
_OF_ITS_PEERS = (C.STALLED,)
_OF_ITS_TASK = C.DATASET_INVALID, C.CONFIG_INVALID, C.STORAGE_UNAVAILABLE
REPORTABLE = frozenset({*_OF_ITSELF, *_OF_ITS_PEERS, *_OF_ITS_TASK})

# Not the job's own doing: such an attempt, if it finished an epoch, is not one of max_attempts.
INFRASTRUCTURE_CAUSES = frozenset({C.EVICTED, C.PREEMPTED, C.NODE_LOST})
