from enum import StrEnum


class LogAcceptedCommand(StrEnum):
    CONTINUE = "continue"
    FINISH = "finish"
    STOP = "stop"

    def __str__(self) -> str:
        return str(self.value)
