"""What this machine has for trainings, which attempt gets which part of it, and what one waits for.

A GPU belongs to one attempt at a time. CPUs are only counted: what shares them runs slower, so more
may be asked for than there are. docs/adr/0041 says why.
"""

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import psutil
import pynvml
import torch

from trainer.launcher.launch_request import Asked, LaunchRequest
from trainer.launcher.records import AttemptRecord

# Trainings wait for data, too, and a job asks for what it uses at its peak.
_JOBS_PER_CPU = 4
_NAMED_JOBS = 3
_ROUNDING = 1e-9  # of sums of CPUs
_CGROUP = Path("/sys/fs/cgroup")


class _Kind(NamedTuple):
    """One of the resources: its name in words, and how an amount of it is written."""

    one: str
    many: str
    unit: int = 1

    def amount(self, value: float) -> str:
        return f"{value / self.unit:.4g} {self.one if value == self.unit else self.many}"


_KINDS = {
    "gpus": _Kind("GPU", "GPUs"),
    "cpus": _Kind("CPU", "CPUs"),
    "memory_bytes": _Kind("GiB of memory", "GiB of memory", 1 << 30),
}


@dataclass(frozen=True)
class DevicePool:
    """The machine's share for trainings; `gpus` are names as CUDA_VISIBLE_DEVICES takes them.

    `hides_gpus`: that there are none to give out is a choice, not what was found.
    """

    cpus: float
    memory_bytes: int
    gpus: Sequence[str]
    hides_gpus: bool = False

    @classmethod
    def of_machine(cls, env: Mapping[str, str]) -> "DevicePool":
        """What there is, where no variable of the launcher says otherwise.

        Raises:
            ValueError: such a variable is malformed; the message names it.
        """
        gpus = _number(env, "LAUNCHER_GPUS")
        return cls(
            cpus=_number(env, "LAUNCHER_CPUS") or _JOBS_PER_CPU * _cpus(),
            memory_bytes=_number(env, "LAUNCHER_MEMORY_BYTES") or _memory_bytes(),
            gpus=_gpus(env, gpus),
            hides_gpus=gpus == 0,
        )

    def completed(self, request: LaunchRequest) -> LaunchRequest:
        """The request with one GPU, if there are any, where it names no number."""
        if request.gpus is not None:
            return request
        return replace(request, gpus=min(1, len(self.gpus)))

    def refusal(self, asked: Asked) -> str | None:
        """Why so much can never be had here; None where it can."""
        for name, kind in _KINDS.items():
            wanted, there = getattr(asked, name), self._all(name)
            if wanted > there:
                return (
                    f"The job asks for {kind.amount(wanted)}, but all trainings of this machine "
                    f"together get {kind.amount(there)}. Ask for less."
                )
        return None

    def admit(
        self, running: Sequence[AttemptRecord], waiting: Sequence[AttemptRecord]
    ) -> list[AttemptRecord]:
        """Give GPUs to those whose turn it is, and return them; note what each of the others waits for.

        `waiting` is in the order of turns. What an earlier one waits for is kept for it, so that
        small jobs never hold up a large one; what it has no use for, a later one may have.
        """
        started: list[AttemptRecord] = []
        kept = dict.fromkeys(_KINDS, 0.0)
        for record in waiting:
            holders = [*running, *started]
            used = {name: math.fsum(getattr(one.asked, name) for one in holders) for name in _KINDS}
            lacks = [
                name
                for name in _KINDS
                if (wanted := getattr(record.asked, name))
                and wanted + used[name] + kept[name] > self._all(name) + _ROUNDING
            ]
            if not lacks:
                held = {gpu for one in holders for gpu in one.gpus}
                free = [gpu for gpu in self.gpus if gpu not in held]
                record.gpus = free[: record.asked.gpus]
                started.append(record)
                continue
            for name in _KINDS:
                kept[name] += getattr(record.asked, name)
            record.waits_for = self._explanation(record, lacks[0], used[lacks[0]], holders)
        return started

    def env(self, record: AttemptRecord) -> dict[str, str]:
        """The variables that show an attempt its own GPUs and no other."""
        if not self.gpus and not self.hides_gpus:
            return {}
        # Numbers are NVML's, which counts by bus; CUDA by itself has the fastest first.
        return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(record.gpus)}

    def _all(self, name: str) -> float:
        return len(self.gpus) if name == "gpus" else float(getattr(self, name))

    def _explanation(
        self, record: AttemptRecord, name: str, used: float, holders: Sequence[AttemptRecord]
    ) -> str:
        kind = _KINDS[name]
        text = f"Waits for {kind.amount(getattr(record.asked, name))}"
        jobs = sorted(one.job_id for one in holders if getattr(one.asked, name))
        if not jobs:
            return f"{text}, which an earlier job waits for too."
        named = jobs[:_NAMED_JOBS]
        if len(jobs) > _NAMED_JOBS:
            named.append(f"{len(jobs) - _NAMED_JOBS} more")
        amounts = f"{used / kind.unit:.4g} of {self._all(name) / kind.unit:.4g}"
        return (
            f"{text}: {amounts} are in use by {'jobs' if jobs[1:] else 'job'} {', '.join(named)}."
        )


def _number(env: Mapping[str, str], name: str) -> int | None:
    text = env.get(name)
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise ValueError(f"{name} must be a whole number; it is {text!r}.")
    return int(text)


def _gpus(env: Mapping[str, str], most: int | None) -> list[str]:
    """Those that CUDA_VISIBLE_DEVICES names, slices of GPUs too; else `most`, or all by their driver.

    CUDA, once initialised, survives no fork. A build of torch for CPUs uses none.
    """
    visible = env.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        named = [name.strip() for name in visible.split(",")]
        return [name for name in named if name not in {"", "-1"}][:most]
    if most is not None:
        return [str(number) for number in range(most)]
    if torch.version.cuda is None:
        return []
    try:
        pynvml.nvmlInit()
        count = int(pynvml.nvmlDeviceGetCount())
        pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return []
    return [str(number) for number in range(count)]


def _cpus() -> float:
    cores = float(len(os.sched_getaffinity(0)))
    match _words("cpu.max") or _words("cpu/cpu.cfs_quota_us") + _words("cpu/cpu.cfs_period_us"):
        case [quota, period] if quota.isdecimal():
            return min(cores, int(quota) / int(period))
    return cores


def _memory_bytes() -> int:
    total = int(psutil.virtual_memory().total)
    match _words("memory.max") or _words("memory/memory.limit_in_bytes"):
        case [limit] if limit.isdecimal():
            return min(total, int(limit))
    return total


def _words(name: str) -> list[str]:
    """A file of this container's cgroup; nothing where there is none."""
    try:
        return (_CGROUP / name).read_text().split()
    except OSError:
        return []
