"""What the attempt's processes use: measured for heartbeats, and held to the memory limit."""

import os
import time
from functools import cached_property
from typing import Any

import psutil
import pynvml

from trainer import processes

_CHECK_S = 0.5


class ResourceMeter:
    """Measures for heartbeats, and over an epoch; `gpu_memory_bytes` is what the training has reported."""

    def __init__(self) -> None:
        self.gpu_memory_bytes: float | None = None
        self._began = (time.monotonic(), 0.0)
        self._gpu_percents: list[float] = []

    def measure(self) -> dict[str, float]:
        """CPU, memory and GPUs of the machine in percent, memory of the attempt in bytes."""
        numbers = {
            "cpu_percent": psutil.cpu_percent(),
            "memory_percent": psutil.virtual_memory().percent,
            "rss_bytes": float(processes.tree_rss(os.getpid())),
        }
        if self.gpu_memory_bytes is not None:
            numbers["gpu_memory_bytes"] = self.gpu_memory_bytes
        if (percent := self._gpu_percent()) is not None:
            numbers["gpu_percent"] = percent
        return numbers

    def begin_epoch(self) -> None:
        """What is used from now on is the next epoch's."""
        self._began = (time.monotonic(), processes.tree_cpu_s(os.getpid()))
        self._gpu_percents.clear()

    def end_epoch(self) -> dict[str, float]:
        """What the attempt used since the epoch began, as metrics; MLflow knows them by their prefix.

        Cores and GPU utilization are means over the epoch, memory is what it has at its end.
        """
        self._gpu_percent()
        at, cpu_s = self._began
        cores = (processes.tree_cpu_s(os.getpid()) - cpu_s) / max(time.monotonic() - at, 1e-3)
        memory = processes.tree_rss(os.getpid()) / 1e6
        told = {"cpu_cores": max(cores, 0.0), "memory_megabytes": memory}
        if self.gpu_memory_bytes is not None:
            told["gpu_memory_megabytes"] = self.gpu_memory_bytes / 1e6
        if percents := self._gpu_percents.copy():  # heartbeats add to them meanwhile
            told["gpu_utilization_percent"] = sum(percents) / len(percents)
        self.begin_epoch()
        return {f"system/{name}": round(value, 3) for name, value in told.items()}

    def _gpu_percent(self) -> float | None:
        """The mean of the attempt's GPUs now; None where there are none, or slices that do not tell it."""
        try:
            rates = [pynvml.nvmlDeviceGetUtilizationRates(gpu).gpu for gpu in self._gpus]
        except pynvml.NVMLError:
            return None
        if not rates:
            return None
        self._gpu_percents.append(sum(rates) / len(rates))
        return self._gpu_percents[-1]

    @cached_property
    def _gpus(self) -> list[Any]:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        try:
            pynvml.nvmlInit()
            if visible is None:
                visible = ",".join(map(str, range(pynvml.nvmlDeviceGetCount())))
            return [
                pynvml.nvmlDeviceGetHandleByIndex(int(name))
                if name.isdecimal()
                else pynvml.nvmlDeviceGetHandleByUUID(name)
                for name in filter(None, visible.split(","))
            ]
        except pynvml.NVMLError:
            return []


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
