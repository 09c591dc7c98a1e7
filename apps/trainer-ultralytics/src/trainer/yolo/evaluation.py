"""`evaluation.json`: how good the best model is, by its own validation (docs/evaluation.schema.json)."""

import hashlib
import json
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ultralytics.data.dataset import ClassificationDataset
from ultralytics.engine.trainer import BaseTrainer
from ultralytics.nn.tasks import torch_safe_load
from ultralytics.utils.torch_utils import get_flops, get_num_params, unwrap_model

from trainer.contract import Attempt
from trainer.messages import Report
from trainer.yolo import worst_images
from trainer.yolo.worst_images import Judged, NamedImages, WorstImages

NAME = "evaluation.json"
MAX_BYTES = 2**20
MAX_POINTS = 100
MAIN_METRIC = {
    "detect": "metrics/mAP50-95(B)",
    "segment": "metrics/mAP50-95(M)",
    "pose": "metrics/mAP50-95(P)",
    "obb": "metrics/mAP50-95(B)",
    "classify": "metrics/accuracy_top1",
}
_VAL_BATCH = 16
logger = logging.getLogger(__name__)


class Evaluated(BaseTrainer):
    """Writes evaluation.json after each epoch that is the best so far, and of best.pt at the end."""

    attempt: Attempt
    report: Report
    validator: Any
    ema: Any
    _size: dict[str, float | None] | None = None

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> Any:
        """The dataset; that of a validation names its files."""
        dataset = super().build_dataset(img_path, mode, batch)
        if mode != "train" and type(dataset) is ClassificationDataset:
            dataset.__class__ = NamedImages
        return dataset

    def size(self) -> dict[str, float | None]:
        """How large the model is; counted once, for that takes as long as some batches."""
        if self._size is None:
            self._size = size_of(unwrap_model(self.ema.ema), self.args.imgsz)
        return self._size

    def save_model(self) -> bool:
        """Save the epoch, and what its validation tells if it is the best so far."""
        saved = bool(super().save_model())
        if saved and self.best_fitness == self.fitness:
            with _unharmed():
                told = _document(self.attempt, self.validator, self.size(), epoch=self.epoch)
                _write(self.save_dir, told | {"interim": True})
        return saved

    def final_eval(self) -> None:
        """Validate best.pt as `yolo val` would, and write what that tells."""
        epoch = None
        if self.best.exists():
            epoch = torch_safe_load(self.best)[0].get("epoch")
        worst = WorstImages()
        with worst.watch(self.validator):
            try:
                self._as_yolo_val()
            except torch.cuda.OutOfMemoryError:
                logger.warning("WARNING: best.pt is validated in the training's smaller batches")
                worst.clear()
                self.validator.dataloader = self.test_loader
                super().final_eval()
        if self.best.exists():
            with _unharmed():
                told = write_final(
                    self.attempt,
                    self.validator,
                    self.size(),
                    weights=self.best,
                    epoch=None if epoch == -1 else epoch,
                    worst=worst.images(),
                    folder=self.save_dir,
                )
                best = {} if epoch in {None, -1} else {"best/epoch": epoch}
                self.report("evaluated", metrics=told["metrics"] | best)

    def _as_yolo_val(self) -> None:
        """Validate in its precision and batches: how images are padded depends on their batch."""
        args = self.validator.args
        args.quantize = None
        if args.task == "classify":
            super().final_eval()
            return
        args.batch, args.rect, args.cache = _VAL_BATCH, True, False
        self.validator.dataloader = None
        super().final_eval()
        if hasattr(self.validator.dataloader, "close"):
            self.validator.dataloader.close()


def size_of(model: Any, imgsz: int) -> dict[str, float | None]:
    """How large a model is; `gflops` of one image of `imgsz` pixels, None where they cannot be counted."""
    flops = _number(get_flops(model, imgsz))
    return {"parameters": get_num_params(model), "gflops": flops or None}


def write_final(
    attempt: Attempt,
    validator: Any,
    size: dict[str, float | None],
    *,
    weights: Path,
    name: str = "best.pt",
    epoch: int | None,
    worst: list[Judged],
    folder: Path,
) -> dict[str, Any]:
    """Write evaluation.json and its sheets from a validation that has ended; returns what it tells."""
    document = _document(attempt, validator, size, epoch=epoch, weights=weights)
    document["weights"]["name"] = name
    sheets = worst_images.draw(worst, validator.names, folder)
    if validator.args.plots or validator.args.task == "classify":  # else Ultralytics counts none
        document["confusion"] = _confusion(validator)
    document["worst"] = {
        "sheets": [sheet.name for sheet in sheets],
        "grid": {"columns": worst_images.COLUMNS, "rows": worst_images.ROWS},
        "images": [
            {"file": _relative(one.file, validator.data), **one.told, "boxes": one.boxes}
            for one in worst
        ],
    }
    _write(folder, document)
    return document


@contextmanager
def _unharmed() -> Iterator[None]:
    """A model that is trained is kept, whatever its evaluation runs into."""
    try:
        yield
    except Exception:
        logger.warning("WARNING: the evaluation could not be written", exc_info=True)


