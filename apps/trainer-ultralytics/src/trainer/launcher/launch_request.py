"""A request to launch an attempt."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from trainer.messages import WORKS

_MAX_ATTEMPTS = 1_000_000
_GRACE_S = 10.0


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def _counts(value: object, limit: float = inf) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < limit


def _is_amount(value: object) -> bool:
    return type(value) in {int, float} and 0 <= value < inf  # type: ignore[operator]


def _is_job_id(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{12}", value) is not None


def _is_command(value: object) -> bool:
    return isinstance(value, list) and value != [] and all(map(_is_text, value))


def _is_env(value: object) -> bool:
    return isinstance(value, dict) and all(
        _is_text(name) and name and "=" not in name and _is_text(text)
        for name, text in value.items()
    )


_FIELDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "job_id": (_is_job_id, "12 lower-case hexadecimal digits"),
    "attempt": (lambda value: _counts(value, _MAX_ATTEMPTS), "an integer that counts from 1"),
    "command": (_is_command, "a list of strings, at least one"),
    "env": (_is_env, "an object that maps names to strings"),
    "memory_bytes": (lambda value: value is None or _counts(value), "a number of bytes, or null"),
    "cpus": (lambda value: value is None or _is_amount(value), "a number of CPUs, or null"),
    "gpus": (
        lambda value: value is None or (type(value) is int and value >= 0),
        "a number of GPUs, or null",
    ),
    "queued_at": (lambda value: value is None or _is_amount(value), "a time in seconds, or null"),
}


class Asked(NamedTuple):
    """What an attempt asks of the machine; what it does not name, it is given without count."""

    gpus: int = 0
    cpus: float = 0
    memory_bytes: int = 0


@dataclass(frozen=True)
class LaunchRequest:
    """What the launcher needs to know to start an attempt; jobs take their turns by `queued_at`.

    `gpus` None: one, where the machine has any.
    """

    job_id: str
    attempt: int
    command: list[str]
    env: dict[str, str]
    memory_bytes: int | None
    cpus: float | None = None
    gpus: int | None = None
    queued_at: float | None = None

    @classmethod
    def parse(cls, request: dict[str, Any]) -> "LaunchRequest":
        """Check a request; fields that are not listed above are ignored.

        Raises:
            ValueError: a field is missing or malformed; the message names it.
        """
        for name, (is_valid, wanted) in _FIELDS.items():
            if not is_valid(request.get(name)):
                raise ValueError(f"launch needs {name}: {wanted}")
        fields: dict[str, Any] = {name: request.get(name) for name in _FIELDS}
        return cls(**fields)

    @property
    def asked(self) -> Asked:
        """What it asks of the machine."""
        return Asked(self.gpus or 0, self.cpus or 0, self.memory_bytes or 0)

    @property
    def grace_s(self) -> float:
        """Seconds between SIGTERM and SIGKILL when the launcher itself stops the attempt."""
        text = self.env.get("STOP_GRACE_S", "")
        return float(text) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]+)?", text) else _GRACE_S

    @property
    def own_work(self) -> str | None:
        """What this trainer, which the launcher has loaded already, is to do; None: the command is another's."""
        program, *arguments = self.command
        if not Path(program).name.startswith("python") or arguments[:3] != ["-m", "trainer", "run"]:
            return None
        work = arguments[3:] or ["train"]
        return work[0] if len(work) == 1 and work[0] in WORKS else None
