"""The options that every command shares."""

from typing import Annotated

import typer

from yard import console, locations
from yard.client import Client

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="YARD_URL",
        help="The server. Default: the running `yard dev`, else http://localhost:30080.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
JobId = Annotated[
    str, typer.Argument(help="A job's id, the beginning of it, or its name.", metavar="JOB")
]


def client(url: str | None) -> Client:
    """Return the client for the server that the options and the environment name."""
    found = locations.resolve_url(url)
    if not url and found == locations.DEFAULT_URL and locations.state_here():
        console.err.print(f"no `yard dev` runs here, asking {found}", style="dim")
    return Client(found, locations.token())
