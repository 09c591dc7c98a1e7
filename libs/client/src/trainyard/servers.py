"""Which server a client asks, and with which token: as `yard` chooses them."""

import contextlib
import json
import os
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

DEFAULT_URL = "http://localhost:30080"


def chosen(url: str | None, token: str | None) -> tuple[str, str | None]:
    """The URL, without a slash at its end, and the token; what is given comes first."""
    here = next((note["url"] for note in _notes_here()), None)
    in_use, tokens = _logged_in()
    url = url or os.environ.get("YARD_URL") or here or in_use or _only_dev() or DEFAULT_URL
    url = url.rstrip("/")
    return url, token or _dev_token(url) or os.environ.get("YARD_TOKEN") or tokens.get(url) or None


def _dev_token(url: str) -> str | None:
    """The API token of the user's `yard dev` at this URL."""
    url = url.replace("//localhost", "//127.0.0.1")
    notes = [*_notes_here(), *_notes(_of_every_dev("*"))]
    return next((note["token"] for note in notes if note["url"] == url), None)


def _only_dev() -> str | None:
    """The URL of the user's `yard dev` on this machine; None if none or several run."""
    running = []
    for path in _of_every_dev(f"{socket.gethostname()}-*"):
        with contextlib.suppress(OSError, ValueError):
            os.kill(int(path.stem.rpartition("-")[2]), 0)  # a killed one leaves its note
            running.append(path)
    urls = [note["url"] for note in _notes(running)]
    return urls[0] if len(urls) == 1 else None


def _of_every_dev(pattern: str) -> Iterable[Path]:
    """The notes of the user's `yard dev`; machines may share a home."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    return (Path(home) / "trainyard/running").glob(f"{pattern}.json")


def _logged_in() -> tuple[str | None, dict[str, str]]:
    """What `yard login` has stored: the URL in use, and the tokens by URL."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        stored = json.loads((Path(home) / "trainyard/servers.json").read_text())
        servers = stored["servers"]
        current = servers.get(stored["current"]) or {}
        # Of several for one URL the one in use counts, then the first by name: as with `yard`.
        named = [one for _, one in sorted(servers.items(), reverse=True) if one.get("token")]
        told = [*named, current] if current else named
        return current.get("url"), {str(one["url"]): one.get("token") or "" for one in told}
    return None, {}


def _notes_here() -> Iterator[dict[str, str]]:
    """What `yard dev` noted of itself in its state folder, in this folder or above."""
    here = Path.cwd()
    return _notes(folder / ".trainyard/address.json" for folder in (here, *here.parents))


def _notes(paths: Iterable[Path]) -> Iterator[dict[str, str]]:
    """The user's own among these; another user may have put one into a folder of all."""
    for path in paths:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            note = json.loads(path.read_text())
            if path.stat().st_uid == os.getuid():
                yield {"url": str(note["url"]), "token": str(note["token"])}
