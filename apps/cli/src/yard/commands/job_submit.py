"""`yard train`."""

import json
import re
import uuid
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
import yaml

from yard import console
from yard.client import Client, Json
from yard.commands.dataset import require_ready
from yard.commands.job import fail_unless_succeeded
from yard.commands.job_follow import Follower, follow_json, show_result
from yard.console import out
from yard.errors import Code, YardError
from yard.options import AsJson, Url, client

_FLOAT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")


def train(
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATASET", help="A name (its newest ready version), name@version, or an id."
        ),
    ],
    *,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A setting of the trainer, e.g. --set epochs=20; `yard trainers NAME` lists them.",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A YAML file of settings; --set goes before it.")
    ] = None,
    trainer: Annotated[str, typer.Option(help="Which trainer.")] = "ultralytics",
    name: Annotated[str | None, typer.Option(help="A name for people.", show_default=False)] = None,
    cpu: Annotated[
        float | None,
        typer.Option(
            help="CPU cores to ask for. Default: the trainer's, as for those below.",
            show_default=False,
        ),
    ] = None,
    memory: Annotated[
        str | None, typer.Option(help="Memory to ask for, e.g. 4Gi.", show_default=False)
    ] = None,
    gpu: Annotated[int | None, typer.Option(help="GPUs to ask for.", show_default=False)] = None,
    placement: Annotated[
        str | None,
        typer.Option(help="One of the places that the platform offers.", show_default=False),
    ] = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="Let a debugger attach to the training.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Show the training until it ends.")
    ] = True,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Train on a dataset and follow it live. Ctrl-C leaves the job running."""
    api = client(url)
    chosen = require_ready(api.dataset(dataset))
    config_values = _json_only(_file(config) | _settings(api, trainer, settings or []))
    asked = {"cpu": cpu, "memory": memory, "gpu": gpu, "placement": placement}
    body = {
        "dataset_id": chosen["id"],
        "trainer": trainer,
        "name": name,
        "debug": debug,
        "config": config_values,
        "resources": {name: value for name, value in asked.items() if value is not None},
    }
    # With a key the server takes a repeated call as the same job.
    job = api.post("/jobs", body, key=uuid.uuid4().hex)
    if not follow:
        _say_started(job, as_json=as_json)
        return
    try:
        job = _follow(api, job, chosen, as_json=as_json)
    except KeyboardInterrupt:
        short = job["id"][:6]
        raise YardError(
            f"no longer following job {job['id']}; it goes on",
            todo=f"`yard logs {short} -f` follows it again, `yard cancel {short}` stops it",
            code=Code.INTERRUPTED,
        ) from None
    fail_unless_succeeded(job)


def _say_started(job: Json, *, as_json: bool) -> None:
    if as_json:
        console.print_json(job)
    else:
        out.print(f"job {job['id']} {job['status']}; `yard job {job['id'][:6]}` shows it")


def _follow(api: Client, job: Json, dataset: Json, *, as_json: bool) -> Json:
    if as_json:
        follow_json(api, job["id"])
        return api.get(f"/jobs/{job['id']}")
    out.print(
        f"job {job['id']} · {job['trainer']} · {job['task']} on "
        f"{dataset['name']}@{dataset['version']} · Ctrl-C leaves it running"
    )
    job = Follower(job).run(api)
    if job["status"] == "succeeded":
        show_result(api, job)
    return job


def _settings(api: Client, trainer: str, settings: list[str]) -> Json:
    """Return the settings by name, each as the trainer's schema has it: device=0 is text."""
    pairs = list(map(_pair, settings))
    if not pairs:
        return {}
    try:
        known = api.get(f"/trainers/{quote(trainer, safe='')}")["config_schema"]["properties"]
    except YardError as error:
        if error.code != Code.NOT_FOUND:
            raise
        known = {}  # the server's answer to the job says which trainers there are
    return {key: text if _is_text(known.get(key, {})) else _value(key, text) for key, text in pairs}


def _is_text(field: Json) -> bool:
    return bool(field.get("type") == "string")


def _pair(setting: str) -> tuple[str, str]:
    key, equals, value = setting.partition("=")
    if not (key and equals):
        raise YardError(
            f"--set {setting} has no value",
            todo="write --set key=value, e.g. --set epochs=20",
            code=Code.USAGE,
        )
    return key, value


def _value(key: str, value: str) -> Any:
    """Return what the text means in YAML; numbers also as JSON has them, for YAML 1.1 lacks 1e-3."""
    try:
        return float(value) if _FLOAT.fullmatch(value) else yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise YardError(
            f"--set {key}={value}: the value is not YAML",
            str(error).splitlines()[0],
            "quote what is text, e.g. --set 'key=\"a: b\"'",
            Code.USAGE,
        ) from error


def _file(path: Path | None) -> Json:
    if path is None:
        return {}
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise YardError(
            f"cannot read {path}", str(error), "give a YAML file of settings", Code.USAGE
        ) from error
    if not isinstance(content, dict):
        raise YardError(
            f"{path} holds no settings", todo="write one `key: value` per line", code=Code.USAGE
        )
    return content


def _json_only(values: Json) -> Json:
    """Return the settings if the server can be sent them: YAML has dates and infinities, JSON not."""
    try:
        json.dumps(values, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise YardError(
            "a setting is neither text, number, yes or no, nor a list of these",
            str(error),
            "quote dates and the like",
            Code.USAGE,
        ) from error
    return values
