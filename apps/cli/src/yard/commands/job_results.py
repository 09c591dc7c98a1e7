"""`yard job results`."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from yard import console
from yard.client import Client, Json
from yard.commands.job import FINISHED
from yard.commands.model import fetch
from yard.console import out
from yard.errors import Code, YardError
from yard.options import AsJson, JobId, Url, client

_NAME = "evaluation.json"


def results(job_id: JobId, url: Url = None, as_json: AsJson = False) -> None:
    """Show how good a job's model is: overall and class by class."""
    api = client(url)
    job = api.find("jobs", job_id)
    told = evaluation(api, job)
    if as_json:
        console.print_json(told)
        return
    try:
        _print(told)
    except (KeyError, TypeError, AttributeError) as error:
        raise unreadable(error) from error


def evaluation(api: Client, job: Json) -> Json:
    """Return a job's evaluation.json.

    Raises:
        YardError: it has none, or one that is no JSON object.
    """
    with TemporaryDirectory() as folder:
        try:
            [path] = fetch(api, job, Path(folder), [_NAME], show=False)
        except YardError as error:
            if error.code == Code.NOT_FOUND and job["status"] in FINISHED:
                error.todo = "`yard job show JOB` shows its last metrics"
            raise
        return _parsed(path)


def _parsed(path: Path) -> Json:
    try:
        told = json.loads(path.read_text())
        return dict(told)
    except (TypeError, ValueError) as error:
        raise unreadable(error) from error


def unreadable(error: Exception) -> YardError:
    """Return what to say of an evaluation.json that is not as the training contract has it."""
    return YardError(
        f"this job's {_NAME} cannot be read",
        f"it is not as the training contract has it: {error!r}",
        "`yard model pull JOB` downloads it",
        Code.REFUSED,
    )


def _print(told: Json) -> None:
    data, best = told["data"], told["best"]
    epoch = None if best["epoch"] is None else f"{best['epoch'] + 1}"
    speed = sum(value or 0 for value in told.get("speed_ms", {}).values())
    weights = told["weights"]
    rows = [
        ("model", f"{weights['name']} of epoch {epoch or '?'}"),
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


def _by_class(told: Json, columns: list[str]) -> list[tuple[Any, ...]]:
    return [
        (one["name"], one["instances"], *(one["metrics"].get(name) for name in columns))
        for one in told["classes"]
    ]
