"""What users see: tables and colours on a terminal, plain lines elsewhere, JSON for scripts."""

import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import typer
from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from yard.errors import YardError

_CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_PLAIN_WIDTH = 200  # columns of a table that nobody sees in a terminal


def _console(*, stderr: bool = False) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if console.is_terminal:
        return console
    return Console(stderr=stderr, highlight=False, width=_PLAIN_WIDTH, soft_wrap=True)


out = _console()
err = _console(stderr=True)

_WHOLE = ("id", "status")
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


def print_json(value: Any) -> None:
    """Print one JSON document: a line if it is piped, indented on a terminal."""
    typer.echo(json.dumps(value, indent=2 if out.is_terminal else None, ensure_ascii=False))


def print_json_line(value: Any) -> None:
    """Print one JSON document on one line, for streams."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def harmless(text: str) -> str:
    """Return text without the control codes that could take over a terminal.

    Tabs, line ends and carriage returns stay: progress bars in logs are made of them.
    """
    text = _CONTROL_SEQUENCE.sub("", text)
    return "".join(char for char in text if char in "\t\n\r" or char.isprintable())


def show(what: RenderableType) -> None:
    """Print a table; away from a terminal without the spaces that would fill its lines."""
    if out.is_terminal:
        out.print(what)
        return
    with out.capture() as captured:
        out.print(what)
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def show_error(error: YardError) -> None:
    """Print what, why and what to do to standard error, as one short block."""
    err.print(Text.assemble(("error: ", "bold red"), (error.what, "red")))
    for line in filter(None, (error.why, *error.details)):
        err.print(Text("  " + line, "red"))
    if error.todo:
        err.print(Text.assemble(("  → ", "bold"), error.todo))


def job_status(job: Mapping[str, Any]) -> Text:
    """Return a job's status; at its end, when nothing but uploads is left, that."""
    uploads = job["status"] == "running" and job["phase"] == "uploading"
    return status("uploading" if uploads else job["status"])


def status(name: str) -> Text:
    """Return a status in its colour."""
    return Text(name, STATUS_STYLE.get(name, ""))


def table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = ()
) -> Table:
    """Return a table; columns named in `right` are aligned to the right."""
    result = Table(box=box.SIMPLE_HEAD if out.is_terminal else None, pad_edge=False)
    for column in columns:
        result.add_column(
            column,
            justify="right" if column in right else "left",
            overflow="fold",
            no_wrap=column in _WHOLE,  # to be copied, also from a narrow terminal
        )
    for row in rows:
        result.add_row(*(cell if isinstance(cell, Text) else Text(text(cell)) for cell in row))
    return result


def attempt(job: Mapping[str, Any]) -> str:
    """Return which attempt of how many it is; attempts lost with their machine do not count."""
    most = job["max_attempts"]
    return f"{job['attempt']} of at most {most}" if job["attempt"] <= most else f"{job['attempt']}"


def facts(rows: Iterable[tuple[str, Any]]) -> Table:
    """Return name and value lines; those without a value are left out."""
    result = Table.grid(padding=(0, 2))
    result.add_column(style="dim")
    result.add_column(overflow="fold")
    for name, value in rows:
        if value not in (None, "", {}, []):
            result.add_row(name, value if isinstance(value, Text) else Text(text(value)))
    return result


def text(value: Any) -> str:
    """Return a value as a person writes it."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def yaml_scalar(value: Any) -> str:
    """Return a value as --set takes it."""
    return value if isinstance(value, str) else json.dumps(value)


def size(count: float) -> str:
    """Return a number of bytes with a unit."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:  # noqa: PLR2004 - what a KiB is
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def duration(seconds: float) -> str:
    """Return a duration in its two largest units."""
    seconds = max(seconds, 0)
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    if minutes:
        return f"{minutes} min {rest:02} s"
    return f"{seconds:.1f} s" if seconds < 10 else f"{rest} s"  # noqa: PLR2004 - reads better


def when(stamp: str | None) -> str:
    """Return how long ago an ISO 8601 time of the API was."""
    if stamp is None:
        return "—"
    return duration((dt.datetime.now(dt.UTC) - parse_time(stamp)).total_seconds()) + " ago"


def parse_time(stamp: str) -> dt.datetime:
    """Return an ISO 8601 time of the API; one without a zone is UTC."""
    time = dt.datetime.fromisoformat(stamp)
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)
