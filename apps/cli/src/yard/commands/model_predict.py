"""`yard model predict`."""

import csv
import json
import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from glob import glob
from pathlib import Path
from typing import Annotated, Any

import typer
from trainyard_datasets.files import IMAGE_SUFFIXES

from yard import completion, console, locations
from yard.client import Json
from yard.commands import weights as weights_files
from yard.commands.model import fetch
from yard.commands.model_registry import job_of
from yard.console import out
from yard.errors import Code, YardError, local_error
from yard.options import AsJson, ImageSize, Url, client

_MODEL, _TRAINER = "best.pt", "ultralytics"
_VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg"})
_CSV = ("image", "frame", "class", "name", "confidence", "left", "top", "right", "bottom")


def predict(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="[MODEL] FILE...",
            help="A job, a registered model or a .pt file, unless --job or --weights names it. Then images, videos, folders of them, or patterns in quotes.",
        ),
    ],
    *,
    job_id: Annotated[
        str | None,
        typer.Option(
            "--job",
            help="Use this job's best.pt.",
            metavar="JOB | model:NAME@ALIAS",
            autocompletion=completion.jobs,
        ),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Use this model file.", metavar="FILE")
    ] = None,
    target: Annotated[
        Path, typer.Option("--out", help="Folder for copies with the results drawn in.")
    ] = Path("predictions"),
    draw: Annotated[bool, typer.Option(help="Whether to draw such copies.")] = True,
    table: Annotated[
        Path | None,
        typer.Option("--csv", help="Write a table with a line for each object.", metavar="FILE"),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--save-labels",
            help="New folder for a dataset with the results as its labels: correct it and push it.",
            metavar="DIR",
        ),
    ] = None,
    conf: Annotated[float, typer.Option(min=0, max=1, help="Lowest confidence to report.")] = 0.25,
    imgsz: ImageSize = None,
    batch: Annotated[
        int | None,
        typer.Option(
            min=1, help="Images at once. Default: 16 on a GPU, 1 without.", show_default=False
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            help="A GPU's number, or cpu. Default: a GPU if there is one.", show_default=False
        ),
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Run a trained model on images and videos, on this machine.

    What cannot be read is named with its reason at the end, and the exit code is 6; the results of
    all others are there.
    """
    if job_id is None and weights is None:
        job_id, weights, sources = _model_first(sources)
    elif job_id is not None and weights is not None:
        raise YardError(
            "two models are named", todo="leave out --job or --weights", code=Code.USAGE
        )
    if labels is not None and labels.exists() and (labels.is_file() or any(labels.iterdir())):
        raise YardError(
            f"{labels} is not empty",
            "labels that somebody has corrected there would be overwritten",
            "name a new folder with --save-labels",
            Code.USAGE,
        )
    python = locations.trainer_python()
    # Twice in --save-labels, an image would be in train and in val.
    files = list(dict.fromkeys(file for source in sources for file in _files(source)))
    if weights is not None and not weights.is_file():
        raise YardError(f"there is no file {weights}", todo="check the path", code=Code.NOT_FOUND)
    model = weights or cached(url, job_id or "")
    values = {
        "--weights": model,
        "--out": target if draw else None,
        "--labels": labels,
        "--conf": conf,
        "--imgsz": imgsz,
        "--batch": batch,
        "--device": device,
    }
    options = [str(part) for pair in values.items() if pair[1] is not None for part in pair]
    results = list(_shown(_run(python, options, files), len(files), show=not as_json))
    if table is not None:
        _write_csv(table, results)
    if as_json:
        console.print_json(results)
    else:
        _print_folders(results, target if draw else None, table, labels)
    _raise_for_unread(results)


def _model_first(sources: list[Path]) -> tuple[str | None, Path | None, list[Path]]:
    """Take the model from in front of the files: a job or registered model, or else a model's file.

    Raises:
        YardError: what is in front is a file to look at, or nothing comes behind the model.
    """
    first, *rest = sources
    is_image = first.exists() and first.suffix != ".pt"
    if is_image or not rest:
        raise YardError(
            "no model is named" if is_image else "no image is named",
            todo="write `yard model predict MODEL FILE…`, MODEL being a job (job:NAME where a file is called so), model:NAME@ALIAS or a .pt file",
            code=Code.USAGE,
        )
    name = str(first).removeprefix("job:")
    return (None, first, rest) if first.suffix == ".pt" else (name, None, rest)


def _files(source: Path) -> list[Path]:
    """Return the images and videos that the path, folder or pattern stands for."""
    if source.is_file():
        return [source]
    suffixes = IMAGE_SUFFIXES | _VIDEO_SUFFIXES
    if source.is_dir():
        named = (file for file in source.iterdir() if file.suffix.lower() in suffixes)
        found = sorted(file for file in named if not file.is_dir())
        where = f"{source}, its subfolders left out"
    elif any(char in str(source) for char in "*?["):
        # Path.glob takes no absolute pattern.
        found = [Path(path) for path in sorted(glob(str(source), recursive=True))]  # noqa: PTH207
        found = [path for path in found if not path.is_dir()]
        where = str(source)
    else:
        raise YardError(f"there is no file {source}", todo="check the path", code=Code.NOT_FOUND)
    if not found:
        raise YardError(
            f"there is no image or video in {where}",
            f"looked for {', '.join(sorted(suffixes))}",
            "name the folder with the images, single files, or a pattern such as 'photos/**/*.jpg'",
            Code.USAGE,
        )
    return found


def cached(url: str | None, reference: str) -> Path:
    """Return a job's or a registered model from the cache, downloaded if its sha256 is not there yet.

    Raises:
        YardError: there is none, or it is not one that Ultralytics can load.
    """
    api = client(url)
    job = job_of(api, reference)
    items = api.get(f"/jobs/{job['id']}/artifacts")["items"]
    sha256 = next((item["sha256"] for item in items if item["name"] == _MODEL), None)
    model = locations.cache_dir() / "models" / str(sha256 or job["id"]) / _MODEL
    if not (sha256 and model.is_file()):
        fetch(api, job, model.parent, [_MODEL], show=False)
    # A trainer of one's own may well train with Ultralytics.
    if job["trainer"] != _TRAINER and not weights_files.of_ultralytics(model):
        raise YardError(
            f"the model of {job['name'] or job['id']} is in the format of the trainer {job['trainer']}",
            "this command can load models of Ultralytics only",
            f"`yard model pull {job['id'][:6]} --only {_MODEL}` downloads it; load it with that trainer's own code",
        )
    return model


def _run(python: Path, options: list[str], files: Sequence[Path]) -> Iterator[Json]:
    """Run the trainer's predict in its own environment; yield its results as they come.

    Raises:
        YardError: it failed as a whole; a single file that cannot be read is a result.
    """
    with tempfile.TemporaryFile() as names, tempfile.TemporaryFile() as errors:
        names.write(b"".join(os.fsencode(file) + b"\0" for file in files))
        names.seek(0)
        command = [str(python), "-m", "trainer", "predict", *options]
        failed = False
        with subprocess.Popen(
            command, stdin=names, stdout=subprocess.PIPE, stderr=errors
        ) as process:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            for line in process.stdout:
                if line.startswith(b"{"):
                    item = _printable(json.loads(line))
                    failed |= "error" in item
                    yield item
        if process.returncode not in ((0, 1) if failed else (0,)):
            errors.seek(0)
            log = errors.read().decode(errors="replace").strip().splitlines()
            raise YardError(
                "the prediction failed",
                f"the trainer ended with exit code {process.returncode}",
                "name a model that Ultralytics has written, and images that can be opened",
                details=log[-5:],
            )


def _printable(item: Json) -> Json:
    """The result with names of files that are no UTF-8 as texts that can be written."""
    texts = {key: item[key] for key in ("image", "drawn") if key in item}
    return item | {
        key: text.encode(errors="backslashreplace").decode() for key, text in texts.items()
    }


def _shown(results: Iterator[Json], total: int, *, show: bool) -> Iterator[Json]:
    """Print each result, and a bar of the files that are done."""
    last = None
    with console.count_bar("predicting", total, show=show) as advance:
        for item in results:
            if show:
                frame = f" frame {item['frame']}" if "frame" in item else ""
                out.print(f"{item['image']}{frame}  {item.get('error') or _found(item)}")
            if item["image"] != last:
                advance(1)
            last = item["image"]
            yield item


def _found(item: Json) -> str:
    """Return the result in words: the likeliest class, or the count of each class."""
    if "classes" in item:
        best = item["classes"][0]
        return f"{best['name']} {best['confidence']:.0%}"
    names = Counter(str(box["name"]) for box in item["boxes"])
    return ", ".join(f"{count}x {name}" for name, count in sorted(names.items())) or "nothing"


def _print_folders(
    results: Sequence[Json], drawn: Path | None, table: Path | None, labels: Path | None
) -> None:
    if drawn is not None:
        files = {item["drawn"] for item in results if "drawn" in item}
        out.print(f"drawn into {drawn}/: {len(files)}")
    if table is not None:
        out.print(f"table: {table}")
    if labels is not None:
        out.print(f"labels: {labels}; correct them, then `yard dataset push {labels}`")


def _write_csv(path: Path, results: Sequence[Json]) -> None:
    try:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, _CSV)
            writer.writeheader()
            writer.writerows(row for item in results for row in _rows(item))
    except OSError as error:
        raise local_error(error) from error


def _rows(item: Json) -> Iterator[dict[str, Any]]:
    """A line of the table for each box; of a classification, for each class."""
    found: list[Json] = item.get("boxes") or item.get("classes") or []
    for one in found:
        corners = dict(zip(_CSV[-4:], one.get("xyxy", ()), strict=False))
        same = {key: one[key] for key in ("class", "name", "confidence")}
        yield {"image": item["image"], "frame": item.get("frame"), **same, **corners}


def _raise_for_unread(results: Sequence[Json]) -> None:
    unread = {item["image"]: item["error"] for item in results if "error" in item}
    if unread:
        files = {item["image"] for item in results}
        raise YardError(
            f"{len(unread)} of {len(files)} files could not be read to their end",
            todo="the results of the others are complete; check these files",
            code=Code.LOCAL,
            details=[f"{image}: {why}" for image, why in unread.items()],
        )
