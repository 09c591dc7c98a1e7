from enum import StrEnum


class DatasetStatus(StrEnum):
    CHECKING = "checking"
    READY = "ready"
    REJECTED = "rejected"
    UPLOADING = "uploading"

    def __str__(self) -> str:
        return str(self.value)
