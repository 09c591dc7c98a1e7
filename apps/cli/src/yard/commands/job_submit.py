"""`yard job submit`, or `yard train`."""

import json
import re
import uuid
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer
import yaml

from yard import completion, console, formatting, time_needed
from yard.client import Client, Json
from yard.commands import dataset, job_watch, other_classes, train_words
from yard.commands import weights as weights_files
from yard.commands.dataset import require_ready
from yard.commands.job_watch import start_of
from yard.commands.train_words import Words
from yard.console import out
from yard.errors import AwayError, Code, YardError
from yard.options import AsJson, Url, client

# Times the three tries of a call: as long as the platform fetches at most, half an hour.
_PATIENCE = 20
_FLOAT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")


def submit(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="DATASET [KEY=VALUE]…",
            help="A dataset: a name (its newest ready version), name@version, an id or the beginning of it. Then config fields, as with --set. The words of `yolo train` do as they are: data=DATASET or a data.yaml on this machine, model=yolo11n.pt, epochs=20.",
            show_default=False,
            autocompletion=completion.datasets,
        ),
    ],
    *,
    fields: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A config field of the trainer, e.g. --set epochs=20; `yard trainer show NAME` lists them.",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A YAML file of config fields; --set overrides it.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="NAME | job:JOB[/FILE] | model:NAME@ALIAS | none",
            help="Start from these weights (`yard weights list`), from the best.pt of an earlier job or another file of it, from a registered model (also model:NAME/VERSION), or from scratch. Default: the model's pretrained weights where the server has or fetches them.",
            show_default=False,
            autocompletion=completion.weights,
        ),
    ] = None,
    trainer: Annotated[
        str, typer.Option(help="The trainer's name.", autocompletion=completion.trainers)
    ] = "ultralytics",
    name: Annotated[
        str | None, typer.Option(help="A name for the job.", show_default=False)
    ] = None,
    cpu: Annotated[
        float | None,
        typer.Option(
            help="CPU cores. Default: the trainer's, as for memory, GPUs and placement.",
            show_default=False,
        ),
    ] = None,
    memory: Annotated[
        str | None, typer.Option(help="Memory, e.g. 4Gi.", show_default=False)
    ] = None,
    gpu: Annotated[int | None, typer.Option(help="Number of GPUs.", show_default=False)] = None,
    nodes: Annotated[
        int | None,
        typer.Option(
            help="Machines of a cluster that train together, each with that much CPU, memory and GPUs.",
            show_default=False,
        ),
    ] = None,
    placement: Annotated[
        str | None,
        typer.Option(
            help="One of the platform's placements, e.g. a kind of node.", show_default=False
        ),
    ] = None,
    priority: Annotated[
        str | None,
        typer.Option(
            help="One of the platform's priorities, by which its queues take turns.",
            show_default=False,
        ),
    ] = None,
    max_duration: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="End it after 30m, 12h or 2d, its best model kept; a wait for a node counts. Default: no limit.",
            show_default=False,
        ),
    ] = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="Let a debugger attach to the training.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Only check, and tell weights, resources, duration and config."
        ),
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Follow the training until it ends.")
    ] = True,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Train on a dataset and follow the job. Ctrl-C leaves it running."""
    longest = None if max_duration is None else formatting.seconds(max_duration, "--max-duration")
    told, api = train_words.read(words), client(url)
    chosen = _dataset(api, told, sends=not dry_run, show=not as_json)
    _require_task(told, chosen)
    given = [*told.fields, *map(train_words.with_text, fields or [])]
    config_values = _json_only(_file(config) | _fields(api, trainer, given))
    asked = {"cpu": cpu, "memory": memory, "gpu": gpu, "nodes": nodes}
    asked |= {"placement": placement, "priority": priority}
    body = {
        "dataset_id": chosen["id"],
        "trainer": trainer,
        "name": name or told.name,
        "debug": debug,
        "config": config_values,
        "resources": {name: value for name, value in asked.items() if value is not None},
    }
    if longest is not None:
        body["max_duration_s"] = longest
    if weights is None and told.weights_file:
        weights = _pushed_weights(api, told.weights_file, sends=not dry_run, show=not as_json)
    if chosen_weights := weights or told.weights:
        body["weights"] = resolved(api, chosen_weights)
    if not as_json and (anew := other_classes.told(api, body.get("weights", ""), chosen)):
        out.print(anew)
    if dry_run:
        _print_plan(api, api.ask("/jobs", body), as_json=as_json)
        return
    start(api, body, chosen, follow=follow, as_json=as_json)


def _not_pushed(path: Path, what: str) -> YardError:
    return YardError(
        f"{path} is on this machine only",
        "a dry run sends nothing, and only what the platform has can be checked",
        f"`yard {what} push {path}` first",
        Code.USAGE,
    )


def _pushed_weights(api: Client, file: Path, *, sends: bool, show: bool) -> str:
    """Return the server's reference to the file, which is pushed unless nothing is to be sent."""
    found = weights_files.kept(api, file)
    if found is None and not sends:
        raise _not_pushed(file, "weights")
    return f"sha256:{(found or weights_files.upload(api, file, show=show))['sha256']}"


def _require_task(told: Words, chosen: Json) -> None:
    if told.task not in (None, chosen["task"]):
        raise YardError(
            f"{chosen['name']}@{chosen['version']} is a dataset for {chosen['task']}",
            f"{told.task} was asked for",
            f"leave {told.task} out, or name a dataset for it",
            Code.USAGE,
        )


