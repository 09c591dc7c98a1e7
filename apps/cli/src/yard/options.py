"""Options and arguments that commands share, and what the commands make of them."""

import sys
from typing import Annotated

import typer
from rich.prompt import Confirm

from yard import console, locations
from yard.client import Client
from yard.errors import Code, YardError

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
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
JobId = Annotated[
    str, typer.Argument(help="A job's id, the beginning of it, or its name.", metavar="JOB")
]


def client(url: str | None) -> Client:
    """Return a client of the server that the options and the environment name."""
    found = locations.resolve_url(url)
    if not url and found == locations.DEFAULT_URL and locations.has_state_folder():
        console.err.print(f"no `yard dev` runs here, asking {found}", style="dim")
    return Client(found, locations.token())


def confirm_deletion(what: str, *, yes: bool) -> None:
    """Ask whether to delete; return if the answer is yes.

    Args:
        what: what is lost, in words.
        yes: the answer given in advance.

    Raises:
        YardError: the answer is no, or there is no terminal to ask on.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise YardError(
            f"not deleted: {what}",
            "deletion needs a confirmation, and standard input is not a terminal",
            "add --yes to delete without being asked",
            Code.USAGE,
        )
    if not Confirm.ask(f"Delete {what}?", console=console.err, default=False):
        raise YardError("nothing was deleted")
