"""`yard dataset push` and `yard datasets`."""

import dataclasses
import enum
import re
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from tenacity import Retrying, retry_if_result, wait_fixed

from yard import archive, console, transfer
from yard.client import Client, Json
from yard.console import out
from yard.errors import Code, YardError
from yard.options import AsJson, Url, client

app = typer.Typer(help="Datasets on the server.", no_args_is_help=True)
_SHOWN_PROBLEMS = 20


class Task(enum.StrEnum):
    """What a dataset teaches."""

    DETECT = "detect"
    SEGMENT = "segment"
    CLASSIFY = "classify"
    POSE = "pose"
    OBB = "obb"


@app.command("push")
def push(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="Holds data.yaml, images/ and labels/; to classify, train/ and val/ with a folder per class.",
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
    """Upload a folder as a new version of a dataset and wait until it is checked."""
    api = client(url)
    found = archive.scan(folder)
    name = name or _slug(folder)
    kind = task.value if task else archive.guess_task(found)
    say = not as_json
    if say:
        left_out = f", {found.skipped} left out" if found.skipped else ""
        left_out += f", {found.links} links not followed" if found.links else ""
        out.print(
            f"{len(found.files)} files, {console.size(found.size)}{left_out} · {kind}{'' if task else _guessed(kind)}"
        )
    left = _Left()
    try:
        with tempfile.TemporaryDirectory(prefix="yard-push-") as scratch:
            packed = Path(scratch) / "dataset.zip"
            with _bar("packing", found.size, show=say) as advance:
                sha256 = archive.pack(found, packed, advance)
            fields = {"name": name, "task": kind, "sha256": sha256}
            dataset = _send(api, packed, fields, left, show=say)
        dataset = _checked(api, dataset["id"])
    except KeyboardInterrupt:
        raise YardError("interrupted", left.why, left.todo, Code.INTERRUPTED) from None
    if as_json:
        console.print_json(dataset)
    else:
        show(dataset)
    if dataset["status"] == "rejected":
        raise YardError(
            f"{dataset['name']}@{dataset['version']} was rejected",
            "the problems are listed above; nothing can be trained on it",
            "mend the files and push the folder again",
        )


@dataclasses.dataclass
class _Left:
    """What a push that is interrupted now leaves, and what is left to do."""

    why: str = "nothing was sent to the server yet"
    todo: str = "push the folder again"


def _guessed(kind: str) -> str:
    if kind == Task.OBB:
        return " (guessed from four points a label; --task segment if they are outlines)"
    return " (guessed; --task says otherwise)"


def _slug(folder: Path) -> str:
    plain = unicodedata.normalize("NFKD", folder.resolve().name.lower())
    plain = plain.encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9._-]+", "-", plain).strip("-._")
    return name[:63] or "dataset"


@contextmanager
def _bar(what: str, total: int, *, show: bool) -> Iterator[Any]:
    """Show a bar over bytes; yield what to call with each number of bytes done."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=out, disable=not (show and out.is_terminal)) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)


def _send(api: Client, packed: Path, fields: Json, left: _Left, *, show: bool) -> Json:
    size = packed.stat().st_size
    dataset = api.post("/datasets", fields | {"size": size})
    plan = dataset["upload"]
    label = f"{dataset['name']}@{dataset['version']}"
    left.why = f"{label} is not whole on the server, and nobody can train on it"
    left.todo = "push the folder again: it becomes the next version, from its first byte on"
    if plan is None:
        if show:
            out.print(f"{label} holds the same bytes already: nothing to upload")
        return dataset
    with _bar("uploading", size, show=show) as advance:
        parts = transfer.upload(packed, plan, advance)
    if show:
        out.print(f"uploaded {console.size(size)} as {label}, checking …")
    # Completing twice is harmless, so a lost answer may be asked for again.
    path = f"/datasets/{dataset['id']}/complete"
    dataset = api.post(path, {"parts": parts}, repeatable=True)
    left.why = f"{label} is on the server, which goes on checking it"
    left.todo = f"nothing: `yard datasets` shows when {label} is ready"
    return dataset


def _checked(api: Client, dataset_id: str) -> Json:
    """Return the dataset once its check has ended."""
    waiting = retry_if_result(lambda dataset: dataset["status"] in ("uploading", "checking"))
    result: Json = Retrying(retry=waiting, wait=wait_fixed(0.3))(api.get, f"/datasets/{dataset_id}")
    return result


def show(dataset: Json) -> None:
    """Print a dataset with its counts, classes and problems."""
    report = dataset["report"] or {}
    images = report.get("images", {})
    console.show(
        console.facts(
            [
                ("dataset", f"{dataset['name']}@{dataset['version']}  ({dataset['id']})"),
                ("status", console.status(dataset["status"])),
                ("task", dataset["task"]),
                ("size", console.size(dataset["size"])),
                ("images", " · ".join(f"{n} {part}" for part, n in images.items() if n)),
                ("labels", report.get("labels")),
            ]
        )
    )
    if report.get("classes"):
        console.show(_balance(report["classes"]))
    problems = report.get("problems", [])
    if problems:
        rows = [
            (console.status(item["severity"]), item["file"], item["message"])
            for item in problems[:_SHOWN_PROBLEMS]
        ]
        console.show(console.table(("problem", "file", "what to mend"), rows))
        more = int(report.get("problems_total", len(problems))) - len(rows)
        if more > 0:
            out.print(f"… and {more} more; --json lists up to {len(problems)}")


def _balance(classes: list[Json]) -> Any:
    most = max(item["train"] for item in classes) or 1
    rows = [
        (item["index"], item["name"], item["train"], item["val"], _stripe(item["train"] / most))
        for item in classes
    ]
    columns = ("class", "name", "train", "val", "balance")
    return console.table(columns, rows, right=("class", "train", "val"))


def _stripe(share: float) -> str:
    return "█" * round(share * 24) or "▏"


def list_datasets(
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """List the datasets, newest first."""
    datasets = list(client(url).items("/datasets"))
    if as_json:
        console.print_json(datasets)
        return
    if not datasets:
        out.print("no datasets yet: `yard dataset push DIR` uploads one")
        return
    rows = [
        (
            item["id"],
            f"{item['name']}@{item['version']}",
            item["task"],
            console.status(item["status"]),
            sum((item["report"] or {}).get("images", {}).values()) or None,
            console.size(item["size"]),
            console.when(item["created_at"]),
        )
        for item in datasets
    ]
    columns = ("id", "dataset", "task", "status", "images", "size", "pushed")
    console.show(console.table(columns, rows, right=("images", "size")))


def require_ready(dataset: Json) -> Json:
    """Return the dataset, if it can be trained on.

    Raises:
        YardError: it is not ready.
    """
    if dataset["status"] == "ready":
        return dataset
    raise YardError(
        f"{dataset['name']}@{dataset['version']} is {dataset['status']}",
        "only a dataset that is ready can be trained on",
        "push it again with `yard dataset push DIR`, or name another",
        Code.REFUSED,
    )
