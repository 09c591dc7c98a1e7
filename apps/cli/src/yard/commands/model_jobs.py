"""`yard model eval` and `yard model export`: jobs that work on a model's weights."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from yard import completion
from yard.client import Client, Json
from yard.commands import weights
from yard.commands.dataset import require_ready
from yard.commands.job_results import padding
from yard.commands.job_submit import resolved, start
from yard.console import out
from yard.errors import Code, YardError
from yard.options import AsJson, ImageSize, Url, client

Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A job (its best.pt), job:JOB/FILE, model:NAME@ALIAS or model:NAME/VERSION, weights by name or sha256:…, or a .pt file, which is pushed.",
        autocompletion=completion.jobs,
    ),
]
Data = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="DATASET",
        help="The dataset to judge by: name or name@version.",
        autocompletion=completion.datasets,
    ),
]
Split = Annotated[str, typer.Option(help="Judge by the images of train, val or test.")]
Gpu = Annotated[int | None, typer.Option(help="Number of GPUs.", show_default=False)]
Follow = Annotated[bool, typer.Option("--follow/--no-follow", help="Follow the job until it ends.")]


def evaluate(
    model: Model,
    dataset: Data,
    *,
    split: Split = "val",
    imgsz: ImageSize = None,
    batch: Annotated[int, typer.Option(help="Images at once.")] = 16,
    gpu: Gpu = None,
    follow: Follow = True,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Judge a model on a dataset, as `yolo val` does. `yard job results` shows it class by class."""
    config = {"split": split, "imgsz": imgsz, "batch": batch}
    _run(
        "evaluate", model, dataset, config,
        gpu=gpu, follow=follow, url=url, as_json=as_json,
    )  # fmt: skip


def export(
    model: Model,
    dataset: Data,
    *,
    formats: Annotated[
        str, typer.Option("--format", help="onnx, openvino, torchscript, or several with commas.")
    ] = "onnx",
    split: Split = "val",
    imgsz: ImageSize = None,
    half: Annotated[bool, typer.Option("--half", help="Export with 16 bits.")] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="Export with 8 bits, calibrated on the dataset.")
    ] = False,
    dynamic: Annotated[
        bool, typer.Option("--dynamic", help="Export for images of any size.")
    ] = False,
    nms: Annotated[
        bool, typer.Option("--nms", help="Export with the suppression of overlapping boxes.")
    ] = False,
    max_drop: Annotated[
        float | None,
        typer.Option(
            help="Fail if an export loses more than this of the main metric, e.g. 0.01.",
            show_default=False,
        ),
    ] = None,
    gpu: Gpu = None,
    follow: Follow = True,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Export a model, and judge each export beside it: accuracy, latency, size. `yard model pull` downloads them."""
    config = {
        "formats": [name.strip() for name in formats.split(",") if name.strip()],
        "split": split,
        "imgsz": imgsz,
        "half": half,
        "int8": int8,
        "dynamic": dynamic,
        "nms": nms,
        "max_drop": max_drop,
    }
    on = _run(
        "export", model, dataset, config,
        gpu=gpu, follow=follow, url=url, as_json=as_json,
    )  # fmt: skip
    if follow and not as_json and (note := padding(on["task"])):
        out.print(note)


def _run(
    work: str, model: str, dataset: str, config: Json, *,
    gpu: int | None, follow: bool, url: str | None, as_json: bool,
) -> Json:  # fmt: skip
    """Submit the job, follow it where that is wanted, and return the dataset that it judges by."""
    api = client(url)
    chosen = require_ready(api.dataset(dataset))
    body: dict[str, Any] = {
        "dataset_id": chosen["id"],
        "trainer": f"ultralytics-{work}",
        "name": f"{work} {_title(model)}"[:100],
        "config": config,
        "weights": _weights(api, model),
        "resources": {} if gpu is None else {"gpu": gpu},
    }
    start(api, body, chosen, follow=follow, as_json=as_json)
    return chosen


def _title(model: str) -> str:
    """Return what the job is named by: a file without its folder, all else without its kind."""
    path = Path(model)
    return path.name if path.is_file() else re.sub("^(job|model):", "", model)


def _weights(api: Client, model: str) -> str:
    """Return the server's reference to what the user calls a model."""
    path = Path(model)
    if path.suffix == ".pt" and path.is_file():
        found = weights.kept(api, path) or weights.upload(api, path, show=False)
        return f"sha256:{found['sha256']}"
    if model.startswith(("job:", "sha256:", "model:")) or model.endswith(".pt"):
        return resolved(api, model)
    try:
        return f"job:{api.find('jobs', model)['id']}"
    except YardError as error:
        if error.code != Code.NOT_FOUND:
            raise
        return model  # the server's answer says what it finds
