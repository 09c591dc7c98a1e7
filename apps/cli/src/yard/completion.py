"""What a shell offers for an argument: the names that the server knows, or nothing, and never a word else."""

import re
import signal
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import typer

from yard import console, formatting, options, servers
from yard.client import Client, Json

Offers = Iterable[tuple[str, str]]
_LONGEST_S = 2.0  # that a Tab may take
_NEWEST = 100
# Of names that others chose: a shell takes what is offered as if its user had typed it.
_PLAIN = re.compile(r"[\w.@+][\w.@+-]*")
# zsh evaluates the words beside an offer, too.
_UNPLAIN = re.compile(r"[^\w .,@+·—-]")


def contexts(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Offer the names of `yard context list`."""
    return _offer(ctx, incomplete, lambda _: ((one.name, one.url) for one in servers.every()))


def datasets(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Offer names of datasets, and from an `@` on their versions."""

    def offers(api: Client) -> Offers:
        for item in _items(api, "/datasets"):
            version = f"@{item['version']}" if "@" in incomplete else ""
            yield f"{item['name']}{version}", f"{item['task']} · {item['status']}"

    return _offer(ctx, incomplete, offers)


def jobs(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Offer jobs by their names, and those that share a name or have none by their ids."""

    def offers(api: Client) -> Offers:
        found = _items(api, "/jobs", **({"q": incomplete} if incomplete else {}))
        named = Counter(item["name"] for item in found)
        for item in found:
            told = f"{item['status']} · {formatting.ago(item['created_at'])}"
            if item["name"]:
                told = f"{item['name']} · {told}"
            by_id = bool(incomplete) and item["id"].startswith(incomplete)
            if by_id or named[item["name"]] > 1 or not _PLAIN.fullmatch(item["name"] or ""):
                yield item["id"], told
            else:
                yield item["name"], told

    return _offer(ctx, incomplete, offers)


def models(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Offer names of registered models."""
    return _offer(ctx, incomplete, lambda api: ((m["name"], "") for m in _items(api, "/models")))


def statuses(incomplete: str) -> list[str]:
    """Offer statuses of jobs."""
    known = ("queued", "preparing", "running", "retrying", "cancelling")
    return [
        one for one in (*known, "succeeded", "failed", "cancelled") if one.startswith(incomplete)
    ]


def trainers(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Offer names of trainers."""

    def offers(api: Client) -> Offers:
        return ((item["name"], item["description"]) for item in _items(api, "/trainers"))

    return _offer(ctx, incomplete, offers)


def weights(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Offer names of weights."""

    def offers(api: Client) -> Offers:
        return ((item["name"], item["task"] or "") for item in _items(api, "/weights"))

    return _offer(ctx, incomplete, offers)


def _items(api: Client, path: str, **params: Any) -> list[Json]:
    found: list[Json] = api.get(path, limit=_NEWEST, **params)["items"]
    return found


def _offer(
    ctx: typer.Context, incomplete: str, offers: Callable[[Client], Offers]
) -> list[tuple[str, str]]:
    """Those that begin so, each once. Whatever goes wrong, or takes longer, there are none."""
    console.err.quiet = True  # the cursor is in the middle of the user's line
    signal.signal(signal.SIGALRM, _too_late)
    signal.setitimer(signal.ITIMER_REAL, _LONGEST_S)
    told: dict[str, str] = {}
    try:
        for name, text in offers(options.client(ctx.params.get("url"))):
            if name.startswith(incomplete) and _PLAIN.fullmatch(name):
                told.setdefault(name, _UNPLAIN.sub("", text))
    except Exception:  # noqa: BLE001 - nobody asked for more than a hint
        return []
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return [*told.items()]


class _TooLateError(Exception):
    """No kind of TimeoutError: a client would take it for the network's, and try again."""


def _too_late(_signal: int, _frame: object) -> None:
    raise _TooLateError
