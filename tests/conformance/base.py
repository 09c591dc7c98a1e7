"""The operations on a platform that the suite needs, wherever it runs."""

from contextlib import AbstractContextManager
from typing import Protocol

import psutil
import servers

# Shorter than the defaults, which are minutes.
SETTINGS = {
    "HEARTBEAT_TIMEOUT_S": 6,
    "STALL_TIMEOUT_S": 20,
    "STOP_GRACE_S": 2,
    "LOG_LIMIT_BYTES": 2 << 20,
}


class Platform(Protocol):
    """A running platform with the suite's trainers and SETTINGS.

    A service is `backend`, `temporal`, or `launcher`: what starts attempts when the backend says so.
    """

    url: str
    store: servers.S3Server
    stall_timeout_s: int

    def trainers_url(self) -> AbstractContextManager[str]:
        """The backend's URL as trainers have it: the only one where callbacks are answered."""

    def kill(self, service: str) -> None:
        """SIGKILL; the service stays away until `start`."""

    def start(self, service: str) -> None:
        """Start a killed service, without waiting until it serves."""

    def wait_ready(self) -> None:
        """Wait until the backend serves and reaches its dependencies."""

    def processes(self, job_id: str) -> list[psutil.Process]:
        """Every process of the job's attempt: supervisor, trainer and all that they started."""

    def kill_trainer(self, job_id: str) -> None:
        """SIGKILL to the training process, not to its supervisor."""