def _document(
    attempt: Attempt,
    validator: Any,
    size: dict[str, float | None],
    *,
    epoch: int | None,
    weights: Path | None = None,
) -> dict[str, Any]:
    """All but `confusion` and `worst`, from a validator's last validation."""
    task = validator.args.task
    metrics = {name: _number(value) for name, value in validator.metrics.results_dict.items()}
    classes = list(_classes(validator, task))
    return {
        "format": 1,
        "task": task,
        "interim": False,
        "weights": {
            "name": "best.pt",
            "sha256": None if weights is None else _sha256(weights),
            **size,
        },
        "data": {
            "dataset_id": attempt.dataset_id,
            "sha256": attempt.dataset_sha256 or None,
            "split": validator.args.split,
            "images": len(validator.dataloader.dataset),
            "instances": sum(one["instances"] for one in classes),
        },
        "best": {
            "epoch": epoch,
            "metric": MAIN_METRIC[task],
            "value": metrics.get(MAIN_METRIC[task]),
        },
        "metrics": metrics,
        "classes": classes,
        "curves": list(_curves(validator)),
        "speed_ms": {name: _number(value, 3) for name, value in validator.speed.items()},
    }


def _classes(validator: Any, task: str) -> Iterator[dict[str, Any]]:
    metrics, names = validator.metrics, validator.names
    if task == "classify":
        matrix = validator.confusion_matrix.matrix
        for index, name in names.items():
            right, told, there = matrix[index, index], matrix[index].sum(), matrix[:, index].sum()
            values = {
                "metrics/precision": right / told if told else 0.0,
                "metrics/recall": right / there if there else None,
                "metrics/F1": 2 * right / (told + there) if told + there else None,
            }
            counts = {"images": int(there), "instances": int(there)}
            yield _class(index, name, counts, values)
        return
    measured = {int(index): place for place, index in enumerate(metrics.ap_class_index)}
    places = (("B", "box"), ("M", "seg"), ("P", "pose"))
    parts = {key: getattr(metrics, part) for key, part in places if hasattr(metrics, part)}
    for index, name in names.items():
        values = {}
        if index in measured:
            place = measured[index]
            values = dict(zip(metrics.keys, metrics.class_result(place), strict=True))
            values |= {f"metrics/F1({letter})": part.f1[place] for letter, part in parts.items()}
        counts = {
            "images": int(metrics.nt_per_image[index]),
            "instances": int(metrics.nt_per_class[index]),
        }
        yield _class(index, name, counts, values)


def _class(index: int, name: str, counts: dict[str, int], values: Any) -> dict[str, Any]:
    numbers = {key: _number(value) for key, value in values.items()}
    return {"index": index, "name": name, **counts, "metrics": numbers}


def _curves(validator: Any) -> Iterator[dict[str, Any]]:
    metrics = validator.metrics
    for name, (x, y, x_label, y_label) in zip(metrics.curves, metrics.curves_results, strict=True):
        rows = np.atleast_2d(y)
        taken = np.linspace(0, len(x) - 1, min(MAX_POINTS, len(x))).round().astype(int)
        yield {
            "name": name,
            "x_label": x_label,
            "y_label": y_label,
            "x": _numbers(np.asarray(x)[taken]),
            "mean": _numbers(rows.mean(0)[taken]),
            "classes": [
                {"index": int(index), "y": _numbers(row[taken])}
                for index, row in zip(metrics.ap_class_index, rows, strict=False)
            ],
        }


def _confusion(validator: Any) -> dict[str, Any]:
    matrix = validator.confusion_matrix.matrix
    order = np.argsort(-matrix, axis=None, kind="stable")[: np.count_nonzero(matrix)]
    places = np.stack(np.unravel_index(order, matrix.shape), 1).tolist()
    finds = matrix.shape[0] > len(validator.names)
    return {
        "size": matrix.shape[0],
        "background": matrix.shape[0] - 1 if finds else None,
        "confidence": float(validator.args.conf) if finds else None,
        "cells": [[told, true, int(matrix[told, true])] for told, true in places],
    }


def _write(folder: Path, document: dict[str, Any]) -> None:
    """Write it, without what is largest where it is more than MAX_BYTES; `left_out` names that."""
    document["left_out"] = left_out = list[str]()
    text = _json(document)
    while len(text) > MAX_BYTES:
        name, values = max(_cuttable(document), key=lambda part: len(_json(part[1])))
        del values[len(values) // 2 :]
        left_out += [name] if name not in left_out else []
        text = _json(document)
    temporary = folder / f"{NAME}.part"
    temporary.write_bytes(text)
    temporary.replace(folder / NAME)


def _cuttable(document: dict[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    yield "classes", document["classes"]
    if "worst" in document:
        yield "worst", document["worst"]["images"]
    if "confusion" in document:
        yield "confusion", document["confusion"]["cells"]
    for curve in document["curves"]:
        yield "curves", curve["classes"]


def _json(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _relative(file: str, data: dict[str, Any]) -> str:
    root = data.get("path")
    path = Path(file)
    return str(path.relative_to(root)) if root and path.is_relative_to(root) else path.name


def _number(value: Any, digits: int = 6) -> float | None:
    number = math.nan if value is None else float(value)
    return round(number, digits) if math.isfinite(number) else None


def _numbers(values: Any) -> list[float | None]:
    return [_number(value, 4) for value in values]
