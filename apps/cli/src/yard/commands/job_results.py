"""`yard job results`."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from yard import console, formatting
from yard.arguments import JobId
from yard.client import Client, Json
from yard.commands.job import FINISHED
from yard.commands.model import fetch
from yard.console import out
from yard.errors import Code, YardError
from yard.options import AsJson, Url, client

EVALUATION, EXPORTS = "evaluation.json", "export.json"
_PADDED = (
    "Exports and weights are judged on images padded to a square. An evaluation pads less, so its "
    "numbers can differ a little."
)


def results(job_id: JobId, url: Url = None, as_json: AsJson = False) -> None:
    """Show how good a job's model is, overall and class by class, or its exports side by side."""
    api = client(url)
    job = api.find("jobs", job_id)
    has_exports = EXPORTS in artifacts(api, job)
    told = exports(api, job) if has_exports else evaluation(api, job)
    if as_json:
        console.print_json(told)
        return
    try:
        _print_exports(told) if has_exports else _print(told)
    except (KeyError, TypeError, AttributeError) as error:
        raise unreadable(error, EXPORTS if has_exports else EVALUATION) from error


def padding(task: str) -> str | None:
    """Return why an export's numbers are not those of an evaluation; None where they are."""
    return None if task == "classify" else _PADDED


def artifacts(api: Client, job: Json) -> set[str]:
    """Return the names of what the job left behind."""
    return {item["name"] for item in api.get(f"/jobs/{job['id']}/artifacts")["items"]}


def exports(api: Client, job: Json) -> Json:
    """Return the export.json of a job that has one."""
    return _artifact(api, job, EXPORTS)


def evaluation(api: Client, job: Json) -> Json:
    """Return a job's evaluation.json.

    Raises:
        YardError: it has none, or one that is no JSON object.
    """
    try:
        return _artifact(api, job, EVALUATION)
    except YardError as error:
        if error.code == Code.NOT_FOUND and job["status"] in FINISHED:
            error.todo = "`yard job show JOB` shows its last metrics"
        raise


def _artifact(api: Client, job: Json, name: str) -> Json:
    with TemporaryDirectory() as folder:
        [path] = fetch(api, job, Path(folder), [name], show=False)
        return _parsed(path, name)


def _parsed(path: Path, name: str) -> Json:
    try:
        told = json.loads(path.read_text())
        return dict(told)
    except (TypeError, ValueError, RecursionError) as error:
        raise unreadable(error, name) from error


def unreadable(error: Exception, name: str) -> YardError:
    """Return what to say of a report that is not as the training contract has it."""
    why = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
    return YardError(
        f"this job's {name} cannot be read",
        f"it is not as the training contract has it: {why}",
        "`yard model pull JOB` downloads it",
        Code.REFUSED,
    )


def _print(told: Json) -> None:
    data, best = told["data"], told["best"]
    epoch = "" if best["epoch"] is None else f" of epoch {best['epoch'] + 1}"
    speed = sum(value or 0 for value in told.get("speed_ms", {}).values())
    weights = told["weights"]
    rows = [
        ("model", f"{weights['name']}{epoch}"),
        ("judged on", f"{data['split']} · {data['images']} images · {data['instances']} objects"),
        ("parameters", weights.get("parameters") and f"{weights['parameters']:,}"),
        ("GFLOPs", weights.get("gflops") and f"{weights['gflops']:.1f}"),
        ("speed", f"{speed:.1f} ms an image" if speed else None),
    ]
    if told["interim"]:
        rows.append(("note", "the best epoch's own validation, while the training went on"))
    console.print_table(console.key_value_table(rows))
    numbers = [(name, value) for name, value in told["metrics"].items()]
    console.print_table(console.table(("metric", "value"), numbers, right=("value",)))
    columns = list(dict.fromkeys(name for one in told["classes"] for name in one["metrics"]))
    if told["classes"]:
        titles = ("class", "objects", *(name.removeprefix("metrics/") for name in columns))
        console.print_table(console.table(titles, _by_class(told, columns), right=titles[1:]))
    if told.get("left_out"):
        out.print(f"left out for its size: {', '.join(told['left_out'])}")


def _print_exports(told: Json) -> None:
    data, base, metric = told["data"], told["weights"], told["metric"]
    rows = [
        ("model", base["name"]),
        ("judged on", f"{data['split']} · {data['images']} images · {told['imgsz']} pixels"),
        ("device", told["device"]),
    ]
    console.print_table(console.key_value_table(rows))
    title = metric.removeprefix("metrics/")
    titles = ("format", "file", "size", title, "drop", "p50 ms", "p95 ms")
    models = [base | {"format": "pt", "drop": None, "error": None}, *told["exports"]]
    made = [
        (
            one["format"],
            one["file"],
            formatting.size(one["size"]),
            one["metrics"][metric],
            one["drop"],
            one["latency_ms"]["p50"],
            one["latency_ms"]["p95"],
        )
        for one in models
        if not one["error"]
    ]
    console.print_table(console.table(titles, made, right=titles[2:]))
    if note := padding(told["task"]):
        out.print(note)
    for one in told["exports"]:
        if one["error"]:
            out.print(f"{one['format']} could not be exported: {one['error']}", markup=False)


def _by_class(told: Json, columns: list[str]) -> list[tuple[Any, ...]]:
    return [
        (one["name"], one["instances"], *(one["metrics"].get(name) for name in columns))
        for one in told["classes"]
    ]
