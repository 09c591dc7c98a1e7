"""`yard job`: show, cancel, finish, retry, delete, logs (list: job_list.py)."""

import datetime as dt
import time
from contextlib import suppress
from typing import Annotated
from urllib.parse import quote

import httpx
import typer

from yard import console, formatting, time_left
from yard.arguments import JobId
from yard.client import Client, Json
from yard.commands.job_follow import metrics_table
from yard.console import err, out
from yard.errors import AwayError, Code, YardError
from yard.options import AsJson, Url, Yes, client, confirm_deletion

FINISHED = ("succeeded", "failed", "cancelled")
_AGAIN_S = 2.0  # between two sendings of a cancel that was not taken
_LONGEST_VALUE = 500  # characters of a config field
_PERMANENT_CAUSES = ("config_invalid", "dataset_invalid")  # a retry would fail the same way


def show(job_id: JobId, url: Url = None, as_json: AsJson = False) -> None:
    """Show a job: status, cause, progress, config, metrics and, of several, each attempt."""
    api = client(url)
    found = api.find("jobs", job_id)
    if as_json:
        console.print_json(found)
    else:
        _print(found, _config(api, found), _time_left(api, found))
        _print_attempts(api, found)


def _time_left(api: Client, item: Json) -> str | None:
    if item["status"] != "running" or not item["epoch"]:
        return None
    rows = api.get(f"/jobs/{item['id']}/metrics")["items"]
    return time_left.told(item, rows, dt.datetime.now(dt.UTC))


def _config(api: Client, item: Json) -> str:
    """What the job sets otherwise than its trainer's defaults; everything if that trainer is gone."""
    defaults: Json = {}
    with suppress(YardError):
        schema = api.get(f"/trainers/{quote(item['trainer'], safe='')}")["config_schema"]
        defaults = {
            key: field.get("default", ...) for key, field in schema.get("properties", {}).items()
        }
    changed = {k: v for k, v in item["config"].items() if k not in defaults or v != defaults[k]}
    told = [f"{key}={_shortened(formatting.yaml_scalar(value))}" for key, value in changed.items()]
    same = len(item["config"]) - len(changed)
    if same:
        told.append(f"{same} defaults")
    return ", ".join(told)


def _shortened(value: str) -> str:
    """An image, or a model's YAML, tells no more than its beginning does."""
    return value if len(value) <= _LONGEST_VALUE else f"{value[:_LONGEST_VALUE]}… ({len(value)})"


def _print(item: Json, config: str, left: str | None) -> None:
    epochs = item["config"].get("epochs")
    epoch = None if item["epoch"] is None else f"{item['epoch'] + 1} of {epochs or '?'} finished"
    console.print_table(
        console.key_value_table(
            [
                ("job", f"{item['id']}  {item['name'] or ''}".rstrip()),
                ("status", formatting.job_status(item)),
                ("cause", item["cause"]),
                ("message", item["message"]),
                ("trainer", f"{item['trainer']} · {item['task']}"),
                ("dataset", item["dataset_id"] or "its script's own"),
                ("nodes", formatting.nodes(item["resources"])),
                ("attempt", formatting.attempt(item)),
                ("phase", None if item["status"] in FINISHED else item["phase"]),
                ("epoch", epoch),
                ("best", _best(item)),
                ("progress", formatting.progress(item)),
                ("speed", item["speed"] and f"{item['speed']:.0f} images/s"),
                ("debugger", item["debug_port"] and f"127.0.0.1:{item['debug_port']}"),
                ("created", formatting.made(item)),
                (
                    "took" if item["finished_at"] else "runs for",
                    item["started_at"] and formatting.took(item),
                ),
                ("time left", left),
                ("log", formatting.size(item["log_size"])),
                ("weights", (item.get("weights") or {}).get("name")),
                ("tags", ", ".join(item.get("tags", []))),
                ("notes", item.get("notes") and formatting.text(item["notes"])),
                ("config", config),
            ]
        )
    )
    if item["metrics"]:
        console.print_table(metrics_table(item["metrics"]))


def _print_attempts(api: Client, item: Json) -> None:
    """The first one is the job itself; an older server tells of none."""
    if item["attempt"] < 2:  # noqa: PLR2004
        return
    with suppress(YardError):
        rows = [
            (
                one["number"],
                one["executor"],
                formatting.ago(one["launched_at"]),
                None if one["epoch"] is None else one["epoch"] + 1,
                one["cause"] or ("ended" if one["ended_at"] else "runs"),
                one["message"],
            )
            for one in api.get(f"/jobs/{item['id']}/attempts")["items"]
        ]
        columns = ("attempt", "ran as", "began", "epochs", "ended as", "message")
        out.print()
        console.print_table(console.table(columns, rows, right=("epochs",)))


