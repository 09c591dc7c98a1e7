"""Values as people read them: sizes, durations, times, statuses."""

import datetime as dt
import json
import re
from collections.abc import Mapping
from typing import Any

from rich.text import Text

from yard.errors import Code, YardError

_CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
STATUS_STYLE = {
    "queued": "dim",
    "uploading": "dim",
    "preparing": "cyan",
    "checking": "cyan",
    "running": "bold cyan",
    "retrying": "yellow",
    "cancelling": "yellow",
    "cancelled": "yellow",
    "succeeded": "green",
    "ready": "green",
    "failed": "bold red",
    "rejected": "bold red",
    "error": "bold red",
    "warning": "yellow",
}


def strip_control_codes(text: str) -> str:
    """Return text without control codes, which could take over a terminal.

    Tabs, line feeds and carriage returns stay: progress bars in logs need them.
    """
    text = _CONTROL_SEQUENCE.sub("", text)
    return "".join(char for char in text if char in "\t\n\r" or char.isprintable())


def escape_json(document: str) -> str:
    """Return a JSON document, with escapes for what is not printable; they mean the same."""
    return "".join(
        char if char == "\n" or char.isprintable() else json.dumps(char)[1:-1] for char in document
    )


def job_status(job: Mapping[str, Any]) -> Text:
    """Return a job's status, or `uploading` while only its uploads are left."""
    uploads = job["status"] == "running" and job["phase"] == "uploading"
    return status("uploading" if uploads else job["status"])


def status(name: str) -> Text:
    """Return a status in its colour."""
    return Text(name, STATUS_STYLE.get(name, ""))


def attempt(job: Mapping[str, Any]) -> str:
    """Return the attempt's number and the limit.

    Attempts lost with their machine do not count, so the number may exceed the limit: then the
    limit is left out.
    """
    most = job["max_attempts"]
    return f"{job['attempt']} of at most {most}" if job["attempt"] <= most else f"{job['attempt']}"


def nodes(resources: Mapping[str, Any] | None) -> str | None:
    """Return how many machines train together; None for one, of which older servers do not tell."""
    number = (resources or {}).get("nodes", 1)
    return str(number) if number > 1 else None


def text(value: Any) -> str:
    """Return a value as text; `—` stands for a missing one."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | dict):
        return escape_json(json.dumps(value, ensure_ascii=False))
    # Of a line: what would break it, or turn the text around it, does not get through.
    return " ".join(strip_control_codes(str(value)).split("\n"))


def yaml_scalar(value: Any) -> str:
    """Return a value as --set takes it; of a text with lines the first."""
    if isinstance(value, str):
        first, lines, _ = value.partition("\n")
        return first + (" …" if lines else "")
    return json.dumps(value)


def size(count: float) -> str:
    """Return a number of bytes with a unit."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:  # noqa: PLR2004 - what a KiB is
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def progress(job: Mapping[str, Any]) -> str:
    """Return how much of a job is done: all of one that was finished early."""
    if job["status"] == "succeeded":
        return "100%"
    return "—" if job["progress"] is None else f"{job['progress']:.0%}"


def took(job: Mapping[str, Any]) -> str:
    """Return how long a job has trained, or trains until now, retries included."""
    seconds = job.get("earlier_duration_s", 0)  # not told by an older server
    if job["started_at"]:
        end = job["finished_at"]
        now = parse_time(end) if end else dt.datetime.now(dt.UTC)
        seconds += (now - parse_time(job["started_at"])).total_seconds()
    elif not seconds:
        return "—"
    return duration(seconds)


def duration(seconds: float) -> str:
    """Return a duration in its two largest units."""
    seconds = max(seconds, 0)
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:  # noqa: PLR2004 - two days
        return f"{hours // 24} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes:02} min"
    if minutes:
        return f"{minutes} min {rest:02} s"
    return f"{seconds:.1f} s" if seconds < 10 else f"{rest} s"  # noqa: PLR2004 - reads better


def seconds(text: str, option: str) -> int:
    """Return the seconds of a duration such as 45s, 30m, 12h or 90d, which the option was given.

    Raises:
        YardError: it is none.
    """
    if found := re.fullmatch(r"([1-9][0-9]{0,6})([smhd])", text):
        return int(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]
    raise YardError(f"{option} {text} is no time", todo="write 30m, 12h or 90d", code=Code.USAGE)


def ago(stamp: str | None) -> str:
    """Return how long ago a time of the API was.

    Args:
        stamp: ISO 8601; UTC where it names no zone.
    """
    if stamp is None:
        return "—"
    return duration((dt.datetime.now(dt.UTC) - parse_time(stamp)).total_seconds()) + " ago"


def made(item: Mapping[str, Any]) -> str:
    """Return when a job or dataset was made, and by whose token; an older server does not tell."""
    by = item.get("created_by")
    return ago(item["created_at"]) + (f" by {by}" if by else "")


def parse_time(stamp: str) -> dt.datetime:
    """Return a time of the API, which is ISO 8601, and UTC where it names no zone."""
    time = dt.datetime.fromisoformat(stamp)
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)
