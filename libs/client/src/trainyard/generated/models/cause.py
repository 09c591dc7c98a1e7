from enum import StrEnum


class Cause(StrEnum):
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    CONFIG_INVALID = "config_invalid"
    DATASET_INVALID = "dataset_invalid"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    EVICTED = "evicted"
    GPU_OUT_OF_MEMORY = "gpu_out_of_memory"
    HEARTBEAT_LOST = "heartbeat_lost"
    IMAGE_PULL_FAILED = "image_pull_failed"
    LAUNCH_FAILED = "launch_failed"
    NODE_LOST = "node_lost"
    OUT_OF_MEMORY = "out_of_memory"
    PREEMPTED = "preempted"
    STALLED = "stalled"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    TRAINER_CRASHED = "trainer_crashed"
    UNSCHEDULABLE = "unschedulable"

    def __str__(self) -> str:
        return str(self.value)
