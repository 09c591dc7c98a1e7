"""`yard model predict`."""

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from trainyard_datasets.files import IMAGE_SUFFIXES

from yard import console, locations
from yard.client import Json
from yard.commands.model import fetch
from yard.console import out
from yard.errors import Code, YardError
from yard.options import AsJson, Url, client

_MODEL = "best.pt"


def predict(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE...", help="Images or folders of images.")
    ],
    *,
    job_id: Annotated[
        str | None, typer.Option("--job", help="Use this job's best.pt.", metavar="JOB")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Use this model file.", metavar="FILE")
    ] = None,
    target: Annotated[
        Path,
        typer.Option("--out", help="Folder for copies of the images with the results drawn in."),
    ] = Path("predictions"),
    conf: Annotated[float, typer.Option(min=0, max=1, help="Lowest confidence to report.")] = 0.25,
    imgsz: Annotated[
        int | None, typer.Option(help="Image size. Default: as in training.", show_default=False)
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Run a trained model on images, on this machine."""
    if (job_id is None) == (weights is None):
        raise YardError(
            "no model is named, or two are",
            todo="give either --job JOB or --weights FILE",
            code=Code.USAGE,
        )
    python = locations.trainer_python()
    model = weights or _cached(url, job_id or "")
    files = [file for path in images for file in _image_files(path)]
    for path in (model, *files):
        if not path.is_file():
            raise YardError(f"there is no file {path}", todo="check the path", code=Code.NOT_FOUND)
    options = ["--weights", str(model), "--out", str(target), "--conf", str(conf)]
    options += ["--imgsz", str(imgsz)] if imgsz else []
    results = _run(python, options, files)
    if as_json:
        console.print_json(results)
        return
    for item in results:
        out.print(f"{item['image']}  {_found(item)}")
    out.print(f"drawn into {target}/: {len(results)}")


def _image_files(path: Path) -> list[Path]:
    """Return the images in a folder, or the path itself if it is not a folder."""
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise YardError(
            f"there is no image in {path}",
            f"looked for {', '.join(sorted(IMAGE_SUFFIXES))}, not in its subfolders",
            "name the folder with the images, or single files",
            Code.USAGE,
        )
    return found


def _cached(url: str | None, job_id: str) -> Path:
    """Return the job's model from the cache, downloaded if its sha256 is not there yet."""
    api = client(url)
    job = api.find("jobs", job_id)
    items = api.get(f"/jobs/{job['id']}/artifacts")["items"]
    sha256 = next((item["sha256"] for item in items if item["name"] == _MODEL), None)
    model = locations.cache_dir() / "models" / str(sha256 or job["id"]) / _MODEL
    if not (sha256 and model.is_file()):
        fetch(api, job, model.parent, [_MODEL], show=False)
    return model


def _run(python: Path, options: list[str], images: list[Path]) -> list[Json]:
    """Run the trainer's predict in its own environment; return its result for each image."""
    command = [str(python), "-m", "trainer", "predict", *options, *map(str, images)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        log = done.stderr.decode(errors="replace").strip().splitlines()
        raise YardError(
            "the prediction failed",
            f"the trainer ended with exit code {done.returncode}",
            "check that the file is a model and that the images can be opened",
            details=log[-5:],
        )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]


def _found(item: Json) -> str:
    """Return the result in words: the likeliest class, or the count of each class."""
    if "classes" in item:
        best = item["classes"][0]
        return f"{best['name']} {best['confidence']:.0%}"
    names = Counter(str(box["name"]) for box in item["boxes"])
    return ", ".join(f"{count}x {name}" for name, count in sorted(names.items())) or "nothing"
