"""`yard token`: create, list, revoke."""

import datetime as dt
import re
from typing import Annotated

import typer

from yard import console, formatting
from yard.client import Json
from yard.console import err, out
from yard.errors import Code, YardError
from yard.options import AsJson, Url, client


def create(
    name: Annotated[str, typer.Argument(help="Who or what uses it, e.g. ci.")],
    read_only: Annotated[bool, typer.Option("--read-only", help="It changes nothing.")] = False,
    expires: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="When it ends: 30m, 12h or 90d from now. Default: when it is revoked.",
            show_default=False,
        ),
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Make an API token, and print its secret; nobody can read that again.

    Needs an administrator's token: `yard dev` has one, in a cluster `python -m backend token create`
    makes one.
    """
    _refuse_secret(name)
    fields: Json = {"name": name, "access": "read" if read_only else "write"}
    if expires is not None:
        fields["expires_in_s"] = formatting.seconds(expires, "--expires")
    made = client(url).post("/tokens", fields)
    if as_json:
        console.print_json(made)
        return
    err.print(f"{_label(made)}: set YARD_TOKEN to this; it is shown only now", style="dim")
    out.print(made["token"])


def list_tokens(url: Url = None, as_json: AsJson = False) -> None:
    """List the API tokens, newest first, without their secrets. Needs an administrator's."""
    items = [*client(url).items("/tokens")]
    if as_json:
        console.print_json(items)
        return
    if not items:
        out.print("no tokens yet: `yard token create NAME` makes one")
        return
    rows = [
        (
            item["name"],
            item["access"],
            item["created_by"],
            formatting.ago(item["created_at"]),
            formatting.ago(item["last_used_at"]),
            _end(item),
        )
        for item in items
    ]
    columns = ("name", "access", "made by", "made", "last used", "ends")
    console.print_table(console.table(columns, rows))


def revoke(
    name: Annotated[str, typer.Argument(help="As `yard token list` has it.")],
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """End an API token, for good and within seconds. Needs an administrator's."""
    _refuse_secret(name)
    if not re.fullmatch(r"[\w.-]+", name):
        raise YardError(
            f"there is no token {name}", todo="`yard token list` shows them", code=Code.NOT_FOUND
        )
    client(url).delete(f"/tokens/{name}")
    console.print_json({"name": name}) if as_json else out.print(f"revoked token {name}")


def _refuse_secret(name: str) -> None:
    """Raise `YardError` for a token in place of its name: servers and proxies log names and paths."""
    if re.match(r"yard_[\w-]{32}", name.strip()):
        raise YardError(
            "NAME is a token itself, not a token's name; nothing was sent",
            todo="`yard token list` shows the names: `yard token revoke NAME` ends a token by its name",
            code=Code.USAGE,
        )


def _label(item: Json) -> str:
    reads = "only reads" if item["access"] == "read" else "reads and writes"
    return f"token {item['name']} {reads}, ends {_end(item)}"


def _end(item: Json) -> str:
    if item["revoked_at"]:
        return f"revoked {formatting.ago(item['revoked_at'])}"
    if not item["expires_at"]:
        return "when revoked"
    left = (formatting.parse_time(item["expires_at"]) - dt.datetime.now(dt.UTC)).total_seconds()
    return f"in {formatting.duration(left)}" if left > 0 else "expired"
