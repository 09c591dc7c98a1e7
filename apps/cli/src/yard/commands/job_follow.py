"""Following a job live: state, metrics of each epoch, log lines."""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from yard import console
from yard.client import Client, Json
from yard.console import err, out

_SHOWN = ("loss", "map50", "map50-95", "accuracy_top1", "accuracy_top5")


@dataclasses.dataclass(frozen=True)
class Event:
    """One event of a job: `state`, `metrics`, `log` or `end`."""

    kind: str
    data: Json


def stream(api: Client, job_id: str) -> Iterator[Event]:
    """Yield a job's events until it is finished and all was said."""
    lost = False

    def on_break() -> None:
        nonlocal lost
        if not lost:
            err.print("connection lost; the job goes on, trying again …", style="yellow")
        lost = True

    for event in api.events(job_id, on_break):
        lost = False
        yield Event(event.event, json.loads(event.data or "{}"))


def follow_json(api: Client, job_id: str) -> None:
    """Print each event as a line of JSON."""
    for event in stream(api, job_id):
        console.print_json_line({"event": event.kind, **event.data})


def headline(values: Json) -> dict[str, float]:
    """Return the few metrics that people watch, by short names.

    Training losses are added up, for their names and number differ by task.
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
        if key.lower() in _SHOWN:
            short.setdefault(key, number)
    return short


def _line(epoch: int, epochs: int | None, values: Json) -> Text:
    cells = [f"epoch {epoch + 1:>3}/{epochs or '?'}"]
    cells += [f"{name} {number:.3f}" for name, number in headline(values).items()]
    return Text("   ".join(cells))


class Follower:
    """Shows a job: a line for each change of state and each epoch, and on a terminal a bar below."""

    def __init__(self, job: Json) -> None:
        self._job = job
        self._said: tuple[Any, ...] = ()
        self._debugger: int | None = None
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[speed]}", style="dim"),
            console=out,
        )
        self._task = self._bar.add_task(job["status"], total=1.0, speed="")

    def run(self, api: Client) -> Json:
        """Follow until the end; return the job as it then is."""
        live = Live(self._bar, console=out, transient=True) if out.is_terminal else None
        try:
            if live:
                live.start()
            for event in stream(api, self._job["id"]):
                if event.kind == "state":
                    self._state(event.data)
                elif event.kind == "metrics":
                    epochs = self._job["config"].get("epochs")
                    out.print(_line(event.data["epoch"], epochs, event.data["values"]))
        finally:
            if live:
                live.stop()
        return api.get(f"/jobs/{self._job['id']}")

    def _state(self, job: Json) -> None:
        self._job = job
        what = job["phase"] if job["status"] == "running" and job["phase"] else job["status"]
        speed = f"{job['speed']:.0f} images/s" if job["speed"] else ""
        self._bar.update(self._task, description=what, completed=job["progress"] or 0, speed=speed)
        if job["debug_port"] not in (None, self._debugger):
            self._debugger = job["debug_port"]
            out.print(f"the training waits for a debugger on 127.0.0.1:{self._debugger}")
        words = console.job_status(job)
        said = (words.plain, job["attempt"])
        if said == self._said:
            return
        self._said = said
        if job["attempt"] > 1:
            words.append(f" (attempt {console.attempt(job)})")
        # How it ended is told by who waits for it.
        if job["message"] and not job["finished_at"]:
            words.append(f": {job['message']}")
        out.print(words)


def metrics_table(values: Json) -> Table:
    """Return all metrics but the learning rates: what is judged by first, then the losses."""
    names = [name for name in values if not name.startswith("lr/")]
    names.sort(key=lambda name: (not name.startswith("metrics/"), name))
    rows = [(name, values[name]) for name in names]
    return console.table(("metric", "value"), rows, right=("value",))


def show_result(api: Client, job: Json) -> None:
    """Print the final metrics and the artifacts of a job that has some."""
    if job["metrics"]:
        console.show(metrics_table(job["metrics"]))
    artifacts = api.get(f"/jobs/{job['id']}/artifacts")["items"]
    if not artifacts:
        return
    plots = [item for item in artifacts if item["media_type"].startswith("image/")]
    rows = [(a["name"], console.size(a["size"])) for a in artifacts if a not in plots]
    if plots:
        rows.append((f"{len(plots)} plots", console.size(sum(item["size"] for item in plots))))
    console.show(console.table(("artifact", "size"), rows, right=("size",)))
    out.print(f"`yard models pull {job['id'][:6]}` fetches them")
