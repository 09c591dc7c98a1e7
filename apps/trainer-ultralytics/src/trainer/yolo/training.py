"""One training by Ultralytics, from a config by `trainer.json` to the files that it produces."""

import csv
import logging
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from ultralytics.data import dataset as yolo_dataset
from ultralytics.data.utils import save_dataset_cache_file
from ultralytics.engine.trainer import BaseTrainer
from ultralytics.nn.tasks import torch_safe_load
from ultralytics.utils import RANK
from ultralytics.utils import tqdm as yolo_tqdm

from trainer.contract import Attempt, AttemptError, Cause
from trainer.messages import Report
from trainer.train_config import TrainConfig
from trainer.yolo import architecture, mlflow_model
from trainer.yolo.device import device_of
from trainer.yolo.distributed import Ranked
from trainer.yolo.evaluation import NAME as EVALUATION
from trainer.yolo.evaluation import Evaluated
from trainer.yolo.failures import readable
from trainer.yolo.progress import Progress
from trainer.yolo.ranks import count
from trainer.yolo.stop_signal import StopFlag
from trainer.yolo.weights import listed, moved, require_fitting

logger = logging.getLogger(__name__)
# Everything else of the config bears Ultralytics' own name and meaning.
_OWN = {"model", "freeze", "device", "ranks", "amp", "export_onnx"}


def train(
    attempt: Attempt,
    *,
    run_dir: Path,
    data: Path,
    weights: Path | None,
    resume_after: int | None,
    report: Report,
    stop: StopFlag,
    meeting: str | None = None,
) -> bool:
    """Train into the folder `run_dir`, resuming after epoch `resume_after` if it is not None.

    `meeting` is the URL where ranks meet that train together, None for a training alone. Returns
    whether this is the rank that keeps the results.

    Raises:
        AttemptError: the config cannot be used.
        Stopped: SIGTERM came; the checkpoint of the last full epoch has been reported.
    """
    # Once a config could name a file that came with the trainer; jobs of that time have the field.
    settings = {**attempt.config}
    gone = settings.pop("weights", None)
    try:
        config = TrainConfig(**settings)
    except TypeError as error:
        raise AttemptError(
            Cause.CONFIG_INVALID, f"The config has a field that this trainer lacks: {error}."
        ) from error
    adapt_ultralytics()
    overrides = {
        "data": str(data if attempt.task == "classify" else data / "data.yaml"),
        "save_dir": str(run_dir),
        "device": device_of(config.device, count(attempt) if meeting else 1),
        "workers": config.workers,
        "batch": _number(config.batch),
    }
    run_dir.mkdir(exist_ok=True)
    classes: list[str] | None = None
    base, model = architecture.choose(attempt.task, config.model, run_dir)
    last = run_dir / "weights" / "last.pt"
    if resume_after is not None and _resumable(last, config.epochs):
        overrides["resume"] = str(last)
    else:
        if gone is not None:
            raise AttemptError(
                Cause.CONFIG_INVALID,
                f"The config names the weights {gone}, which no longer come with the trainer. "
                "Push them and submit a new job with --weights.",
            )
        if weights is not None:
            name = str(attempt.weights_name)
            classes = require_fitting(weights, name, attempt.task, config.model)
        overrides |= _fresh(config, model, weights)
    # Attempt and report belong to the class: Ultralytics' trainers begin to work when they are made.
    own = {"attempt": attempt, "report": staticmethod(report), "meeting": meeting}
    ranked = (Ranked,) if meeting else ()
    trainer = type("Trainer", (*ranked, Evaluated, _Adapted, base), own)(overrides=overrides)
    if not config.single_cls:  # else they are told apart before, and have one name here
        _require_classes(config, len(trainer.data["names"]))
    if classes is not None:
        _tell_start(attempt, classes, listed(trainer.data["names"]))
    Progress(report, stop, run_dir).attach(trainer)
    trainer.train()
    if meeting and RANK > 0:
        return False
    _ensure_best(run_dir)
    if config.export_onnx:
        _export_onnx(run_dir, config.imgsz)
    return True


def _require_classes(config: TrainConfig, count: int) -> None:
    """Raise an AttemptError where `classes` names one that the dataset lacks: it would train on nothing."""
    if beyond := [one for one in config.classes or [] if one >= count]:
        raise AttemptError(
            Cause.CONFIG_INVALID,
            f"The dataset has {count} classes, counted from 0. Take {beyond[0]} out of classes.",
        )


