"""`yard trainer`: list, show."""

from itertools import groupby
from typing import Annotated
from urllib.parse import quote

import typer

from yard import console, formatting
from yard.arguments import TrainerName
from yard.client import Json
from yard.console import out
from yard.options import AsJson, Url, client

_WIDTH = 48  # of what a config field accepts


def list_trainers(url: Url = None, as_json: AsJson = False) -> None:
    """List the trainers."""
    items = client(url).get("/trainers")["items"]
    if as_json:
        console.print_json(items)
        return
    rows = [
        (item["name"], item["version"], ", ".join(item["tasks"]), item["description"])
        for item in items
    ]
    console.print_table(console.table(("trainer", "version", "tasks", "what it is"), rows))


def show(
    name: TrainerName,
    advanced: Annotated[
        bool,
        typer.Option("--advanced", help="Show the config fields that are seldom changed, too."),
    ] = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show a trainer and its config fields, with their ranges and defaults."""
    manifest = client(url).get(f"/trainers/{quote(name, safe='')}")
    console.print_json(manifest) if as_json else _print(manifest, advanced)


def _print(manifest: Json, advanced: bool) -> None:
    console.print_table(
        console.key_value_table(
            [
                ("trainer", f"{manifest['name']} {manifest['version']}"),
                ("what it is", manifest["description"]),
                ("tasks", ", ".join(manifest["tasks"])),
                ("image", manifest.get("image")),
            ]
        )
    )
    fields = manifest["config_schema"].get("properties", {})
    shown = {key: field for key, field in fields.items() if advanced or not field.get("advanced")}
    rows = []
    for group, members in groupby(shown.items(), lambda item: str(item[1].get("group", ""))):
        if group:
            rows += [("", "", "", ""), (group, "", "", "")]
        rows += [
            (
                key,
                formatting.yaml_scalar(field.get("default")),
                _short(manifest["accepts"][key]),
                field.get("description", ""),
            )
            for key, field in members
        ]
    out.print()
    console.print_table(console.table(("--set", "default", "values", "what it does"), rows))
    if len(shown) < len(fields):
        out.print(f"\n{len(fields) - len(shown)} more are seldom changed; --advanced shows them")


def _short(accepted: str) -> str:
    """What a config field accepts, cut to a column: some of a long list, and no pattern."""
    accepted = accepted.partition(" that matches ")[0]
    if len(accepted) <= _WIDTH:
        return accepted
    cut = accepted[:_WIDTH]
    return (cut.rpartition(",")[0] or cut.rpartition(" or ")[0] or cut) + " …"
