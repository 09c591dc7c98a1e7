from enum import StrEnum


class FinishInCause(StrEnum):
    COMPLETED = "completed"
    CONFIG_INVALID = "config_invalid"
    DATASET_INVALID = "dataset_invalid"
    GPU_OUT_OF_MEMORY = "gpu_out_of_memory"
    OUT_OF_MEMORY = "out_of_memory"
    PREEMPTED = "preempted"
    STALLED = "stalled"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    TRAINER_CRASHED = "trainer_crashed"

    def __str__(self) -> str:
        return str(self.value)
