"""Which `yard dev` run on this machine, and which ports they have reserved."""

import contextlib
import dataclasses
import errno
import fcntl
import functools
import json
import os
import socket
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs

from yard import locations
from yard.dev import processes

_TAKEN = (errno.EAGAIN, errno.EACCES)  # of a lock that another process holds


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
    url = _by_number(url)
    found = [note.folder for note in every() if note.url == url]
    return Path(found[-1]) if found else locations.dev_folder(url)


def token(url: str) -> str | None:
    """Return the API token of the `yard dev` that serves this URL; None if there is none."""
    url = _by_number(url)
    found = [note.token for note in every() if note.url == url]
    return found[-1] if found else locations.dev_token(url)


def is_of_this_machine(url: str) -> bool:
    """Return whether the URL leads to this machine, by its name."""
    return urlsplit(url).hostname in {"localhost", "127.0.0.1", "::1"}


def reserve(port: int) -> bool:
    """Keep the others of this user from choosing a port, until this process ends.

    A port that was chosen is free until its service listens, and whenever that starts again.

    Returns:
        Whether no other has reserved it; where there are no such locks, it always is so.
    """
    if (lock := _reservations()) is not None:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError as error:
            return error.errno not in _TAKEN
    return True


@functools.cache
def _reservations() -> int | None:
    """A file whose n-th byte is locked by who has reserved port n; None without a place for it."""
    path = Path(tempfile.gettempdir()) / f"trainyard-{os.getuid()}-ports.lock"
    with contextlib.suppress(OSError):
        lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        if os.fstat(lock).st_uid == os.getuid():
            return lock
        os.close(lock)
    return None


def _by_number(url: str) -> str:
    """The URL as a note has it."""
    return url.replace("//localhost", "//127.0.0.1")


def _notes() -> Path:
    return platformdirs.user_state_path("trainyard") / "running"


def _note(pid: int) -> Path:
    # Machines may share a home.
    return _notes() / f"{socket.gethostname()}-{pid}.json"
