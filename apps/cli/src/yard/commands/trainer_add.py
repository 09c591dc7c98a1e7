"""`yard trainer new`, `add` and `remove`: trainers of one's own."""

import json
import os
import re
import shutil
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from yard import console, locations, running
from yard.arguments import TrainerName
from yard.client import Client
from yard.console import out
from yard.errors import Code, YardError
from yard.options import Url, client

MANIFEST = "trainer.json"
_NAME = re.compile(r"[a-z0-9-]{1,40}")


def new(
    name: Annotated[str, typer.Argument(help="The trainer's name.")],
    folder: Annotated[
        Path | None,
        typer.Argument(help="Where to write it. Default: a folder of its name.", metavar="DIR"),
    ] = None,
) -> None:
    """Write a trainer that works, to change: an image classifier in PyTorch."""
    _require_name(name)
    target = folder or Path(name)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise YardError(
            f"{target} is there already",
            "a new trainer needs a folder of its own",
            f"name another: yard trainer new {name} DIR",
            Code.USAGE,
        )
    target.mkdir(parents=True, exist_ok=True)
    for file in (resources.files("yard") / "new_trainer").iterdir():
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            (target / file.name).write_text(re.sub(r"\bNAME\b", name, text), encoding="utf-8")
    out.print(f"{target} trains as it is; its README.md says how to go on", highlight=False)
    out.print(f"next: yard trainer add {target}", highlight=False)


def add(
    folder: Annotated[Path, typer.Argument(help="Folder with the trainer.json.", metavar="DIR")],
    url: Url = None,
) -> None:
    """Add a trainer to the running `yard dev`, or print what adds it to a cluster.

    Trainings go on. Adding it again takes over what has changed in its trainer.json.
    """
    manifest = _read(folder)
    name = _require_name(manifest.get("name"))
    api = client(url)
    state = running.state_folder(api.url)
    _check(folder / MANIFEST)
    place = None if state is None else state / "trainers" / name
    if place is None or not _is_added_from(folder, place):
        _require_free(api, name, is_known=place is not None)
    if place is None:
        console.err.print(
            f"{_unknown(api.url)}. These are values for a cluster's chart: write them to "
            f"{name}.values.yaml, then\n"
            f"helm upgrade platform charts/platform -n platform --reuse-values -f {name}.values.yaml",
            style="dim",
        )
        values = {"trainer": {"manifests": {name: manifest}}}
        typer.echo(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), nl=False)
        return
    manifest["command"] = _command(manifest["command"], folder.resolve())
    place.mkdir(parents=True, exist_ok=True)
    source = place / "source"
    source.unlink(missing_ok=True)
    source.symlink_to(folder.resolve())
    locations.write_private(place / MANIFEST, json.dumps(manifest, indent=2))
    api.get(f"/trainers/{name}")
    out.print(f"added {name}; next: yard train DATASET --trainer {name}", highlight=False)


def remove(name: TrainerName, url: Url = None) -> None:
    """Remove a trainer that was added to the running `yard dev`. Its folder stays."""
    api = client(url)
    state = running.state_folder(api.url)
    place = None if state is None else state / "trainers" / _require_name(name)
    if place is None or not (place / MANIFEST).is_file():
        raise YardError(
            f"{name} was not added to {api.url} by `yard trainer add`",
            "" if place else _unknown(api.url),
            "" if place else f"remove trainer.manifests.{name} from the values of the chart",
            Code.NOT_FOUND,
        )
    shutil.rmtree(place)
    out.print(f"removed {name}", highlight=False)


def _unknown(url: str) -> str:
    if not running.is_of_this_machine(url):
        return f"{url} is no `yard dev` of this machine"
    return (
        f"no `yard dev` at {url} is known to HOME={Path.home()}; if one runs there, repeat this with "
        "the HOME that it was started with, or in its folder"
    )


def _require_name(name: object) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise YardError(
            f"{name!r} cannot be a trainer's name",
            "it has 1 to 40 lower-case letters, digits and hyphens",
            code=Code.USAGE,
        )
    return name


def _read(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise YardError(
            f"there is no {path}",
            "it says what the trainer is and how it is run",
            "`yard trainer new NAME` writes one that works",
            Code.USAGE,
        )
    try:
        manifest = json.loads(path.read_bytes())
    except ValueError as error:
        raise _wrong(path, str(error)) from error
    if not isinstance(manifest, dict):
        raise _wrong(path, "it must hold a JSON object")
    return manifest


def _check(path: Path) -> None:
    from trainyard_manifest import Manifest, ManifestError  # noqa: PLC0415 - slow to import

    try:
        Manifest.read(path)
    except ManifestError as error:
        raise _wrong(path, str(error).removeprefix(f"{path}: ")) from error


def _wrong(path: Path, why: str) -> YardError:
    return YardError(
        f"{path} is no manifest", why, "docs/training-contract.md describes it", Code.USAGE
    )


def _require_free(api: Client, name: str, *, is_known: bool) -> None:
    is_far = not running.is_of_this_machine(api.url)
    if name in (item["name"] for item in api.get("/trainers")["items"]):
        raise YardError(
            f"there is a trainer {name} already",
            f"{api.url} has it from elsewhere" if is_known or is_far else _unknown(api.url),
            f'change "name" in {MANIFEST}; `yard trainer list` shows those that are taken',
            Code.REFUSED,
        )


def _is_added_from(folder: Path, place: Path) -> bool:
    source = place / "source"
    return source.is_dir() and source.samefile(folder)


def _command(command: list[str], folder: Path) -> list[str]:
    """The command with the folder's own files by their absolute paths: it runs in another folder."""
    words = [str(folder / word) if (folder / word).is_file() else word for word in command]
    path = f"{locations.trainer_python().parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    missing = [word for word in words[1:] if word.endswith(".py") and not Path(word).is_file()]
    if shutil.which(words[0], path=path) is None:
        missing.insert(0, words[0])
    if missing:
        raise YardError(
            f"there is no program {missing[0]}",
            f'"command" in {folder / MANIFEST} names it',
            "correct it; files are looked for in that folder, programs also on the PATH",
            Code.USAGE,
        )
    return words
