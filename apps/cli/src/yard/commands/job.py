"""`yard jobs`, `yard job`, `yard logs`, `yard cancel`, `yard retry`."""

import codecs
from typing import Annotated, Any

import typer

from yard import console
from yard.client import Client, Json
from yard.commands.job_follow import metrics_table, stream
from yard.console import out
from yard.errors import Code, YardError
from yard.options import AsJson, JobId, Url, client

FINISHED = ("succeeded", "failed", "cancelled")
_HOPELESS = ("config_invalid", "dataset_invalid")  # again, they would end the same way


def jobs(
    status: Annotated[
        list[str] | None,
        typer.Option(help="Only these, e.g. running; may be given more than once."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """List the jobs, newest first."""
    api = client(url)
    params: dict[str, Any] = {"status": status} if status else {}
    items = [item for item, _ in zip(api.items("/jobs", **params), range(limit), strict=False)]
    if as_json:
        console.print_json(items)
        return
    if not items:
        out.print("no such jobs" if status else "no jobs yet: `yard train DATASET` starts one")
        return
    rows = [
        (
            item["id"],
            item["name"],
            console.job_status(item),
            _progress(item),
            item["cause"] if item["status"] != "succeeded" else None,
            _took(item),
            console.when(item["created_at"]),
        )
        for item in items
    ]
    columns = ("id", "name", "status", "progress", "cause", "took", "created")
    console.show(console.table(columns, rows, right=("progress",)))


def _progress(job: Json) -> str:
    return "—" if job["progress"] is None else f"{job['progress']:.0%}"


def _took(job: Json) -> str:
    if not (job["started_at"] and job["finished_at"]):
        return "—"
    span = console.parse_time(job["finished_at"]) - console.parse_time(job["started_at"])
    return console.duration(span.total_seconds())


def job(job_id: JobId, url: Url = None, as_json: AsJson = False) -> None:
    """Show one job."""
    found = client(url).find("jobs", job_id)
    if as_json:
        console.print_json(found)
    else:
        show(found)


def show(item: Json) -> None:
    """Print a job as a person reads it."""
    epochs = item["config"].get("epochs")
    epoch = None if item["epoch"] is None else f"{item['epoch'] + 1} of {epochs or '?'} finished"
    console.show(
        console.facts(
            [
                ("job", f"{item['id']}  {item['name'] or ''}".rstrip()),
                ("status", console.job_status(item)),
                ("cause", item["cause"]),
                ("message", item["message"]),
                ("trainer", f"{item['trainer']} · {item['task']}"),
                ("dataset", item["dataset_id"]),
                ("attempt", console.attempt(item)),
                ("phase", None if item["status"] in FINISHED else item["phase"]),
                ("epoch", epoch),
                ("progress", _progress(item)),
                ("speed", item["speed"] and f"{item['speed']:.0f} images/s"),
                ("debugger", item["debug_port"] and f"127.0.0.1:{item['debug_port']}"),
                ("created", console.when(item["created_at"])),
                ("took", _took(item)),
                ("log", console.size(item["log_size"])),
                (
                    "config",
                    ", ".join(f"{k}={console.yaml_scalar(v)}" for k, v in item["config"].items()),
                ),
            ]
        )
    )
    if item["metrics"]:
        console.show(metrics_table(item["metrics"]))


def logs(
    job_id: JobId,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the job is finished.")
    ] = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Print what the trainer printed."""
    api = client(url)
    found = api.find("jobs", job_id)
    if follow:
        for event in stream(api, found["id"]):
            if event.kind == "log":
                _emit(event.data["text"], event.data["offset"], as_json=as_json)
        return
    offset, decoder = 0, codecs.getincrementaldecoder("utf-8")("replace")
    while True:
        response = api.read(f"/jobs/{found['id']}/logs", offset=offset)
        if not response.content:
            return
        _emit(decoder.decode(response.content), offset, as_json=as_json)
        offset = int(response.headers["X-Log-Offset"])


def _emit(text: str, offset: int, *, as_json: bool) -> None:
    if as_json:
        console.print_json_line({"offset": offset, "text": text})
    else:
        # The text is a trainer's and may hold control codes meant for its own terminal.
        typer.echo(console.harmless(text), nl=False)


def cancel(job_id: JobId, url: Url = None, as_json: AsJson = False) -> None:
    """Stop a job. What it has finished is kept."""
    _command(client(url), job_id, "cancel", as_json=as_json)


def retry(job_id: JobId, url: Url = None, as_json: AsJson = False) -> None:
    """Run a failed or cancelled job again, from its last checkpoint."""
    _command(client(url), job_id, "retry", as_json=as_json)


def _command(api: Client, job_id: str, verb: str, *, as_json: bool) -> None:
    found = api.find("jobs", job_id)
    item = api.post(f"/jobs/{found['id']}/{verb}")
    if as_json:
        console.print_json(item)
        return
    out.print(console.status(item["status"]), f"{item['id']} {item['name'] or ''}".rstrip())
    if item["status"] not in FINISHED:
        out.print(f"`yard job {item['id'][:6]}` shows how it goes on")


def fail_unless_succeeded(item: Json) -> None:
    """Turn a finished job into the exit code of the command that waited for it.

    Raises:
        YardError: the job failed or was cancelled.
    """
    if item["status"] == "succeeded":
        return
    todo = f"`yard logs {item['id'][:6]}` shows what the trainer said"
    if item["cause"] not in _HOPELESS:
        todo += f", `yard retry {item['id'][:6]}` goes on from the last checkpoint"
    raise YardError(
        f"job {item['id']} {item['status']}" + (f": {item['cause']}" if item["cause"] else ""),
        item["message"] or "",
        todo,
        Code.FAILED,
    )
