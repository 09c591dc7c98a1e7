from enum import StrEnum


class Task(StrEnum):
    CLASSIFY = "classify"
    DETECT = "detect"
    OBB = "obb"
    POSE = "pose"
    SEGMENT = "segment"

    def __str__(self) -> str:
        return str(self.value)
