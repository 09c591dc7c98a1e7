"""How an attempt ended: the record that its supervisor leaves for the launcher."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Ended:
    """How an attempt ended; `signal` is the one that killed the trainer, `cause` may be unknown."""

    exit_code: int | None
    signal: int | None
    cause: str | None
    message: str


def write_end(work: Path, ended: Ended) -> None:
    """Leave the record of the end for the launcher, whole or not at all."""
    replace(work / "exit.json", asdict(ended))


def read_end(work: Path) -> Ended | None:
    """How the attempt ended, or None where nobody has recorded that."""
    try:
        return Ended(**json.loads((work / "exit.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def replace(path: Path, fields: dict[str, Any]) -> None:
    """Write a JSON file, whole or not at all."""
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(fields))
    temporary.replace(path)
