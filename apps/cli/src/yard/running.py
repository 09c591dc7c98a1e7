"""Which `yard dev` run on this machine: a note of each in a folder of their user."""

import contextlib
import dataclasses
import fcntl
import json
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import platformdirs

from yard import locations
from yard.dev import processes

# A start takes some ten seconds, and a minute on a busy machine; one that takes longer does not keep
# the next one from trying.
_TURN_S = 120.0


@dataclasses.dataclass(frozen=True)
class Running:
    """A `yard dev` that is ready; `token` is that of its API."""

    url: str
    folder: str
    pid: int
    started: float
    token: str = ""


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


def state_folder(url: str) -> Path | None:
    """Return the state folder of the `yard dev` that serves this URL; None if there is none."""
    found = [note.folder for note in every() if note.url == url]
    return Path(found[-1]) if found else locations.dev_folder(url)


def token(url: str) -> str | None:
    """Return the API token of the `yard dev` that serves this URL; None if there is none."""
    url = url.replace("//localhost", "//127.0.0.1")
    found = [note.token for note in every() if note.url == url]
    return found[-1] if found else locations.dev_token(url)


@contextlib.contextmanager
def starting() -> Iterator[Callable[[], None]]:
    """Take turns to start: two at once would find the same ports free. Yields what ends the turn."""
    with contextlib.ExitStack() as turn:
        with contextlib.suppress(OSError):  # without a place for the lock it starts all the same
            path = Path(tempfile.gettempdir()) / f"trainyard-{os.getuid()}-start.lock"
            lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
            turn.callback(os.close, lock)
            _wait_for(lock)
        yield turn.close


def _wait_for(lock: int) -> None:
    deadline = time.monotonic() + _TURN_S
    while time.monotonic() < deadline:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(0.1)


def _notes() -> Path:
    return platformdirs.user_state_path("trainyard") / "running"


def _note(pid: int) -> Path:
    # Machines may share a home.
    return _notes() / f"{socket.gethostname()}-{pid}.json"
