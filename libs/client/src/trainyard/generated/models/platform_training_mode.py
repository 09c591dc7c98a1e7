from enum import StrEnum


class PlatformTrainingMode(StrEnum):
    KUBERNETES = "kubernetes"
    SUBPROCESS = "subprocess"

    def __str__(self) -> str:
        return str(self.value)
