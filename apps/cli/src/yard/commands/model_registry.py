"""`yard model register`, `list`, `show`, `promote` and `rollback`: models that MLflow keeps."""

import re
import time
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Annotated, Any

import typer

from yard import completion, console, formatting
from yard.arguments import JobId
from yard.client import Client, Json
from yard.console import out
from yard.errors import Code, YardError
from yard.options import AsJson, Url, client

# The mirror to MLflow sends a job's end some seconds after it.
_RUN_MISSING, _PATIENCE_S = "Run on its way", 60
_JOB = "trainyard.job_id"


def _word(given: str) -> str:
    """What the API takes in an address; a slash would lead elsewhere."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", given):
        raise typer.BadParameter(
            "take up to 100 letters, digits and . _ -, a letter or digit first"
        )
    return given


Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="The registered model.",
        callback=_word,
        autocompletion=completion.models,
    ),
]
Alias = Annotated[
    str, typer.Option("--to", metavar="ALIAS", help="The alias that moves.", callback=_word)
]


def register(job_id: JobId, name: Name, url: Url = None, as_json: AsJson = False) -> None:
    """Register a job's best.pt as the next version of a model in MLflow."""
    api = client(url)
    job = api.find("jobs", job_id)
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            made = api.post(f"/models/{name}/versions", {"job_id": job["id"]})
            break
        except YardError as error:
            if error.what != _RUN_MISSING or time.monotonic() > until:
                raise
            time.sleep(1)
    if as_json:
        console.print_json(made)
        return
    which = f"{name}/{made['version']}"
    out.print(f"registered {which}; jobs start from it with --weights model:{which}")


def list_models(url: Url = None, as_json: AsJson = False) -> None:
    """List the registered models."""
    items = [*client(url).items("/models")]
    if as_json:
        console.print_json(items)
        return
    if not items:
        out.print("no registered model yet: `yard model register JOB NAME` makes one")
        return
    rows = []
    for name, versions in _by_name(items):
        aliases = [f"{alias} ({one['version']})" for one in versions for alias in one["aliases"]]
        newest = versions[0]
        made = formatting.ago(newest["created_at"])
        rows.append((name, newest["version"], ", ".join(aliases), newest["tags"].get(_JOB), made))
    columns = ("name", "newest", "aliases", "its job", "registered")
    console.print_table(console.table(columns, rows, right=("newest",)))


def show(name: Name, url: Url = None, as_json: AsJson = False) -> None:
    """Show a model's versions, and who moved an alias to which of them, when and why."""
    items = versions(client(url), name)
    if as_json:
        console.print_json(items)
        return
    rows = [
        (
            one["version"],
            ", ".join(one["aliases"]),
            one["tags"].get(_JOB),
            formatting.ago(one["created_at"]),
        )
        for one in items
    ]
    columns = ("version", "aliases", "job", "registered")
    console.print_table(console.table(columns, rows, right=("version",)))
    for one in items:
        for alias in one["aliases"]:
            told = _move(one, alias)
            if told["at"]:
                out.print(f"{alias}: {told['gate']}; by {told['by']}, {formatting.ago(told['at'])}")


def promote(
    name: Name,
    version: Annotated[int, typer.Argument(metavar="VERSION", min=1)],
    *,
    dataset: Annotated[
        str,
        typer.Option(
            metavar="DATASET",
            help="The held-out dataset to judge by, name or name@version; `yard model eval` judges on it.",
            autocompletion=completion.datasets,
        ),
    ],
    alias: Alias = "production",
    split: Annotated[str, typer.Option(help="Its images: train, val or test.")] = "val",
    least: Annotated[
        float | None,
        typer.Option("--min", help="The main metric that it must reach.", show_default=False),
    ] = None,
    no_worse: Annotated[
        bool, typer.Option("--no-worse", help="It must be no worse than what it replaces.")
    ] = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Move an alias to a version, if the model passes: --min, or --no-worse than what it replaces."""
    if (least is None) != no_worse:
        raise YardError(
            "no gate is named, or two are",
            todo="give either --min VALUE or --no-worse",
            code=Code.USAGE,
        )
    api = client(url)
    body = {
        "version": version,
        "dataset_id": api.dataset(dataset)["id"],
        "split": split,
        "threshold": least,
    }
    _moved(api.put(f"/models/{name}/aliases/{alias}", body), alias, as_json=as_json)


def rollback(
    name: Name, alias: Alias = "production", url: Url = None, as_json: AsJson = False
) -> None:
    """Move an alias back to the version that its present one replaced."""
    api = client(url)
    present = next((one for one in versions(api, name) if alias in one["aliases"]), None)
    replaced = _move(present, alias)["replaced"] if present else ""
    if not replaced:
        raise YardError(
            f"{name}@{alias} cannot go back",
            "its version has replaced none" if present else "no version has that alias",
            f"`yard model show {name}` shows the versions; `yard model promote` moves it",
            Code.NOT_FOUND,
        )
    body = {"version": int(replaced)}
    _moved(api.put(f"/models/{name}/aliases/{alias}", body), alias, as_json=as_json)


def job_of(api: Client, reference: str) -> Json:
    """Return the job that a reference means: its id or name, or a model that was registered of it.

    Raises:
        YardError: there is no such job or model, or no such version of it.
    """
    if not reference.startswith("model:"):
        return api.find("jobs", reference)
    name, at, wanted = reference.removeprefix("model:").partition("@")
    if not at:
        name, _, wanted = name.partition("/")
    for one in versions(api, name):
        if wanted in (one["aliases"] if at else [str(one["version"])]):
            return api.find("jobs", one["tags"].get(_JOB, ""))
    raise YardError(
        f"there is no {reference}",
        todo=f"name it as model:{name}@ALIAS or model:{name}/VERSION; `yard model show {name}` lists them",
        code=Code.NOT_FOUND,
    )


def versions(api: Client, name: str) -> list[Json]:
    """Return the model's versions, newest first.

    Raises:
        YardError: there is no such model.
    """
    items = [*api.items("/models", name=name)]
    if not items:
        raise YardError(
            f"there is no model {name}",
            todo="`yard model list` shows what there is",
            code=Code.NOT_FOUND,
        )
    return sorted(items, key=lambda one: -int(one["version"]))


def _moved(version: Json, alias: str, *, as_json: bool) -> None:
    if as_json:
        console.print_json(version)
        return
    name, number, gate = version["name"], version["version"], _move(version, alias)["gate"]
    out.print(f"{name}@{alias} is version {number} now: {gate}")


def _move(version: Json, alias: str) -> dict[str, Any]:
    """How the alias came to the version: `by`, `at`, `gate`, `replaced`."""
    keys = ("by", "at", "gate", "replaced")
    return {key: version["tags"].get(f"trainyard.{alias}.{key}", "") for key in keys}


def _by_name(items: Iterable[Json]) -> Iterator[tuple[str, list[Json]]]:
    ordered = sorted(items, key=lambda one: (one["name"], -int(one["version"])))
    for name, group in groupby(ordered, key=lambda one: str(one["name"])):
        yield name, list(group)
