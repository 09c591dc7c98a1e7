"""What the attempt's processes use: measured for heartbeats, and held to the memory limit."""

import os
import time

import psutil

from trainer import processes

_CHECK_S = 0.5


class ResourceMeter:
    """Measures for heartbeats; `gpu_memory_bytes` is what the training process has reported."""

    def __init__(self) -> None:
        self.gpu_memory_bytes: float | None = None

    def measure(self) -> dict[str, float]:
        """CPU and memory of the machine in percent, memory of the attempt in bytes."""
        numbers = {
            "cpu_percent": psutil.cpu_percent(),
            "memory_percent": psutil.virtual_memory().percent,
            "rss_bytes": float(processes.tree_rss(os.getpid())),
        }
        if self.gpu_memory_bytes is not None:
            numbers["gpu_memory_bytes"] = self.gpu_memory_bytes
        return numbers


class MemoryLimit:
    """Holds the processes below this one to `limit_bytes`; None is no limit."""

    def __init__(self, limit_bytes: int | None) -> None:
        self.limit_bytes = limit_bytes
        self._check_at = 0.0

    def is_exceeded(self) -> bool:
        """Whether they hold more; looks at most twice a second."""
        if not self.limit_bytes or time.monotonic() < self._check_at:
            return False
        self._check_at = time.monotonic() + _CHECK_S
        return processes.tree_memory_exceeds(os.getpid(), self.limit_bytes)
