"""`yard weights`: list, push, delete."""

import dataclasses
import hashlib
import json
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from trainyard_datasets.limits import MAX_WEIGHTS_BYTES

from yard import completion, console, formatting, locations, transfer
from yard.client import Client, Json
from yard.console import out
from yard.errors import Code, YardError
from yard.options import AsJson, Url, Yes, client, confirm_deletion

_CHUNK = 1 << 18


def list_weights(url: Url = None, as_json: AsJson = False) -> None:
    """List the weights that jobs can start from, newest first."""
    items = [*client(url).items("/weights")]
    if as_json:
        console.print_json(items)
        return
    if not items:
        out.print("no weights yet: `yard weights push FILE` uploads some")
        return
    rows = [
        (
            item["name"],
            item["task"],
            item["model"],
            formatting.size(item["size"]),
            formatting.ago(item["created_at"]),
            item["sha256"][:12],
        )
        for item in items
    ]
    columns = ("name", "task", "model", "size", "pushed", "sha256")
    console.print_table(console.table(columns, rows, right=("size",)))


def push(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .pt file, e.g. yolo11n.pt.")],
    name: Annotated[
        str | None,
        typer.Option(help="Jobs name them so. Default: the file's name.", show_default=False),
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Upload weights that jobs can start from. What is not safe to load is refused; none of it is run."""
    api = client(url)
    if not file.is_file():
        raise YardError(f"there is no file {file}", todo="check the path", code=Code.NOT_FOUND)
    reply = upload(api, file, name, show=not as_json)
    if as_json:
        console.print_json(reply)
        return
    fits = " ".join(filter(None, (reply["task"], reply["model"])))
    out.print(
        f"pushed {reply['name']} for {fits}; jobs of that model start from --weights {reply['name']}"
    )


def kept(api: Client, file: Path) -> Json | None:
    """Return what the server keeps of the file, by whatever name."""
    sha256 = _File(file).sha256()
    there = api.items("/weights", id_prefix=sha256[:12])
    return next((item for item in there if item["sha256"] == sha256), None)


def upload(api: Client, file: Path, name: str | None = None, *, show: bool) -> Json:
    """Upload weights unless the server has them; return what it keeps of them.

    Raises:
        YardError: they cannot be loaded, or not safely, or are kept by another name.
    """
    content = _File(file)
    fields = {"name": name or file.name, "size": content.size, **_inspect(file)}
    path = f"/weights/{content.sha256()}"
    reply = api.put(path, fields)
    if link := reply.get("upload"):
        plan = {"part_size": content.size, "parts": [{"number": 1, "url": link}]}
        with console.transfer_bar("uploading", content.size, show=show) as advance:
            transfer.upload(content, plan, advance)
        reply = api.put(path, fields)
    return dict(reply)


def of_ultralytics(file: Path) -> bool:
    """Return whether Ultralytics can load the weights."""
    try:
        return bool(_inspect(file))
    except YardError:
        return False


def delete(
    reference: Annotated[
        str,
        typer.Argument(
            metavar="WEIGHTS",
            help="A name, or the beginning of a sha256.",
            autocompletion=completion.weights,
        ),
    ],
    yes: Yes = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Delete weights. Jobs that have begun from them stay."""
    api = client(url)
    item = _find(api, reference)
    confirm_deletion(f"weights {item['name']} ({item['sha256'][:12]})", yes=yes)
    api.delete(f"/weights/{item['sha256']}")
    console.print_json(item) if as_json else out.print(f"deleted weights {item['name']}")


@dataclasses.dataclass
class _File:
    """What `transfer.upload` takes."""

    path: Path

    def __post_init__(self) -> None:
        self.size = self.path.stat().st_size
        if self.size > MAX_WEIGHTS_BYTES:  # before all of it is read
            raise YardError(
                f"{self.path} is not pushed",
                f"it has {formatting.size(self.size)}, and weights have at most {formatting.size(MAX_WEIGHTS_BYTES)}",
                "push the model without its optimizer's state, as best.pt of a finished training",
            )

    def sha256(self) -> str:
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def read(self, start: int, length: int) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            file.seek(start)
            while length and (data := file.read(min(_CHUNK, length))):
                length -= len(data)
                yield data


def _inspect(file: Path) -> Json:
    """Return the weights' task and model, which the trainer reads in its own environment.

    Raises:
        YardError: they cannot be loaded, or not safely.
    """
    todo = "push a .pt file that Ultralytics has written"
    if not zipfile.is_zipfile(file):
        raise YardError(f"{file} is not pushed", "PyTorch has not written it", todo)
    command = [str(locations.trainer_python()), "-m", "trainer", "inspect", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise YardError(
            f"{file} is not pushed",
            (done.stderr.strip().splitlines() or ["the trainer cannot read it"])[-1],
            todo,
        )
    found: Json = json.loads(done.stdout.splitlines()[-1])
    return found


def _find(api: Client, reference: str) -> Json:
    items = [*api.items("/weights")]
    named = [item for item in items if item["name"] == reference]
    found = named or [item for item in items if item["sha256"].startswith(reference)]
    if len(found) == 1:
        return dict(found[0])
    raise YardError(
        f"there are {len(found) or 'no'} weights {reference}",
        ", ".join(item["sha256"][:12] for item in found),
        "name them as `yard weights list` does, or by the beginning of the sha256",
        Code.USAGE if found else Code.NOT_FOUND,
    )
