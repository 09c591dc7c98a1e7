"""`yard trainer`: list, show."""

from typing import Annotated
from urllib.parse import quote

import typer

from yard import console, formatting
from yard.client import Json
from yard.console import out
from yard.options import AsJson, Url, client

_WIDTH = 48  # of what a setting accepts


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
    name: Annotated[str, typer.Argument(help="The trainer's name.")],
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show a trainer and its settings, with their ranges and defaults."""
    manifest = client(url).get(f"/trainers/{quote(name, safe='')}")
    console.print_json(manifest) if as_json else _print(manifest)


def _print(manifest: Json) -> None:
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
    rows = [
        (
            key,
            formatting.yaml_scalar(field.get("default")),
            _short(manifest["accepts"][key]),
            field.get("description", ""),
        )
        for key, field in manifest["config_schema"].get("properties", {}).items()
    ]
    out.print()
    console.print_table(console.table(("--set", "default", "values", "what it does"), rows))


def _short(accepted: str) -> str:
    """What a setting accepts, cut to a column: some of a long list, and no pattern."""
    accepted = accepted.partition(" that matches ")[0]
    return accepted if len(accepted) <= _WIDTH else accepted[:_WIDTH].rpartition(",")[0] + " …"
