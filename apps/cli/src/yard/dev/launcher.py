"""Questions to the launcher over its unix socket: one line of JSON each way."""

import json
import socket
from pathlib import Path
from typing import Any

_TIMEOUT_S = 5


def ask(path: Path, *, timeout_s: float = _TIMEOUT_S, **request: Any) -> dict[str, Any]:
    """Send one request and return the reply.

    Raises:
        OSError: nobody answers.
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


def running(path: Path) -> list[dict[str, Any]]:
    """Return the attempts that run now."""
    attempts = ask(path, op="list").get("attempts", [])
    return [attempt for attempt in attempts if attempt["state"] == "running"]


def stop(path: Path, attempt: dict[str, Any], grace_s: float) -> None:
    """Ask for an attempt's end: SIGTERM now, SIGKILL to its tree after the grace."""
    ask(path, op="stop", job_id=attempt["job_id"], attempt=attempt["attempt"], grace_s=grace_s)
