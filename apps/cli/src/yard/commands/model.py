"""`yard model pull`."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from yard import completion, console, formatting
from yard.client import Client, Json
from yard.commands.job import FINISHED
from yard.commands.model_registry import job_of
from yard.console import out
from yard.errors import Code, YardError
from yard.options import AsJson, Url, client
from yard.transfer import DamagedError, download

# The logs of a job's further nodes are among its files: `yard job logs --node` prints them.
NODE_LOG = re.compile(r"attempt-(?P<attempt>\d+)\.node-(?P<node>\d+)\.log")
_TRIES = 3


def pull(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A job, or model:NAME@ALIAS or model:NAME/VERSION, registered.",
            autocompletion=completion.jobs,
        ),
    ],
    target: Annotated[
        Path | None,
        typer.Option("--out", help="Folder to write to. Default: models/JOB.", show_default=False),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Only this artifact, e.g. best.pt; may be given more than once."),
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Download a job's model and other artifacts; verify their checksums."""
    api = client(url)
    job = job_of(api, model)
    folder = target or Path("models") / job["id"]
    files = fetch(api, job, folder, only or [], show=not as_json)
    if as_json:
        console.print_json([str(file) for file in files])
        return
    for file in files:
        out.print(f"{file}  {formatting.size(file.stat().st_size)}")


def fetch(api: Client, job: Json, folder: Path, only: list[str], *, show: bool) -> list[Path]:
    """Download a job's artifacts into a folder; return their paths.

    Args:
        api: the server.
        job: the job.
        folder: created if it does not exist.
        only: names of the wanted artifacts; all but the logs of nodes if empty.
        show: whether to draw a progress bar.

    Raises:
        YardError: the job has no such artifact.
    """
    items = api.get(f"/jobs/{job['id']}/artifacts")["items"]
    names = [item["name"] for item in items]
    missing = [name for name in only if name not in names] or (["no artifact"] if not items else [])
    if missing:
        todo = (
            "name one of these" if items else f"`yard job show {job['id'][:6]}` says why it ended"
        )
        if job["status"] not in FINISHED:
            todo = "wait: a training has its model from its first epoch on, the rest at its end"
        raise YardError(
            f"job {job['id']} has no {missing[0]}" if only else f"job {job['id']} has no artifacts",
            f"it is {job['status']} and has {', '.join(names) or 'left nothing'}",
            todo,
            Code.NOT_FOUND,
        )
    wanted = [
        item
        for item in items
        if item["name"] in only or not (only or NODE_LOG.fullmatch(item["name"]))
    ]
    total = sum(int(item["size"]) for item in wanted)
    paths = list[Path]()
    with console.transfer_bar("pulling", total, show=show) as advance:
        for item in wanted:
            paths.append(_inside(folder, item["name"]))
            _fetch_one(api, job, item, paths[-1], advance)
    return paths


def _fetch_one(
    api: Client, job: Json, item: Json, target: Path, advance: Callable[[int], None]
) -> None:
    """Download it, or what a trainer that goes on has written in its place meanwhile."""
    for tries_left in reversed(range(_TRIES)):
        try:
            download(item, target, advance)
        except DamagedError:
            now = api.get(f"/jobs/{job['id']}/artifacts")["items"]
            newer = next((other for other in now if other["name"] == item["name"]), item)
            if newer["sha256"] == item["sha256"] or not tries_left:
                raise
            item = newer
        else:
            return


def _inside(folder: Path, name: str) -> Path:
    """Return the artifact's path in the folder.

    Raises:
        YardError: the name, which the trainer chose, leads out of the folder.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise YardError(
            f"artifact name {name!r} leads out of {folder}",
            todo="do not trust this trainer; fetch single files with --only",
            code=Code.REFUSED,
        )
    return folder / name
