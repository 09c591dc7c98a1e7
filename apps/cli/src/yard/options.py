"""Options and arguments that commands share, and what the commands make of them."""

import sys
from typing import Annotated

import typer
from rich.prompt import Confirm

from yard import console, locations, running, servers
from yard.client import Client
from yard.errors import Code, YardError

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="YARD_URL",
        help="The server. Default: the `yard dev` of this folder, else that of `yard login`, else a `yard dev` that runs, else http://localhost:30080.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
ImageSize = Annotated[
    int | None,
    typer.Option(
        "--imgsz",
        min=32,
        help="Side of the images in pixels. Default: as in training.",
        show_default=False,
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


def client(url: str | None) -> Client:
    """Return a client of the server that the options and the environment name.

    Without them that is the `yard dev` of this folder, else the context in use, else the only
    `yard dev` that runs, else the default. Where its user may expect another one, standard error
    says which it is.

    Raises:
        YardError: several run, none of them in this folder, and no context is in use.
    """
    url = (url or _found()).rstrip("/")
    return Client(url, running.token(url) or locations.token() or servers.token(url))


def _found() -> str:
    there, chosen = running.every(), servers.in_use()
    if here := locations.dev_url():
        others = [one.folder for one in there if one.url != here]
        passed_over = [f"others run on {', '.join(others)}"] if others else []
        if chosen and chosen.url != here:
            passed_over.append(f"--url {chosen.url} names {chosen.name}")
        if passed_over:
            _say(f"asking {here}, the `yard dev` of this folder; {'; '.join(passed_over)}")
        return here
    if chosen:
        if any(one.url != chosen.url for one in there):
            _say(f"asking {chosen.url}, the context in use; `yard dev` runs, too")
        return chosen.url
    if len(there) > 1:
        raise YardError(
            f"{len(there)} `yard dev` run, and none of them in this folder",
            ", ".join(f"{one.url} on {one.folder}" for one in there),
            "name one with --url or YARD_URL",
            Code.USAGE,
        )
    if there:
        _say(f"asking {there[0].url}, the `yard dev` on {there[0].folder}")
        return there[0].url
    if locations.has_state_folder():
        _say(f"no `yard dev` runs here, asking {locations.DEFAULT_URL}")
    return locations.DEFAULT_URL


def _say(which: str) -> None:
    console.err.print(which, style="dim")


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
