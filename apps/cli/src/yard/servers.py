"""The servers that `yard login` has stored with their tokens, and which of them is in use."""

import contextlib
import dataclasses
import fcntl
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from yard import locations
from yard.client import Json
from yard.errors import Code, YardError


@dataclasses.dataclass(frozen=True)
class Server:
    """A server by the name that its user gave it; `token` is empty where it asks for none."""

    name: str
    url: str
    token: str = dataclasses.field(default="", repr=False)


def path() -> Path:
    """Return the file, which the Python client reads, too."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "trainyard" / "servers.json"


def every() -> list[Server]:
    """Return them by name."""
    return sorted(_known(locations.read_json(path())), key=lambda server: server.name)


def in_use() -> Server | None:
    """Return the one that commands ask which name no other."""
    current = locations.read_json(path()).get("current")
    return next((server for server in every() if server.name == current), None)


def find(name: str) -> Server:
    """Return the one of this name.

    Raises:
        YardError: there is none.
    """
    for server in every():
        if server.name == name:
            return server
    raise YardError(
        f"there is no context {name}",
        todo="`yard context list` shows them, `yard login URL` adds one",
        code=Code.NOT_FOUND,
    )


def token(url: str) -> str | None:
    """Return the token that is stored for this URL: of the one in use, if it is there, else of any."""
    current = in_use()
    if current is not None and current.url == url:
        return current.token or None
    return next((one.token for one in every() if one.url == url and one.token), None)


def keep(server: Server) -> None:
    """Store it, in place of one of its name, and use it.

    Raises:
        YardError: the file is there and holds something else.
    """
    with _changing() as known:
        others = [one for one in known if one.name != server.name]
        _write([*others, server], server.name)


def use(name: str) -> Server:
    """Have commands ask this one."""
    with _changing() as known:
        server = find(name)
        _write(known, name)
    return server


def forget(name: str) -> Server:
    """Remove it with its token."""
    with _changing() as known:
        server, current = find(name), in_use()
        left = [one for one in known if one.name != name]
        _write(left, current.name if current in left and current else None)
    return server


def normal(url: str) -> str:
    """Return a server's URL as it is stored: https:// unless it says otherwise, no `/` at its end.

    Raises:
        YardError: it is no URL, or carries a user, a query or a fragment, e.g. a token.
    """
    whole = url if "://" in url else f"https://{url}"
    try:
        parts = urlsplit(whole)
        there = parts.scheme in {"http", "https"} and parts.hostname and (parts.port, True)
    except ValueError:
        there = False
    extra = parts.username is not None or parts.query or parts.fragment if there else ""
    if not there or extra or re.search(r"[^\x21-\x7e]", url):
        raise YardError(
            "this is not the address of a server",
            "it carries more than that" if extra else "",
            "write https://HOST, or http://HOST:PORT; the token is asked for",
            Code.USAGE,
        )
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def _known(content: Json) -> list[Server]:
    servers = content.get("servers")
    return [
        Server(str(name), str(one["url"]), str(one.get("token") or ""))
        for name, one in (servers if isinstance(servers, dict) else {}).items()
        if isinstance(one, dict) and "url" in one
    ]


@contextlib.contextmanager
def _changing() -> Iterator[list[Server]]:
    """Those that a new file must keep, while no other command changes it."""
    path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path().with_name(".servers.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield _to_keep()


def _to_keep() -> list[Server]:
    # Tokens in a damaged file cannot be had again.
    content = locations.read_json(path())
    if path().exists() and not isinstance(content.get("servers"), dict):
        raise YardError(
            f"{path()} is not as `yard login` writes it",
            "it would be overwritten",
            "mend it, or remove it and log in again",
            Code.LOCAL,
        )
    return _known(content)


def _write(servers: list[Server], current: str | None) -> None:
    stored = {
        one.name: {"url": one.url} | ({"token": one.token} if one.token else {}) for one in servers
    }
    content = {"current": current, "servers": stored}
    locations.write_private(path(), json.dumps(content, indent=2) + "\n")
