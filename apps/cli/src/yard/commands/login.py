"""`yard login`, and `yard context`: which server commands ask, and with which token."""

import getpass
import os
import re
import sys
from typing import Annotated
from urllib.parse import urlsplit

import typer

from yard import completion, console, running, servers
from yard.client import Client
from yard.console import err, out
from yard.errors import Code, YardError
from yard.options import AsJson
from yard.servers import Server

_LONGEST_TOKEN = 4096
Context = Annotated[
    str,
    typer.Argument(
        help="As `yard context list` has it.",
        metavar="NAME",
        autocompletion=completion.contexts,
    ),
]


def login(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="The server, e.g. https://trainyard.example.com.",
            show_default=False,
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(help="A name for it. Default: its host.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Store a server and its API token, and use it from now on.

    The token is asked for and not shown, or read: `yard login URL < FILE`.
    It is tried on the server before it is stored.
    """
    url = servers.normal(url)
    name = name or urlsplit(url).netloc
    _require_free(name, url)
    token = ""
    if not Client(url, None).takes_me():
        token = _ask()
        if not Client(url, token).takes_me():
            raise YardError(
                f"{url} does not know this token; nothing was stored",
                todo="`yard token create NAME` of an administrator makes one",
                code=Code.REFUSED,
            )
    server = Server(name, url, token)
    servers.keep(server)
    if as_json:
        console.print_json(_told(server))
        return
    kept = f"its token is in {servers.path()}" if token else "it asks for no token"
    out.print(f"logged in to {url} as context {name}; {kept}")
    if url.startswith("http:") and not running.is_of_this_machine(url):
        err.print("http:// is not encrypted: who is on the way can read the token", style="yellow")
    _warn_of_environment()


def list_contexts(as_json: AsJson = False) -> None:
    """List the servers that `yard login` has stored, without their tokens."""
    known = servers.every()
    if as_json:
        console.print_json([_told(server) for server in known])
        return
    if not known:
        out.print("no contexts yet: `yard login URL` adds one")
        return
    current = servers.in_use()
    rows = [
        ("*" if one == current else "", one.name, one.url, "stored" if one.token else "none")
        for one in known
    ]
    console.print_table(console.table(("in use", "name", "url", "token"), rows))
    _warn_of_environment()


def use(name: Context, as_json: AsJson = False) -> None:
    """Have commands ask this server from now on."""
    server = servers.use(name)
    console.print_json(_told(server)) if as_json else out.print(f"using {name}: {server.url}")
    _warn_of_environment()


def delete(name: Context, as_json: AsJson = False) -> None:
    """Forget a server and its token on this machine. The token itself stays valid."""
    server = servers.forget(name)
    if as_json:
        console.print_json(_told(server))
        return
    revoke = "; `yard token revoke` of an administrator ends its token" if server.token else ""
    out.print(f"forgot {name}: {server.url}{revoke}")


def _require_free(name: str, url: str) -> None:
    """Raise `YardError` if the name is another server's: its token could not be had again."""
    for one in servers.every():
        if one.name == name and one.url != url:
            raise YardError(
                f"the context {name} is {one.url}",
                todo=f"give another --name, or `yard context delete {name}` first",
                code=Code.USAGE,
            )


def _ask() -> str:
    if sys.stdin.isatty():
        token = getpass.getpass("API token (not shown): ")
    else:
        token = sys.stdin.read(_LONGEST_TOKEN + 1)
    token = token.strip()
    if not re.fullmatch(rf"[\x21-\x7e]{{1,{_LONGEST_TOKEN}}}", token):
        raise YardError(
            "this is not a token; nothing was sent" if token else "no token was given",
            todo="type the token alone, or `yard login URL < FILE` with a file of it",
            code=Code.USAGE,
        )
    return token


def _warn_of_environment() -> None:
    for variable in ("YARD_URL", "YARD_TOKEN"):
        if os.environ.get(variable):
            err.print(f"{variable} is set, and counts before what is stored", style="yellow")


def _told(server: Server) -> dict[str, object]:
    return {
        "name": server.name,
        "url": server.url,
        "token_stored": bool(server.token),
        "in_use": servers.in_use() == server,
    }
