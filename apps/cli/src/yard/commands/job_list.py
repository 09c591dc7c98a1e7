"""`yard job list`, which `--watch` keeps current."""

from collections.abc import Iterable
from itertools import islice
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.table import Table

from yard import completion, console, formatting
from yard.client import Client, Json
from yard.commands.job_follow import changes
from yard.console import err, out
from yard.errors import Code
from yard.options import AsJson, Url, client

_MOST_WATCHED = 500  # on a page of the API


def list_jobs(
    *,
    status: Annotated[
        list[str] | None,
        typer.Option(
            help="Only jobs with this status, e.g. running; may be repeated.",
            autocompletion=completion.statuses,
        ),
    ] = None,
    tag: Annotated[
        str | None, typer.Option(help="Only jobs with this tag.", show_default=False)
    ] = None,
    search: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Only jobs with this in their name or notes, or at the beginning of their id.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 50,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show what changes until Ctrl-C.")
    ] = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """List the jobs, newest first."""
    api = client(url)
    params: dict[str, Any] = {"status": status} if status else {}
    params |= {"tag": tag} if tag else {}
    params |= {"q": search} if search else {}
    if watch:
        if limit > _MOST_WATCHED:
            err.print(f"the newest {_MOST_WATCHED} are watched", style="dim")
        _watch(api, params | {"limit": min(limit, _MOST_WATCHED)}, as_json=as_json)
        return
    items = [*islice(api.items("/jobs", **params), limit)]
    if as_json:
        console.print_json(items)
        return
    if not items:
        out.print("no such jobs" if params else "no jobs yet: `yard train DATASET` starts one")
        return
    console.print_table(_table(items))
    if len(items) == limit:
        console.say_shown(limit, api.total("/jobs", **params))


def _watch(api: Client, params: Json, *, as_json: bool) -> None:
    """Keep a table on a terminal; elsewhere print each job again whenever it changes."""
    shown: list[Json] = []
    live = Live(console=out, get_renderable=lambda: _table(shown), refresh_per_second=1)
    if out.is_terminal and not as_json:
        live.start()
    try:
        known: dict[str, Json] = {}
        for told in changes(api, params):
            known |= {item["id"]: item for item in told["items"]}
            shown = [known[id_] for id_ in told["ids"]]
            if as_json:
                for item in told["items"]:
                    console.print_json_line(item)
            elif live.is_started:
                live.refresh()
            elif told["items"]:
                console.print_table(_table(told["items"]))
    except KeyboardInterrupt:
        raise typer.Exit(Code.INTERRUPTED) from None
    finally:
        live.stop()


def _table(items: Iterable[Json]) -> Table:
    rows = [
        (
            item["id"],
            item["name"],
            formatting.job_status(item),
            formatting.progress(item),
            item["cause"] if item["status"] != "succeeded" else None,
            formatting.took(item),
            formatting.ago(item["created_at"]),
        )
        for item in items
    ]
    columns = ("id", "name", "status", "progress", "cause", "took", "created")
    return console.table(columns, rows, right=("progress",))