def _tell_start(attempt: Attempt, ours: list[str], theirs: list[str]) -> None:
    """Say in the log where the head starts anew, as with `yolo train`, which does not say it."""
    # A classifier's head is taken as it is.
    if len(ours) == len(theirs) and (attempt.task == "classify" or moved(ours, theirs) is None):
        return
    logger.info(
        "The weights %s know %d classes, and the dataset has others, %d: the head's outputs for "
        "them start anew, but for those that a detector knows by name. All else that fits is "
        'taken: see "Transferred".',
        attempt.weights_name,
        len(ours),
        len(theirs),
    )


def artifacts(run_dir: Path) -> list[Path]:
    """The files worth keeping of a finished run: models, the metrics table and plots."""
    weights = run_dir / "weights"
    named = [
        weights / "best.pt",
        weights / "last.pt",
        run_dir / "model.onnx",
        run_dir / "results.csv",
        run_dir / EVALUATION,
    ]
    plots = sorted([*run_dir.glob("*.png"), *run_dir.glob("*.jpg")])
    return [path for path in [*named, *mlflow_model.write(run_dir), *plots] if path.is_file()]


class _Adapted(BaseTrainer):
    """What differs from Ultralytics' own trainers."""

    def read_results_csv(self) -> dict[str, list[float]]:
        """The table by column, read without polars, whose threads do not survive a fork."""
        try:
            with Path(self.csv).open(newline="") as file:
                rows = list(csv.DictReader(file))
        except FileNotFoundError:
            return {}
        return {key: [float(row[key]) for row in rows] for key in (rows[0] if rows else {})}

    def get_validator(self) -> Any:
        """A validator that draws only in the final validation, of the best model."""
        validator = super().get_validator()
        validator.args.plots = False
        return validator

    def agreed(self, wish: bool) -> bool:
        """Whether any rank wishes it; alone, this one."""
        return wish

    def plot_training_labels(self) -> None:
        """Draw nothing yet: it would delay the first batch."""

    def plot_metrics(self) -> None:
        """Draw the metrics, and the labels' statistics that were left out at the start."""
        super().plot_metrics()
        if hasattr(self.train_loader.dataset, "labels"):
            super().plot_training_labels()


def adapt_ultralytics() -> None:
    """Print one line a progress bar, not a frame every 0.1 s; write the label cache atomically."""
    yolo_tqdm.is_noninteractive_console = lambda: True  # type: ignore[assignment]
    save = save_dataset_cache_file

    def save_atomically(prefix: str, path: Path, x: dict[str, Any], version: str) -> None:
        own = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
        save(prefix, own, x, version)
        if own.exists():
            own.replace(path)

    yolo_dataset.save_dataset_cache_file = save_atomically  # type: ignore[attr-defined]


def _number(value: Any) -> Any:
    """JSON's 16.0 as a count; up to 1 a number is a fraction."""
    return int(value) if isinstance(value, float) and value.is_integer() and value > 1 else value


def _fresh(config: TrainConfig, model: str, weights: Path | None) -> dict[str, Any]:
    overrides = {k: _number(value) for k, value in asdict(config).items() if k not in _OWN}
    overrides |= {
        "model": model,
        "pretrained": str(weights) if weights else False,
        "freeze": config.freeze or None,
        "amp": config.amp and _amp_works(),
    }
    return overrides


def _amp_works() -> bool | str:
    """bf16, or fp32 where the GPU has none: the check that fp16 needs would download weights."""
    return "bf16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else False


def _resumable(last: Path, epochs: int) -> bool:
    """Whether `last` can be resumed; a complete run's last epoch is trained once more."""
    if epochs == 1:
        return False
    try:
        checkpoint, _ = torch_safe_load(last)
        if (best := last.with_name("best.pt")).exists():
            torch_safe_load(best)  # which the training's end reads
    except TypeError as error:
        raise AttemptError(
            Cause.TRAINER_CRASHED,
            f"The checkpoint cannot be resumed: {readable(str(error))} Submit the job anew.",
        ) from error
    if checkpoint["epoch"] >= epochs - 1:
        checkpoint["epoch"] = epochs - 2
        own = last.with_suffix(f".{os.getpid()}")  # ranks do this side by side
        torch.save(checkpoint, own)
        own.replace(last)
    return True


def _ensure_best(run_dir: Path) -> None:
    best, last = run_dir / "weights" / "best.pt", run_dir / "weights" / "last.pt"
    if not best.exists():
        shutil.copyfile(last, best)


def _export_onnx(run_dir: Path, imgsz: int) -> None:
    from ultralytics.models import YOLO  # noqa: PLC0415 - slow, and seldom needed

    try:
        exported = YOLO(run_dir / "weights" / "best.pt").export(
            format="onnx", imgsz=imgsz, device="cpu", simplify=False
        )
        shutil.move(exported, run_dir / "model.onnx")
    except Exception as error:  # noqa: BLE001 - the trained model is kept without it
        logger.warning("WARNING: best.pt could not be exported to ONNX: %s", error)
