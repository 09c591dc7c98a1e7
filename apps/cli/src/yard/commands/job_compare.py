"""`yard job compare`."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.text import Text

from yard import completion, console, formatting
from yard.client import Client, Json
from yard.commands.job_results import (
    EVALUATION,
    EXPORTS,
    artifacts,
    evaluation,
    exports,
    padding,
    unreadable,
)
from yard.console import out
from yard.errors import Code, YardError
from yard.options import AsJson, Url, client

_PLOT_LINES = 16
_FEWEST = 2
# Its name, a value for each job, and how such a value is written; None: it is written already.
_Row = tuple[str, Sequence[Any], Callable[[Any], str] | None]


@dataclass(frozen=True)
class _Judged:
    """A job, and how good its model is.

    `report` is its evaluation.json or export.json. It is None where the trainer wrote neither;
    `metrics` are the last epoch's then.
    """

    job: Json
    dataset: str
    report: Json | None
    is_export: bool = False

    @property
    def title(self) -> str:
        return f"{self.job['name'] or ''} {self.job['id'][:6]}".lstrip()

    @property
    def evaluation(self) -> Json | None:
        return None if self.is_export else self.report

    @property
    def metrics(self) -> Json:
        return dict((self.evaluation or self.job)["metrics"])

    @property
    def main_metric(self) -> str | None:
        if self.report is None:
            return None
        return str(self.report["metric"] if self.is_export else self.report["best"]["metric"])

    @property
    def judged_on(self) -> str:
        if self.report is None:
            return f"{self.dataset} · last epoch"
        data = self.report["data"]
        return f"{self.dataset} · {data['split']} · {data['images']} images"

    @property
    def data(self) -> tuple[str, str]:
        """What tells apart the images that two models were judged on."""
        data = {} if self.report is None else self.report["data"]
        own = self.job["dataset_id"] or self.job["id"]  # a script's own data
        return data.get("sha256") or own, data.get("split", "val")

    @property
    def classes(self) -> dict[str, Json]:
        told = [] if self.evaluation is None else self.evaluation["classes"]
        return {one["name"]: one["metrics"] for one in told}


def compare(
    job_ids: Annotated[
        list[str],
        typer.Argument(
            help="Two or more jobs, by id or name.",
            metavar="JOB...",
            autocompletion=completion.jobs,
        ),
    ],
    metric: Annotated[
        str | None,
        typer.Option(
            help="Compared by class and by epoch. Default: the first job's main metric.",
            show_default=False,
        ),
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Compare jobs: results, config fields that differ, each class, and the curves."""
    if len(job_ids) < _FEWEST:
        raise YardError(
            "one job cannot be compared",
            todo="name two or more; `yard job results JOB` shows one",
            code=Code.USAGE,
        )
    api = client(url)
    judged = [_judged(api, reference) for reference in job_ids]
    try:
        metric = _chosen(judged, metric)
        if as_json:
            console.print_json(_document(judged, metric))
        else:
            _print(api, judged, metric)
    except (AttributeError, KeyError, TypeError) as error:
        files = {EXPORTS if one.is_export else EVALUATION for one in judged}
        raise unreadable(error, " or ".join(sorted(files))) from error


def _judged(api: Client, reference: str) -> _Judged:
    job = api.find("jobs", reference)
    report, dataset = None, job["dataset_id"] or "data of its own script"
    names = artifacts(api, job)
    is_export = EXPORTS in names
    if is_export or EVALUATION in names:
        report = (exports if is_export else evaluation)(api, job)
    with suppress(YardError):  # it may be deleted
        found = api.get(f"/datasets/{job['dataset_id'] or '-'}")
        dataset = f"{found['name']}@{found['version']}"
    return _Judged(job, dataset, report, is_export)


def _chosen(judged: Sequence[_Judged], metric: str | None) -> str | None:
    if metric is None:
        return next((main for one in judged if (main := one.main_metric)), None)
    known = _names(one.metrics for one in judged)
    if metric not in known:
        raise YardError(
            f"none of these jobs has the metric {metric}",
            f"they have: {', '.join(known) or 'none yet'}",
            "name one of these with --metric",
            Code.USAGE,
        )
    return metric


def _names(tables: Any) -> list[str]:
    """The keys of all tables, each once, in the order of their first sight."""
    return list(dict.fromkeys(name for table in tables for name in table))


def _different_data(judged: Sequence[_Judged]) -> bool:
    return len({one.data for one in judged}) > 1


def _different_config(judged: Sequence[_Judged]) -> dict[str, list[Any]]:
    """The config's fields that are not the same in all jobs; a field that a job lacks is None."""
    configs = [
        {"trainer": one.job["trainer"], "weights": one.job.get("weights"), **one.job["config"]}
        for one in judged
    ]
    values = {key: [config.get(key) for config in configs] for key in _names(configs)}
    return {key: told for key, told in values.items() if any(value != told[0] for value in told)}


