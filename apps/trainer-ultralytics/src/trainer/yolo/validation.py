"""One validation by Ultralytics outside a training: of given weights, or of an export of them."""

import logging
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
import yaml
from ultralytics.data.dataset import ClassificationDataset
from ultralytics.models import YOLO

from trainer.contract import Attempt, AttemptError, Cause
from trainer.messages import Report
from trainer.yolo.stop_signal import StopFlag
from trainer.yolo.training import adapt_ultralytics
from trainer.yolo.weights import listed, moved, read
from trainer.yolo.worst_images import NamedImages, WorstImages

_STEP_INTERVAL_S = 0.5
logger = logging.getLogger(__name__)


def load(attempt: Attempt, weights: Path | None) -> Any:
    """The model of the job's weights, for the job's task.

    Raises:
        AttemptError: there are none, they cannot be read, or they are for another task.
    """
    name = attempt.weights_name
    if weights is None:
        raise AttemptError(
            Cause.CONFIG_INVALID, "The job names no weights: submit it with --weights."
        )
    task = read(weights, str(name)).task
    if task != attempt.task:
        raise AttemptError(
            Cause.CONFIG_INVALID,
            f"The weights {name} are for the task {task}, the dataset is for {attempt.task}.",
        )
    adapt_ultralytics()
    return YOLO(weights)


def image_size(model: Any, asked: int | None) -> int:
    """The side in pixels: as asked, else as in the training of the weights."""
    return int(asked or model.overrides.get("imgsz") or 640)


def require_judgeable(attempt: Attempt, model: Any, data: Path, split: str) -> None:
    """Raise an AttemptError unless the dataset has the split, and the classes of the model."""
    splits, names = _splits_and_names(data, attempt.task)
    if split not in splits:
        raise AttemptError(
            Cause.CONFIG_INVALID,
            f"The dataset has no split {split}: set split to {' or '.join(splits)}.",
        )
    its = listed(model.names)
    if model.overrides.get("single_cls") or names == its:
        return
    if len(names) != len(its):
        raise _not_judgeable(attempt, f"know {len(its)} classes, the dataset has {len(names)}")
    if name := moved(its, names):
        at = f"{name!r} as class {its.index(name)}, the dataset as {names.index(name)}"
        raise _not_judgeable(attempt, f"know {at}, counted from 0")
    other = next((own, theirs) for own, theirs in zip(its, names, strict=True) if own != theirs)
    logger.warning(
        "WARNING: the classes of weights and dataset have other names, the first are %r and %r: "
        "the numbers hold only if they are the same things.",
        *other,
    )


def _not_judgeable(attempt: Attempt, why: str) -> AttemptError:
    return AttemptError(
        Cause.CONFIG_INVALID,
        f"The weights {attempt.weights_name} {why}: judge them by a dataset with the classes that "
        "they were trained on, in that order.",
    )


def _splits_and_names(data: Path, task: str) -> tuple[list[str], list[str]]:
    every = ("train", "val", "test")
    if task == "classify":  # folders of a name
        splits = [name for name in every if (data / name).is_dir()]
        return splits, sorted(path.name for path in (data / splits[0]).iterdir() if path.is_dir())
    told = yaml.safe_load((data / "data.yaml").read_text())
    return [name for name in every if told.get(name)], listed(told["names"])


def validate(
    model: Any,
    data: Path,
    folder: Path,
    *,
    report: Report,
    stop: StopFlag,
    worst: WorstImages | None = None,
    **arguments: Any,
) -> Any:
    """Validate as `yolo val` with these arguments does; returns the validator."""
    root = data if model.task == "classify" else data / "data.yaml"
    given = {**model.overrides, "rect": True, "data": str(root), **arguments, "mode": "val"}
    own = type("Validator", (_NamesFiles, model.task_map[model.task]["validator"]), {})
    validator: Any = own(args=given, save_dir=folder, _callbacks=model.callbacks)
    validator.add_callback("on_val_batch_end", _Steps(report, stop))
    with worst.watch(validator) if worst else nullcontext():
        validator(model=model.model)
    return validator


class _NamesFiles:
    """A validator whose dataset names its files, for the worst images."""

    def build_dataset(self, *arguments: Any, **named: Any) -> Any:
        dataset = super().build_dataset(*arguments, **named)  # type: ignore[misc]
        if type(dataset) is ClassificationDataset:
            dataset.__class__ = NamedImages
        return dataset


class _Steps:
    """Tells how far a validation is, and ends it after a SIGTERM."""

    def __init__(self, report: Report, stop: StopFlag) -> None:
        self._report, self._stop = report, stop
        self._began = self._told = time.monotonic()

    def __call__(self, validator: Any) -> None:
        self._stop.check()
        done, all_of_it = validator.batch_i + 1, len(validator.dataloader)
        now = time.monotonic()
        if done in {1, all_of_it} or now - self._told >= _STEP_INTERVAL_S:
            self._told = now
            speed = done * validator.dataloader.batch_size / max(1e-6, now - self._began)
            fields = {"step": done, "progress": done / all_of_it, "speed": speed}
            if validator.device.type == "cuda":
                fields["gpu_memory_bytes"] = float(torch.cuda.memory_reserved(validator.device))
            self._report("step", **fields)
