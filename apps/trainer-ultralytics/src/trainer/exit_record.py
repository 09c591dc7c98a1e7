"""How an attempt ended: the record that its supervisor leaves for the launcher."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_FILE = "exit.json"


@dataclass(frozen=True)
class ExitRecord:
    """How an attempt ended; `signal` is the one that killed the trainer, `cause` may be unknown."""

    exit_code: int | None
    signal: int | None
    cause: str | None
    message: str

    def write(self, work_dir: Path) -> None:
        """Leave the record in the attempt's work folder, atomically."""
        write_json(work_dir / _FILE, asdict(self))


def read_exit_record(work_dir: Path) -> ExitRecord | None:
    """The record in the attempt's work folder; None where there is no readable one."""
    try:
        return ExitRecord(**json.loads((work_dir / _FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write_json(path: Path, fields: dict[str, Any]) -> None:
    """Write a JSON file atomically."""
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(fields))
    temporary.replace(path)