def _document(judged: Sequence[_Judged], metric: str | None) -> Json:
    names = _names(one.metrics for one in judged)
    return {
        "jobs": [{"id": one.job["id"], "name": one.job["name"]} for one in judged],
        "judged_on": [one.judged_on for one in judged],
        "same_data": not _different_data(judged),
        "metrics": {name: [one.metrics.get(name) for one in judged] for name in names},
        "config": _different_config(judged),
        "metric": metric,
        "classes": _by_class(judged, metric),
    }


def _by_class(judged: Sequence[_Judged], metric: str | None) -> dict[str, list[Any]]:
    if metric is None:
        return {}
    names = _names(one.classes for one in judged)
    return {name: [one.classes.get(name, {}).get(metric) for one in judged] for name in names}


def _print(api: Client, judged: Sequence[_Judged], metric: str | None) -> None:
    titles = [one.title for one in judged]
    _warn(judged)
    rows: list[_Row] = [
        ("judged on", [one.judged_on for one in judged], formatting.text),
        ("status", [formatting.job_status(one.job) for one in judged], None),
        ("best epoch", [_best_epoch(one) for one in judged], formatting.text),
    ]
    names = _names(one.metrics for one in judged)
    exported = _names(one.metrics for one in judged if one.is_export)
    shown = [n for n in names if n.startswith("metrics/") or n in exported] or names
    rows += [(name, [one.metrics.get(name) for one in judged], _number) for name in shown]
    _table("", titles, rows)
    if config := _different_config(judged):
        _table("config", titles, [(key, told, formatting.text) for key, told in config.items()])
    else:
        out.print("the configs are the same")
    if classes := _by_class(judged, metric):
        _table(f"{metric} by class", titles, [(key, v, _number) for key, v in classes.items()])
    if metric is not None and out.is_terminal:
        _plot(api, judged, metric)


def _warn(judged: Sequence[_Judged]) -> None:
    if _different_data(judged):
        told = "; ".join(f"{one.title}: {one.judged_on}" for one in judged)
        out.print(
            Text(
                "NOT COMPARABLE: these models were judged on different data. "
                f"A difference may be the data's. {formatting.text(told)}",
                "bold red",
            )
        )
    if len({one.is_export for one in judged}) > 1 and (note := padding(judged[0].job["task"])):
        out.print(Text(note, "yellow"))
    for one in judged:
        if one.report is None:
            out.print(
                Text(
                    f"{formatting.text(one.title)} has no evaluation.json: its numbers are the last "
                    "epoch's, not its best model's.",
                    "yellow",
                )
            )
        elif not one.is_export and one.report["interim"]:
            out.print(
                Text(
                    f"{formatting.text(one.title)} did not train to its end: its numbers are those "
                    "of its best epoch so far.",
                    "yellow",
                )
            )


def _best_epoch(one: _Judged) -> int | None:
    epoch = None if one.evaluation is None else one.evaluation["best"]["epoch"]
    return None if epoch is None else epoch + 1


def _number(value: Any) -> str:
    return formatting.text(value if value is None else float(value))


def _table(
    first: str,
    titles: Sequence[str],
    rows: Sequence[_Row],
) -> None:
    cells = []
    for name, values, write in rows:
        told = [value if write is None else write(value) for value in values]
        if write is _number:
            told = [told[0], *(_with_change(values[0], value) for value in values[1:])]
        cells.append((name, *told))
    console.print_table(console.table((first, *titles), cells))


def _with_change(first: Any, value: Any) -> str:
    """The value, with its distance from the first job's."""
    written = _number(value)
    return written if value is None or first is None else f"{written}  {value - first:+.3g}"


def _plot(api: Client, judged: Sequence[_Judged], metric: str) -> None:
    import plotext  # noqa: PLC0415 - takes 0.1 s that no other command should pay

    plotext.clear_figure()
    for colour_of in (plotext.canvas_color, plotext.axes_color, plotext.ticks_color):
        colour_of("default")
    plotext.plot_size(out.width, _PLOT_LINES)
    longest = 0
    for one in judged:
        items = api.get(f"/jobs/{one.job['id']}/metrics")["items"]
        points = [(row["epoch"] + 1, row["values"].get(metric)) for row in items]
        points = [(epoch, value) for epoch, value in points if value is not None]
        if points:
            epochs, values = zip(*points, strict=True)
            plotext.plot(epochs, values, label=formatting.text(one.title))
            longest = max(longest, *epochs)
    if longest:
        plotext.xticks(sorted({1 + (longest - 1) * part // 4 for part in range(5)}))
        plotext.title(f"{formatting.text(metric)} by epoch")
        typer.echo(plotext.build())
