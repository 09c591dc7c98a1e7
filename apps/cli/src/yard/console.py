"""Printing: tables and colours on a terminal, plain lines elsewhere, JSON for scripts."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from rich import box
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from yard.errors import YardError
from yard.formatting import escape_json, size, strip_control_codes, text

_PLAIN_WIDTH = 200  # columns of a table that is piped or redirected
_UNBROKEN = ("id", "status")  # columns to copy from, also on a narrow terminal


class _Console(Console):
    """Prints text as it is: names come from others, and are neither markup nor control codes."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(strip_control_codes(text), **options)


def _console(*, stderr: bool = False) -> Console:
    plain: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False}
    console = _Console(stderr=stderr, **plain)
    if console.is_terminal:
        return console
    return _Console(stderr=stderr, width=_PLAIN_WIDTH, soft_wrap=True, **plain)


out = _console()
err = _console(stderr=True)


def print_json(value: Any) -> None:
    """Print one JSON document: a line if it is piped, indented on a terminal."""
    indent = 2 if out.is_terminal else None
    typer.echo(escape_json(json.dumps(value, indent=indent, ensure_ascii=False)))


def print_json_line(value: Any) -> None:
    """Print one JSON document on one line, for streams."""
    typer.echo(escape_json(json.dumps(value, ensure_ascii=False)))


def print_table(rows: RenderableType) -> None:
    """Print a table. Piped lines end without the padding of the last column."""
    if out.is_terminal:
        out.print(rows)
        return
    with out.capture() as captured:
        out.print(rows)
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def show_error(error: YardError) -> None:
    """Print what happened, why and what to do to standard error, as one short block."""
    err.print(Text.assemble(("error: ", "bold red"), (text(error.what), "red")))
    for line in filter(None, (error.why, *error.details)):
        err.print(Text("  " + strip_control_codes(line), "red"))
    if error.todo:
        err.print(Text.assemble(("  → ", "bold"), text(error.todo)))


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
            no_wrap=column in _UNBROKEN,
        )
    for row in rows:
        result.add_row(*(cell if isinstance(cell, Text) else Text(text(cell)) for cell in row))
    return result


def key_value_table(rows: Iterable[tuple[str, Any]]) -> Table:
    """Return a table of names and values; rows without a value are left out."""
    result = Table.grid(padding=(0, 2))
    result.add_column(style="dim")
    result.add_column(overflow="fold")
    for name, value in rows:
        if value not in (None, "", {}, []):
            result.add_row(name, value if isinstance(value, Text) else Text(text(value)))
    return result


def say_shown(shown: int, total: int | None) -> None:
    """Say on standard error that a list goes on; without a total it may."""
    if total is None or total > shown:
        which = f"at most {shown:,}" if total is None else f"the newest {shown:,} of {total:,}"
        err.print(f"{which} are shown; --limit shows more", style="dim")


class _SpeedColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{size(task.speed)}/s" if task.speed else "")


@contextmanager
def transfer_bar(what: str, total: int, *, show: bool) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on a terminal; yield the function that adds transferred bytes to it.

    Args:
        what: written before the bar.
        total: bytes in all.
        show: whether to draw it; on a pipe it is never drawn.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        _SpeedColumn(),
    )
    with _bar(columns, what, total, show=show) as advance:
        yield advance


@contextmanager
def count_bar(what: str, total: int, *, show: bool) -> Iterator[Callable[[int], None]]:
    """Show a progress bar of things that are counted; else as `transfer_bar`."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with _bar(columns, what, total, show=show) as advance:
        yield advance


@contextmanager
def _bar(
    columns: Sequence[ProgressColumn], what: str, total: int, *, show: bool
) -> Iterator[Callable[[int], None]]:
    visible = show and out.is_terminal
    with Progress(*columns, console=out, disable=not visible, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)
