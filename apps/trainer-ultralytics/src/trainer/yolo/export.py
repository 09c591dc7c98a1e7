"""Exports given weights, and judges each export beside them (docs/export.schema.json)."""

import hashlib
import json
import logging
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ultralytics.models import YOLO
from ultralytics.nn.autobackend import AutoBackend
from ultralytics.utils.torch_utils import get_cpu_info

from trainer.contract import Attempt, AttemptError, Cause
from trainer.export_config import ExportConfig
from trainer.messages import Report
from trainer.yolo.device import device_of
from trainer.yolo.evaluation import MAIN_METRIC
from trainer.yolo.failures import readable
from trainer.yolo.stop_signal import StopFlag
from trainer.yolo.validation import image_size, load, require_judgeable, validate

NAME = "export.json"
_RUNS, _WARM_UP, _MOST_S = 50, 5, 10
logger = logging.getLogger(__name__)


def export(
    attempt: Attempt,
    *,
    run_dir: Path,
    data: Path,
    weights: Path | None,
    report: Report,
    stop: StopFlag,
) -> None:
    """Leave each export and export.json in `run_dir`. One format that fails costs no other.

    Raises:
        AttemptError: weights, dataset and config do not fit each other; no format could be
            exported; or one lost more than `max_drop`.
        Stopped: SIGTERM came.
    """
    config = ExportConfig(**attempt.config)
    _require_possible(config)
    loaded = load(attempt, weights)
    require_judgeable(attempt, loaded, data, config.split)
    run_dir.mkdir(exist_ok=True)
    model = run_dir / "model.pt"  # exports land beside it
    shutil.copyfile(str(weights), model)
    imgsz, device = image_size(loaded, config.imgsz), device_of(config.device)
    run = _Export(attempt, config, run_dir, data, report, stop, imgsz, device)
    base = run.judge(model, half=False)
    exports = [run.export(model, name, base) for name in config.formats]
    _write(run_dir / NAME, run.document(_sha256(model), base, exports))
    report("evaluated", metrics=_metrics(base, exports, MAIN_METRIC[attempt.task]))
    for path in [run_dir / NAME, *(run_dir / one["file"] for one in exports if one["file"])]:
        report("artifact", path=str(path))
    _require_good(exports, config.max_drop, MAIN_METRIC[attempt.task])


