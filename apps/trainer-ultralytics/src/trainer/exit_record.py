"""How an attempt ended: the record that its supervisor leaves for the launcher."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_FILE = "exit.json"
_MAX_BYTES = 64 << 10
_MAX_MESSAGE = 2000


@dataclass(frozen=True)
class ExitRecord:
    """How an attempt ended; `signal` is the one that killed the trainer, `cause` may be unknown."""

    exit_code: int | None
    signal: int | None
    cause: str | None
    message: str

    def write(self, folder: Path) -> None:
        """Leave the record in the attempt's folder, atomically."""
        shortened = {**asdict(self), "message": self.message[:_MAX_MESSAGE]}
        write_json(folder / _FILE, shortened)


def read_exit_record(folder: Path) -> ExitRecord | None:
    """The record in the attempt's folder; None where there is none, or a malformed one."""
    try:
        with (folder / _FILE).open("rb") as file:
            fields = json.loads(file.read(_MAX_BYTES))
        record = ExitRecord(**fields)
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    numbers = (record.exit_code, record.signal)
    if not all(number is None or type(number) is int for number in numbers):
        return None
    is_text = isinstance(record.cause, str | None) and isinstance(record.message, str)
    return record if is_text and len(record.message) <= _MAX_MESSAGE else None


def write_json(path: Path, fields: dict[str, Any]) -> None:
    """Write a JSON file atomically."""
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(fields))
    temporary.replace(path)
