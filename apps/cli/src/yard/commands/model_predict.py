"""`yard predict`."""

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from yard import console, locations
from yard.archive import IMAGES
from yard.client import Json
from yard.commands.model import fetch
from yard.console import out
from yard.errors import Code, YardError
from yard.options import AsJson, Url, client

_MODEL = "best.pt"


def predict(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Pictures or folders.")],
    *,
    job_id: Annotated[
        str | None, typer.Option("--job", help="Predict with this job's model.", metavar="JOB")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Predict with this model file.", metavar="FILE")
    ] = None,
    target: Annotated[
        Path, typer.Option("--out", help="Folder for the pictures with what was found.")
    ] = Path("predictions"),
    conf: Annotated[float, typer.Option(min=0, max=1, help="Least confidence to show.")] = 0.25,
    imgsz: Annotated[
        int | None, typer.Option(help="Image size. Default: as in training.", show_default=False)
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Find in pictures what a model has learned, here on this machine."""
    if (job_id is None) == (weights is None):
        raise YardError(
            "which model?", todo="give either --job JOB or --weights FILE", code=Code.USAGE
        )
    python = locations.trainer_python()
    model = weights or _cached(url, job_id or "")
    pictures = [picture for path in images for picture in _pictures(path)]
    for path in (model, *pictures):
        if not path.is_file():
            raise YardError(f"there is no file {path}", todo="check the path", code=Code.NOT_FOUND)
    options = ["--weights", str(model), "--out", str(target), "--conf", str(conf)]
    options += ["--imgsz", str(imgsz)] if imgsz else []
    results = _run(python, options, pictures)
    if as_json:
        console.print_json(results)
        return
    for item in results:
        out.print(f"{item['image']}  {_found(item)}")
    out.print(f"drawn into {target}/: {len(results)}")


def _pictures(path: Path) -> list[Path]:
    """Return the images in a folder, or the path itself if it is none."""
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix.lower() in IMAGES)
    if not found:
        raise YardError(
            f"there is no image in {path}",
            f"looked for {', '.join(sorted(IMAGES))}, not in its subfolders",
            "name the folder that holds the images, or single files",
            Code.USAGE,
        )
    return found


def _cached(url: str | None, job_id: str) -> Path:
    """Return the job's model from the cache; it is fetched if its sha256 is not there."""
    api = client(url)
    job = api.find("jobs", job_id)
    items = api.get(f"/jobs/{job['id']}/artifacts")["items"]
    sha256 = next((item["sha256"] for item in items if item["name"] == _MODEL), None)
    model = locations.cache_dir() / "models" / str(sha256 or job["id"]) / _MODEL
    if not (sha256 and model.is_file()):
        fetch(api, job, model.parent, [_MODEL], show=False)
    return model


def _run(python: Path, options: list[str], images: list[Path]) -> list[Json]:
    """Run the trainer's predict in its own environment; return what it found in each image."""
    command = [str(python), "-m", "trainer", "predict", *options, *map(str, images)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise YardError(
            "the prediction failed",
            f"the trainer ended with exit code {done.returncode}",
            "is the file a model, and are the images images?",
            details=said[-5:],
        )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]


def _found(item: Json) -> str:
    """Return in words what was found: the likeliest class, or how many of each."""
    if "classes" in item:
        best = item["classes"][0]
        return f"{best['name']} {best['confidence']:.0%}"
    names = Counter(str(box["name"]) for box in item["boxes"])
    return ", ".join(f"{count}x {name}" for name, count in sorted(names.items())) or "nothing"
