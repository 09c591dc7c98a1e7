"""Which `yard dev` run on this machine: a note of each in a folder of their user."""

import contextlib
import dataclasses
import json
import socket
from pathlib import Path

import platformdirs

from yard import locations
from yard.dev import processes


@dataclasses.dataclass(frozen=True)
class Running:
    """A `yard dev` that is ready."""

    url: str
    folder: str
    pid: int
    started: float


def enter(note: Running) -> None:
    """Let every command of this user find it. Without a place for notes, only its folder tells."""
    with contextlib.suppress(OSError):
        _notes().mkdir(mode=0o700, parents=True, exist_ok=True)
        locations.write_private(_note(note.pid), json.dumps(dataclasses.asdict(note)))


def leave(pid: int) -> None:
    """Remove the note again."""
    with contextlib.suppress(OSError):
        _note(pid).unlink()


def every() -> list[Running]:
    """Return those that run, the newest last, and remove the notes of those that were killed."""
    found = []
    for path in _notes().glob(f"{socket.gethostname()}-*.json"):
        try:
            note = Running(**locations.read_json(path))
            alive = processes.find(note.pid, note.started) is not None
        except TypeError:
            alive = False
        if alive:
            found.append(note)
        else:
            with contextlib.suppress(OSError):
                path.unlink()
    return sorted(found, key=lambda note: note.started)


def _notes() -> Path:
    return platformdirs.user_state_path("trainyard") / "running"


def _note(pid: int) -> Path:
    # Machines may share a home.
    return _notes() / f"{socket.gethostname()}-{pid}.json"
