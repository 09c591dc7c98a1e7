"""One evaluation: how good given weights are on a split of a dataset, as `yolo val` judges them."""

from pathlib import Path

from trainer.contract import Attempt
from trainer.evaluate_config import EvaluateConfig
from trainer.messages import Report
from trainer.yolo import evaluation
from trainer.yolo.device import device_of
from trainer.yolo.stop_signal import StopFlag
from trainer.yolo.validation import image_size, load, require_judgeable, validate
from trainer.yolo.worst_images import WorstImages


def evaluate(
    attempt: Attempt,
    *,
    run_dir: Path,
    data: Path,
    weights: Path | None,
    report: Report,
    stop: StopFlag,
) -> None:
    """Judge the weights and leave evaluation.json, its sheets and plots in `run_dir`.

    Raises:
        AttemptError: weights, dataset and config do not fit each other.
        Stopped: SIGTERM came.
    """
    config = EvaluateConfig(**attempt.config)
    model = load(attempt, weights)
    require_judgeable(attempt, model, data, config.split)
    imgsz = image_size(model, config.imgsz)
    size = evaluation.size_of(model.model, imgsz)  # before its layers are fused
    report("phase", phase="validating")
    worst = WorstImages()
    validator = validate(
        model,
        data,
        run_dir,
        report=report,
        stop=stop,
        worst=worst,
        split=config.split,
        imgsz=imgsz,
        batch=config.batch,
        conf=config.conf,
        iou=config.iou,
        max_det=config.max_det,
        quantize=16 if config.half else None,
        device=device_of(config.device),
        plots=config.plots,
    )
    told = evaluation.write_final(
        attempt,
        validator,
        size,
        weights=Path(model.ckpt_path),
        name=str(attempt.weights_name),
        epoch=None,
        worst=worst.images(),
        folder=run_dir,
    )
    report("evaluated", metrics=told["metrics"])
    for path in sorted(run_dir.iterdir()):
        if path.suffix in {".json", ".png", ".jpg"}:
            report("artifact", path=str(path))