def _best(item: Json) -> str | None:
    """How good the best model is; an older server does not tell."""
    if not (best := item.get("best")):
        return None
    of = "" if best["epoch"] is None else f" of epoch {best['epoch'] + 1}"
    return f"{best['metric']} {formatting.text(best['value'])}{of}"


def cancel(job_id: JobId, url: Url = None, as_json: AsJson = False) -> None:
    """Cancel a job. Its checkpoints, metrics and log are kept.

    While the platform cannot take it, e.g. without its database, it is sent again until it is taken.
    """
    api = client(url)
    answered = said = False
    while True:
        try:
            _post(api, job_id, "cancel", as_json=as_json)
        except AwayError as away:
            # Whoever has never been there may be a wrong address.
            answered |= not isinstance(away.__cause__, httpx.ConnectError)
            if not answered:
                raise
            if not said:
                console.show_error(away)
                err.print("not cancelled yet: sent again until it is taken; Ctrl-C gives it up")
            said = True
            time.sleep(_AGAIN_S)
        else:
            return


def finish(job_id: JobId, url: Url = None, as_json: AsJson = False) -> None:
    """End a training after its current epoch; keep its best model."""
    _post(client(url), job_id, "finish-early", as_json=as_json)
    if not as_json:
        out.print("it ends after its current epoch, and keeps its best model")


def retry(job_id: JobId, url: Url = None, as_json: AsJson = False) -> None:
    """Continue a failed or cancelled job from its last checkpoint."""
    _post(client(url), job_id, "retry", as_json=as_json)


def delete(job_id: JobId, yes: Yes = False, url: Url = None, as_json: AsJson = False) -> None:
    """Delete a finished job with its log, metrics, checkpoints and model."""
    api = client(url)
    found = api.find("jobs", job_id)
    confirm_deletion(f"job {_label(found)} with its log, metrics, checkpoints and model", yes=yes)
    api.delete(f"/jobs/{found['id']}")
    console.print_json(found) if as_json else out.print(f"deleted job {_label(found)}")


def edit(
    job_id: JobId,
    *,
    name: Annotated[
        str | None, typer.Option(help='A new name; "" takes it away.', show_default=False)
    ] = None,
    notes: Annotated[
        str | None, typer.Option(help='New notes; "" takes them away.', show_default=False)
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Add a tag; may be repeated.")] = None,
    untag: Annotated[
        list[str] | None, typer.Option(help="Take a tag away; may be repeated.")
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Change a job's name, notes and tags."""
    told = {"name": name, "notes": notes}
    if not (tag or untag or any(value is not None for value in told.values())):
        raise YardError(
            "nothing was changed",
            "no option says what to change",
            "`yard job edit --help` lists them",
            Code.USAGE,
        )
    api = client(url)
    found = api.find("jobs", job_id)
    changes: Json = {key: value or None for key, value in told.items() if value is not None}
    if tag or untag:
        changes["tags"] = sorted({*found["tags"], *(tag or [])} - {*(untag or [])})
    item = api.patch(f"/jobs/{found['id']}", changes)
    if as_json:
        console.print_json(item)
        return
    tags = f", tagged {', '.join(item['tags'])}" if item["tags"] else ""
    out.print(f"job {_label(item)}{tags}")


def _label(item: Json) -> str:
    return f"{item['id']} {formatting.text(item['name'] or '')}".rstrip()


def _post(api: Client, job_id: str, verb: str, *, as_json: bool) -> None:
    found = api.find("jobs", job_id)
    item = api.post(f"/jobs/{found['id']}/{verb}")
    if as_json:
        console.print_json(item)
        return
    out.print(formatting.status(item["status"]), _label(item))
    if item["status"] not in FINISHED:
        out.print(f"`yard job show {item['id'][:6]}` shows its progress")


def fail_unless_succeeded(item: Json) -> None:
    """Turn a finished job into the exit code of the command that waited for it.

    Raises:
        YardError: the job failed or was cancelled.
    """
    if item["status"] == "succeeded":
        return
    todo = f"`yard logs {item['id'][:6]}` prints the trainer's log"
    if item["cause"] not in _PERMANENT_CAUSES:
        todo += f", `yard job retry {item['id'][:6]}` continues from the last checkpoint"
    raise YardError(
        f"job {item['id']} {item['status']}" + (f": {item['cause']}" if item["cause"] else ""),
        item["message"] or "",
        todo,
        Code.FAILED,
    )
