from enum import StrEnum


class HeartbeatInPhaseType0(StrEnum):
    PREPARING = "preparing"
    TRAINING = "training"
    UPLOADING = "uploading"
    VALIDATING = "validating"

    def __str__(self) -> str:
        return str(self.value)
