"""Client of the launcher's unix socket: one line of JSON per request and per reply."""

import json
import socket
from pathlib import Path
from typing import Any, NamedTuple

_TIMEOUT_S = 5


class Attempt(NamedTuple):
    """One attempt of a job."""

    job_id: str
    number: int


def ask(path: Path, *, timeout_s: float = _TIMEOUT_S, **request: Any) -> dict[str, Any]:
    """Send one request and return the reply.

    Raises:
        OSError: the launcher does not answer.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_s)
        connection.connect(str(path))
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("rb") as answer:
            line = answer.readline()
    try:
        reply: dict[str, Any] = json.loads(line)
    except ValueError as error:
        raise ConnectionError("the launcher gave no answer") from error
    return reply


def running(path: Path) -> set[Attempt]:
    """Return the running attempts.

    Raises:
        OSError: the launcher does not answer.
    """
    attempts = ask(path, op="list").get("attempts", [])
    return {
        Attempt(attempt["job_id"], attempt["attempt"])
        for attempt in attempts
        if attempt["state"] == "running"
    }


def stop(path: Path, attempt: Attempt, grace_s: float) -> None:
    """Stop an attempt: SIGTERM now, SIGKILL to its process tree after `grace_s` seconds.

    Raises:
        OSError: the launcher does not answer.
    """
    ask(path, op="stop", job_id=attempt.job_id, attempt=attempt.number, grace_s=grace_s)
