"""`yard dataset`: list, show, push, delete (check: dataset_check.py)."""

import dataclasses
import enum
import re
import unicodedata
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from tenacity import Retrying, retry_if_result, wait_fixed
from trainyard_datasets.folder import Folder
from trainyard_datasets.packing import Package, PackageError

from yard import completion, console, formatting, packing, transfer
from yard.client import Client, Json
from yard.console import out
from yard.errors import Code, YardError
from yard.options import AsJson, Url, Yes, client, confirm_deletion

_SHOWN_PROBLEMS = 20
DatasetReference = Annotated[
    str,
    typer.Argument(
        metavar="DATASET",
        help="A name (its newest ready version), name@version, an id or the beginning of it.",
        autocompletion=completion.datasets,
    ),
]


class Task(enum.StrEnum):
    """The task that a dataset is for."""

    DETECT = "detect"
    SEGMENT = "segment"
    CLASSIFY = "classify"
    POSE = "pose"
    OBB = "obb"


def list_datasets(
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 50,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """List the datasets, newest first."""
    api = client(url)
    datasets = [*islice(api.items("/datasets"), limit)]
    if as_json:
        console.print_json(datasets)
        return
    if not datasets:
        out.print("no datasets yet: `yard dataset push DIR` uploads one")
        return
    rows = [
        (
            item["id"],
            _label(item),
            item["task"],
            formatting.status(item["status"]),
            sum((item["report"] or {}).get("images", {}).values()) or None,
            formatting.size(item["size"]),
            formatting.ago(item["created_at"]),
        )
        for item in datasets
    ]
    columns = ("id", "dataset", "task", "status", "images", "size", "pushed")
    console.print_table(console.table(columns, rows, right=("images", "size")))
    if len(datasets) == limit:
        console.say_shown(limit, api.total("/datasets"))


def show(
    reference: DatasetReference,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Show a dataset: its images, classes and problems."""
    dataset = client(url).dataset(reference)
    console.print_json(dataset) if as_json else _print(dataset)


def delete(
    reference: Annotated[
        str,
        typer.Argument(
            metavar="DATASET",
            help="name@version, an id or the beginning of it.",
            autocompletion=completion.datasets,
        ),
    ],
    yes: Yes = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Delete one version of a dataset. Models trained on it stay."""
    api = client(url)
    dataset = api.dataset(reference, newest=False)
    confirm_deletion(f"dataset {_label(dataset)} ({dataset['id']})", yes=yes)
    api.delete(f"/datasets/{dataset['id']}")
    console.print_json(dataset) if as_json else out.print(f"deleted dataset {_label(dataset)}")


def push(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="Folder with data.yaml, images/ and labels/; for classify, with train/ and val/ and a folder per class in each.",
        ),
    ],
    name: Annotated[
        str | None, typer.Option(help="Default: the folder's name.", show_default=False)
    ] = None,
    task: Annotated[
        Task | None, typer.Option(help="Default: guessed from the labels.", show_default=False)
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Upload a folder as a new version of a dataset; wait for its check."""
    dataset = upload(client(url), folder, name, task, show=not as_json)
    if as_json:
        console.print_json(dataset)
    else:
        _print(dataset)
    if dataset["status"] == "rejected":
        raise YardError(
            f"{_label(dataset)} was rejected",
            "the problems are listed above; nothing can be trained on it",
            "fix the files and push the folder again",
        )


def upload(
    api: Client, folder: Path, name: str | None = None, task: Task | None = None, *, show: bool
) -> Json:
    """Upload a folder unless the server has the same; return the dataset once it is checked.

    Raises:
        YardError: it could not be read or sent.
    """
    found = packing.scan(folder)
    name = name or _slug(folder)
    kind = task.value if task else packing.guess_task(found)
    if show:
        print_scanned(found, kind, guessed=task is None)
    progress = PushProgress()
    try:
        package = Package(found)
        fields = {"name": name, "task": kind, "size": package.size}
        api.ask("/datasets", fields)  # before the files are read, which may take long
        with console.transfer_bar("reading", package.size, show=show) as advance:
            fields["sha256"] = package.sha256(advance)
        dataset = _send(api, package, fields, progress, show=show)
        return _checked(api, dataset["id"])
    except KeyboardInterrupt:
        raise YardError("interrupted", progress.why, progress.todo, Code.INTERRUPTED) from None
    except PackageError as error:
        raise _unreadable(error) from error


def kept(api: Client, folder: Path) -> Json | None:
    """Return the version that holds just these files, where a push before has made one.

    Raises:
        YardError: the folder cannot be read.
    """
    found = packing.scan(folder)
    try:
        content = {"sha256": Package(found).sha256(lambda _: None)}
    except PackageError as error:
        raise _unreadable(error) from error
    content["task"] = packing.guess_task(found)
    versions = api.items("/datasets", name=_slug(folder))
    return next((one for one in versions if content.items() <= one.items()), None)


def _unreadable(error: PackageError) -> YardError:
    what, why, todo = error.args
    return YardError(what, why, todo, Code.LOCAL)


@dataclasses.dataclass
class PushProgress:
    """What an interruption of the push would leave on the server, and what to do then."""

    why: str = "nothing was sent to the server yet"
    todo: str = "push the folder again"


def print_scanned(folder: Folder, task: str, *, guessed: bool) -> None:
    """Print what of a folder belongs to the dataset."""
    left_out = f", {folder.skipped} left out" if folder.skipped else ""
    left_out += f", {folder.links} links not followed" if folder.links else ""
    files = f"{len(folder.names)} files, {formatting.size(folder.total_size)}"
    out.print(f"{files}{left_out} · {task}{_guessed(task) if guessed else ''}")


def _guessed(kind: str) -> str:
    if kind == Task.OBB:
        return " (guessed from four points a label; --task segment if they are outlines)"
    return " (guessed; --task says otherwise)"


def _slug(folder: Path) -> str:
    plain = unicodedata.normalize("NFKD", folder.resolve().name.lower())
    plain = plain.encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9._-]+", "-", plain).strip("-._")
    return name[:63] or "dataset"


def _send(
    api: Client, package: Package, fields: Json, progress: PushProgress, *, show: bool
) -> Json:
    dataset = api.post("/datasets", fields)
    plan = dataset["upload"]
    label = _label(dataset)
    progress.why = f"the upload of {label} is incomplete; it cannot be trained on"
    progress.todo = "push the folder again: it is uploaded whole, as the next version"
    if plan is None:
        if show:
            out.print(f"{label} already has the same content: nothing to upload")
        return dataset
    with console.transfer_bar("uploading", package.size, show=show) as advance:
        parts = transfer.upload(package, plan, advance)
    if show:
        out.print(f"uploaded {formatting.size(package.size)} as {label}, checking …")
    # Completing twice is harmless, so the call may be retried when its answer is lost.
    path = f"/datasets/{dataset['id']}/complete"
    dataset = api.post(path, {"parts": parts}, repeatable=True)
    progress.why = f"{label} is uploaded, and the server goes on checking it"
    progress.todo = f"nothing: `yard dataset show {label}` tells when it is ready"
    return dataset


def _checked(api: Client, dataset_id: str) -> Json:
    """Return the dataset once its check has ended."""
    waiting = retry_if_result(lambda dataset: dataset["status"] in ("uploading", "checking"))
    result: Json = Retrying(retry=waiting, wait=wait_fixed(0.3))(api.get, f"/datasets/{dataset_id}")
    return result


def _label(dataset: Json) -> str:
    return f"{dataset['name']}@{dataset['version']}"


def _print(dataset: Json) -> None:
    """Print a dataset with its counts, classes and problems."""
    rows = [
        ("dataset", f"{_label(dataset)}  ({dataset['id']})"),
        ("status", formatting.status(dataset["status"])),
        ("task", dataset["task"]),
        ("size", formatting.size(dataset["size"])),
        ("pushed", formatting.made(dataset)),
    ]
    print_report(rows, dataset["report"] or {})


def print_report(about: list[tuple[str, Any]], report: Json) -> None:
    """Print what a check found: names and values, those `about` the dataset first."""
    images = " · ".join(f"{n} {part}" for part, n in report.get("images", {}).items() if n)
    rows = [*about, ("images", images), ("labels", report.get("labels"))]
    console.print_table(console.key_value_table(rows))
    if report.get("classes"):
        console.print_table(_balance(report["classes"]))
    problems = report.get("problems", [])
    if problems:
        shown = [
            (formatting.status(item["severity"]), item["file"], item["message"])
            for item in problems[:_SHOWN_PROBLEMS]
        ]
        console.print_table(console.table(("problem", "file", "what to fix"), shown))
        more = int(report.get("problems_total", len(problems))) - len(shown)
        if more > 0:
            out.print(f"… and {more} more; --json lists up to {len(problems)}")


def _balance(classes: list[Json]) -> Table:
    most = max(item["train"] for item in classes) or 1
    rows = [
        (item["index"], item["name"], item["train"], item["val"], _bar(item["train"] / most))
        for item in classes
    ]
    columns = ("class", "name", "train", "val", "balance")
    return console.table(columns, rows, right=("class", "train", "val"))


def _bar(share: float) -> str:
    return "█" * round(share * 24) or "▏"


def require_ready(dataset: Json) -> Json:
    """Return the dataset if it can be trained on.

    Raises:
        YardError: it is not ready.
    """
    if dataset["status"] == "ready":
        return dataset
    raise YardError(
        f"{_label(dataset)} is {dataset['status']}",
        "only a dataset that is ready can be trained on",
        "push it again with `yard dataset push DIR`, or name another",
        Code.REFUSED,
    )
