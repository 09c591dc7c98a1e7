"""`yard train`."""

import uuid
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from yard import output
from yard.client import Client, Json
from yard.commands.datasets import require_ready
from yard.commands.follow import Follower, follow_json, show_result
from yard.commands.jobs import fail_unless_succeeded
from yard.context import AsJson, Url, client
from yard.errors import Code, YardError
from yard.output import out


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
    debug: Annotated[
        bool, typer.Option("--debug", help="Let a debugger attach to the training.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Show the training until it ends.")
    ] = True,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Train on a data set and follow it live. Ctrl-C leaves the job running."""
    api = client(url)
    chosen = require_ready(api.dataset(dataset))
    body = {
        "dataset_id": chosen["id"],
        "trainer": trainer,
        "name": name,
        "debug": debug,
        "config": _file(config) | dict(map(_pair, settings or [])),
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
        output.print_json(job)
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


def _pair(setting: str) -> tuple[str, Any]:
    key, equals, value = setting.partition("=")
    if not (key and equals):
        raise YardError(
            f"--set {setting} has no value",
            todo="write --set key=value, e.g. --set epochs=20",
            code=Code.USAGE,
        )
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise YardError(
            f"--set {setting}: the value is not YAML",
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
