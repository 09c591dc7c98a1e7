from enum import StrEnum


class HeartbeatAcceptedCommand(StrEnum):
    CONTINUE = "continue"
    FINISH = "finish"
    STOP = "stop"

    def __str__(self) -> str:
        return str(self.value)