def _print_plan(api: Client, job: Json, *, as_json: bool) -> None:
    """What the job would be, and how long it would take."""
    if as_json:
        console.print_json(job)
        return
    resources, weights = job["resources"], job.get("weights")
    asked = [f"{value} {key}" for key, value in resources.items() if value and key != "nodes"]
    fetched = " (fetched first)" if weights and not weights["sha256"] else ""
    told = [f"{key}={formatting.yaml_scalar(value)}" for key, value in job["config"].items()]
    console.print_table(
        console.key_value_table(
            [
                ("trainer", f"{job['trainer']} · {job['task']}"),
                ("starts from", start_of(job) + fetched),
                ("resources", ", ".join(asked)),
                ("nodes", formatting.nodes(resources)),
                ("lasts", time_needed.told(api, job)),
                ("config", ", ".join(told)),
            ]
        )
    )
    out.print("nothing was started: leave out --dry-run for that")


def _dataset(api: Client, told: Words, *, sends: bool, show: bool) -> Json:
    """Return the dataset, which is pushed if it is a folder of this machine, unless nothing is to be sent.

    Raises:
        YardError: there is none, or it cannot be trained on.
    """
    if told.folder is None:
        return require_ready(api.dataset(str(told.dataset)))
    kept = None if sends else dataset.kept(api, told.folder)
    if kept is None and not sends:
        raise _not_pushed(told.folder, "dataset")
    pushed = kept or dataset.upload(api, told.folder, show=show)
    if pushed["status"] == "rejected":
        problems = (pushed["report"] or {}).get("problems", [])
        raise YardError(
            f"{told.folder} was rejected: nothing can be trained on it",
            problems[0]["message"] if problems else "",
            f"`yard dataset show {pushed['id']}` lists its problems",
        )
    return require_ready(pushed)


def start(api: Client, body: Json, on: Json, *, follow: bool, as_json: bool) -> None:
    """Submit a job on the dataset and follow it to its end.

    Raises:
        YardError: it is refused, or it does not succeed.
    """
    job = send(api, body)
    if not follow:
        _print_started(job, as_json=as_json)
        return
    job_watch.to_end(api, job, f"{on['name']}@{on['version']}", as_json=as_json)


def send(api: Client, body: Json) -> Json:
    """Send the job; the answer may take as long as the platform fetches the weights that it names."""
    key = uuid.uuid4().hex  # with it a repeated call returns the same job
    for _ in range(_PATIENCE):
        try:
            return api.post("/jobs", body, key=key)
        except AwayError as error:
            if not isinstance(error.__cause__, httpx.ReadTimeout):
                raise
            console.err.print("no answer yet: the platform may be fetching the weights; waiting")
    return api.post("/jobs", body, key=key)


def resolved(api: Client, reference: str) -> str:
    """The server's reference: of a job, an id for a name or the beginning of an id.

    Raises:
        YardError: there is no such job, or a registered model is named without its version.
    """
    if reference.startswith("model:") and not {"@", "/"} & {*reference}:
        raise YardError(
            f"{reference} names no version",
            todo=f"add an alias or a version: {reference}@production, {reference}/1",
            code=Code.USAGE,
        )
    if not reference.startswith("job:"):
        return reference
    job, slash, name = reference.removeprefix("job:").partition("/")
    return f"job:{api.find('jobs', job)['id']}{slash}{name}"


def _print_started(job: Json, *, as_json: bool) -> None:
    if as_json:
        console.print_json(job)
    else:
        out.print(
            f"job {job['id']} {job['status']}, starts from {start_of(job)}; "
            f"`yard job show {job['id'][:6]}` shows it"
        )


def _fields(api: Client, trainer: str, fields: list[str]) -> Json:
    """Return the config fields by name, typed by the trainer's schema: device=0 is text."""
    pairs = list(map(_pair, fields))
    if not pairs:
        return {}
    try:
        known = api.get(f"/trainers/{quote(trainer, safe='')}")["config_schema"]["properties"]
    except YardError as error:
        if error.code != Code.NOT_FOUND:
            raise
        known = {}  # the server's answer to the submission names the trainers
    return {
        key: text if "\n" in text or _is_text(known.get(key, {})) else _value(key, text)
        for key, text in pairs
    }


def _is_text(field: Json) -> bool:
    return bool(field.get("type") == "string")


def _pair(field: str) -> tuple[str, str]:
    key, equals, value = field.partition("=")
    if not (key and equals):
        raise YardError(
            f"{field} has no value",
            todo="write key=value, e.g. epochs=20",
            code=Code.USAGE,
        )
    return key, value


def _value(key: str, value: str) -> Any:
    """Parse the text as YAML, and numbers as JSON: YAML 1.1 takes 1e-3 for text."""
    try:
        return float(value) if _FLOAT.fullmatch(value) else yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise YardError(
            f"{key}={value}: the value is not YAML",
            str(error).splitlines()[0],
            "quote text with special characters, e.g. 'key=\"a: b\"'",
            Code.USAGE,
        ) from error


def _file(path: Path | None) -> Json:
    if path is None:
        return {}
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise YardError(
            f"cannot read {path}", str(error), "give a YAML file of config fields", Code.USAGE
        ) from error
    if not isinstance(content, dict):
        raise YardError(
            f"{path} holds no config fields",
            todo="write one `key: value` per line",
            code=Code.USAGE,
        )
    return content


def _json_only(values: Json) -> Json:
    """Return the config fields if JSON can express them: YAML also has dates and infinities."""
    try:
        json.dumps(values, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise YardError(
            "a config field is not text, a number, true or false, or a list of these",
            str(error),
            "quote values such as dates",
            Code.USAGE,
        ) from error
    return values