@dataclass(frozen=True)
class _Export:
    """One job's exports; `judge` and `export` return what export.json tells of a model."""

    attempt: Attempt
    config: ExportConfig
    run_dir: Path
    data: Path
    report: Report
    stop: StopFlag
    imgsz: int
    device: str

    def judge(self, path: Path, *, half: bool) -> dict[str, Any]:
        """Its metrics on the split, its latency, its size."""
        model = YOLO(path, task=self.attempt.task)
        self.report("phase", phase="validating")
        # An export takes one shape: the weights are judged by the same images.
        validator = validate(
            model,
            self.data,
            self.run_dir / f"val-{path.suffix[1:] or path.name}",
            report=self.report,
            stop=self.stop,
            split=self.config.split,
            imgsz=self.imgsz,
            batch=1,
            rect=False,
            quantize=16 if half else None,
            device=self.device,
            plots=False,
        )
        metrics = {name: round(float(v), 6) for name, v in validator.metrics.results_dict.items()}
        file = _in_one_file(path)
        return {
            "file": file.name,
            "size": file.stat().st_size,
            "sha256": _sha256(file),
            "metrics": metrics,
            "images": len(validator.dataloader.dataset),
            "latency_ms": self._latency(path, half=half),
        }

    def export(self, weights: Path, name: str, base: dict[str, Any]) -> dict[str, Any]:
        """Export to the format `name` and judge the export; `error` says why there is none."""
        self.stop.check()
        logger.info("Exporting to %s.", name)
        self.report("phase", phase="training")
        told: dict[str, Any] = {"format": name, "file": None, "drop": None, "error": None}
        try:
            made = YOLO(weights).export(format=name, **self._arguments(name))
            told |= self.judge(Path(made), half=self.config.half)
        except Exception as error:
            logger.warning("WARNING: the export to %s failed", name, exc_info=True)
            return told | {"error": readable(str(error) or repr(error))}
        main = MAIN_METRIC[self.attempt.task]
        return told | {"drop": round(base["metrics"][main] - told["metrics"][main], 6)}

    def _arguments(self, name: str) -> dict[str, Any]:
        config = self.config
        root = self.data if self.attempt.task == "classify" else self.data / "data.yaml"
        arguments: dict[str, Any] = {
            "imgsz": self.imgsz,
            "device": self.device,
            "quantize": 8 if config.int8 else 16 if config.half else None,
            "dynamic": config.dynamic,
            "nms": config.nms or None,
        }
        if name == "onnx":
            arguments |= {"opset": config.opset, "simplify": False}
        # Not by the images that the export is judged by.
        return arguments | ({"data": str(root), "split": "train"} if config.int8 else {})

    def _latency(self, path: Path, *, half: bool) -> dict[str, float]:
        """Of one image after another, without reading and suppression; milliseconds."""
        gpu = self.device != "cpu"
        device = torch.device(f"cuda:{self.device}" if gpu else "cpu")
        model = AutoBackend(model=str(path), device=device, fp16=half and gpu)
        image = torch.zeros(1, 3, self.imgsz, self.imgsz, device=device)
        image = image.half() if model.fp16 else image
        times: list[float] = []
        until = time.monotonic() + _MOST_S
        for _ in range(_WARM_UP + _RUNS):
            began = time.perf_counter()
            model(image)
            if gpu:
                torch.cuda.synchronize(device)
            times.append((time.perf_counter() - began) * 1000)
            self.stop.check()
            if time.monotonic() > until:
                break
        kept = times[_WARM_UP:] or times[-1:]
        return {
            name: round(float(np.percentile(kept, q)), 3) for name, q in (("p50", 50), ("p95", 95))
        }

    def document(
        self, sha256: str, base: dict[str, Any], exports: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """export.json."""
        attempt = self.attempt
        cpu = self.device == "cpu"
        name = get_cpu_info() if cpu else torch.cuda.get_device_name(int(self.device))
        return {
            "format": 1,
            "task": attempt.task,
            "weights": {"name": attempt.weights_name, **base, "sha256": sha256},
            "data": {
                "dataset_id": attempt.dataset_id,
                "sha256": attempt.dataset_sha256 or None,
                "split": self.config.split,
                "images": base["images"],
            },
            "metric": MAIN_METRIC[attempt.task],
            "device": f"{self.device} ({name})",
            "imgsz": self.imgsz,
            "exports": exports,
        }


def _require_possible(config: ExportConfig) -> None:
    """What the manifest cannot say: whether there is a GPU."""
    if config.half and "torchscript" in config.formats and device_of(config.device) == "cpu":
        wrong = "torchscript has 16 bits on a GPU only: leave it out, or half."
        raise AttemptError(Cause.CONFIG_INVALID, wrong)


def _metrics(base: dict[str, Any], exports: list[dict[str, Any]], main: str) -> dict[str, float]:
    """What export.json tells of the weights, and of each export behind its format: onnx/drop."""
    made = {f"{one['format']}/": one for one in exports if one["error"] is None}
    found: dict[str, float] = {}
    for of, one in ({"": base} | made).items():
        found[f"{of}{main}"] = one["metrics"][main]
        if of:
            found[f"{of}drop"] = one["drop"]
        found |= {f"{of}latency_{name}_ms": ms for name, ms in one["latency_ms"].items()}
        found[f"{of}size_megabytes"] = one["size"] / 1e6
    return found


def _require_good(exports: list[dict[str, Any]], max_drop: float | None, main: str) -> None:
    failed = [f"{one['format']}: {one['error']}" for one in exports if one["error"]]
    if max_drop is not None:
        failed += [
            f"{one['format']} loses {one['drop']:.4f} of {main}, more than max_drop {max_drop:g}"
            for one in exports
            if one["drop"] is not None and one["drop"] > max_drop
        ]
    if failed:
        message = "; ".join(failed)
        raise AttemptError(
            Cause.CONFIG_INVALID,
            f"{len(failed)} of {len(exports)} exports are not as wanted: {message}. "
            "What could be exported is kept.",
        )


def _in_one_file(path: Path) -> Path:
    """An export that is a folder, as a zip beside it."""
    if path.is_file():
        return path
    return Path(shutil.make_archive(str(path), "zip", path.parent, path.name))


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
