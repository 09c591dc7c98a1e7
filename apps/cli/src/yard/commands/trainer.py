"""`yard trainers`."""

from typing import Annotated

import typer

from yard import console
from yard.client import Json
from yard.console import out
from yard.options import AsJson, Url, client


def trainers(
    name: Annotated[
        str | None, typer.Argument(help="Show what this trainer can be told.", show_default=False)
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """List the trainers, or what one of them can be told with --set."""
    api = client(url)
    if name:
        manifest = api.get(f"/trainers/{name}")
        console.print_json(manifest) if as_json else _show(manifest)
        return
    items = api.get("/trainers")["items"]
    if as_json:
        console.print_json(items)
        return
    rows = [
        (item["name"], item["version"], ", ".join(item["tasks"]), item["description"])
        for item in items
    ]
    console.show(console.table(("trainer", "version", "tasks", "what it is"), rows))


def _show(manifest: Json) -> None:
    console.show(
        console.facts(
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
            console.yaml_scalar(field.get("default")),
            _range(field),
            field.get("description", ""),
        )
        for key, field in manifest["config_schema"].get("properties", {}).items()
    ]
    out.print()
    console.show(console.table(("--set", "default", "values", "what it does"), rows))


def _range(field: Json) -> str:
    """Return the allowed values of one property in a few words."""
    if "enum" in field:
        values = [str(value) for value in field["enum"]]
        shown = " ".join(values[:6])
        return f"{shown} … ({len(values)})" if len(values) > 6 else shown  # noqa: PLR2004 - a line
    kinds = field.get("type", "")
    kind = kinds if isinstance(kinds, str) else "|".join(kinds)
    low = field.get("minimum", field.get("exclusiveMinimum"))
    high = field.get("maximum", field.get("exclusiveMaximum"))
    if low is None and high is None:
        return "true false" if kind == "boolean" else kind
    above = "" if low is None else f"{low} ≤ " if "minimum" in field else f"{low} < "
    below = "" if high is None else f" ≤ {high}" if "maximum" in field else f" < {high}"
    return f"{above}{kind}{below}"
