"""Follow a job live: status, metrics of each epoch, log lines. Or a list of jobs."""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from yard import console, formatting, time_left
from yard.client import Client, Json
from yard.console import err, out

_HEADLINE_METRICS = ("loss", "map50", "map50-95", "accuracy_top1", "accuracy_top5")


@dataclasses.dataclass(frozen=True)
class Event:
    """One event of a job: `state`, `metrics`, `log` or `end`."""

    kind: str
    data: Json


def stream(api: Client, job_id: str, *, log_offset: int = 0) -> Iterator[Event]:
    """Yield a job's events up to and including its end, without its log before this byte."""
    wanted = {"log_offset": log_offset} if log_offset else {}
    return _events(api, f"/jobs/{job_id}/events", "the job goes on, ", **wanted)


def changes(api: Client, params: Json) -> Iterator[Json]:
    """Yield the jobs of a list, then what changes in it, without end.

    Args:
        api: its server.
        params: as of `GET /jobs`.

    Yields:
        `ids` of the jobs in it, in order, and those as `items` that are new or have changed.
    """
    return (event.data for event in _events(api, "/jobs/events", **params))


def _events(api: Client, path: str, meanwhile: str = "", **params: Any) -> Iterator[Event]:
    lost = False

    def on_break() -> None:
        nonlocal lost
        if not lost:
            err.print(f"connection lost; {meanwhile}reconnecting …", style="yellow")
        lost = True

    for event in api.events(path, on_break, **params):
        lost = False
        yield Event(event.event, json.loads(event.data or "{}"))


def follow_json(api: Client, job_id: str) -> None:
    """Print each event as a line of JSON."""
    for event in stream(api, job_id):
        console.print_json_line({"event": event.kind, **event.data})


def headline(values: Json) -> dict[str, float]:
    """Return the metrics that people watch, by short names.

    Training losses are summed: their names and number differ by task.
    """
    short = dict[str, float]()
    losses = [
        number
        for name, number in values.items()
        if "loss" in name and not name.startswith("val/") and isinstance(number, int | float)
    ]
    if losses:
        short["loss"] = sum(losses)
    for name, number in values.items():
        key = name.removeprefix("metrics/").split("(")[0]
        if key.lower() in _HEADLINE_METRICS:
            short.setdefault(key, number)
    return short


def _line(epoch: int, epochs: int | None, values: Json) -> Text:
    cells = [f"epoch {epoch + 1:>3}/{epochs or '?'}"]
    cells += [f"{name} {number:.3f}" for name, number in headline(values).items()]
    return Text("   ".join(cells))


class Follower:
    """Prints a line per change of status and per epoch, and on a terminal a progress bar below."""

    def __init__(self, job: Json) -> None:
        self._job = job
        self._printed: tuple[Any, ...] = ()
        self._debugger: int | None = None
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[speed]}", style="dim"),
            TextColumn("{task.fields[left]}", style="dim"),
            console=out,
        )
        self._task = self._bar.add_task(job["status"], total=1.0, speed="", left="")
        self._epochs: list[Json] = []

    def run(self, api: Client) -> Json:
        """Follow the job to its end; return its final state."""
        live = Live(self._bar, console=out, transient=True) if out.is_terminal else None
        try:
            if live:
                live.start()
            for event in stream(api, self._job["id"], log_offset=self._job["log_size"]):
                if event.kind == "state":
                    self._state(event.data)
                elif event.kind == "metrics":
                    epochs = self._job["config"].get("epochs")
                    out.print(_line(event.data["epoch"], epochs, event.data["values"]))
                    self._epochs.append(event.data)
                    self._show_time_left()
        finally:
            if live:
                live.stop()
        return api.get(f"/jobs/{self._job['id']}")

    def _show_time_left(self) -> None:
        now = formatting.parse_time(self._epochs[-1]["at"])
        left = time_left.told(self._job, self._epochs, now)
        self._bar.update(self._task, left=f"{left} left" if left else "")

    def _state(self, job: Json) -> None:
        self._job = job
        what = job["phase"] if job["status"] == "running" and job["phase"] else job["status"]
        speed = f"{job['speed']:.0f} images/s" if job["speed"] else ""
        self._bar.update(self._task, description=what, completed=job["progress"] or 0, speed=speed)
        if job["debug_port"] not in (None, self._debugger):
            self._debugger = job["debug_port"]
            out.print(f"the training waits for a debugger on 127.0.0.1:{self._debugger}")
        line = formatting.job_status(job)
        state = (line.plain, job["attempt"])
        if state == self._printed:
            return
        self._printed = state
        if job["attempt"] > 1:
            line.append(f" (attempt {formatting.attempt(job)})")
        # The caller reports how the job ended.
        if job["message"] and not job["finished_at"]:
            line.append(f": {job['message']}")
        out.print(line)


def metrics_table(values: Json) -> Table:
    """Return a table of the model's metrics: those of its validation first, then losses.

    `best/epoch`, from 0, is shown as people count.
    """
    names = [name for name in values if not name.startswith(("lr/", "system/"))]
    names.sort(key=lambda name: (not name.startswith("metrics/"), name))
    rows = [(name, values[name]) for name in names if name != "best/epoch"]
    if (epoch := values.get("best/epoch")) is not None:
        rows.append(("best epoch", epoch + 1))
    return console.table(("metric", "value"), rows, right=("value",))


def show_result(api: Client, job: Json) -> None:
    """Print a job's final metrics and its artifacts, if it has any."""
    if job["metrics"]:
        console.print_table(metrics_table(job["metrics"]))
    artifacts = api.get(f"/jobs/{job['id']}/artifacts")["items"]
    if not artifacts:
        return
    plots = [item for item in artifacts if item["media_type"].startswith("image/")]
    rows = [(a["name"], formatting.size(a["size"])) for a in artifacts if a not in plots]
    if plots:
        rows.append((f"{len(plots)} plots", formatting.size(sum(item["size"] for item in plots))))
    console.print_table(console.table(("artifact", "size"), rows, right=("size",)))
    out.print(f"`yard model pull {job['id'][:6]}` downloads them")
