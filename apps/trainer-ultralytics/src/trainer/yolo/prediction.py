"""What given weights find in one image, which the job's config holds: predictions.json.

Whoever may submit a job chooses the image's bytes. So two decoders of Pillow's many look at it, its
header says how large it is before a pixel is read, and the process that reads it is the attempt's own.
"""

import base64
import io
import json
import logging
import warnings
from pathlib import Path
from typing import Any

from PIL import Image

from trainer.contract import Attempt, AttemptError, Cause
from trainer.messages import Report
from trainer.predict_config import PredictConfig
from trainer.yolo.device import device_of
from trainer.yolo.mlflow_model import found
from trainer.yolo.pictures import UnreadableError, decoded, require_scalable
from trainer.yolo.stop_signal import StopFlag
from trainer.yolo.validation import image_size, load

NAME = "predictions.json"
MAX_SIDE = 4096
_FORMATS = ("JPEG", "WEBP")
logger = logging.getLogger(__name__)


def predict(
    attempt: Attempt,
    *,
    run_dir: Path,
    data: Path,
    weights: Path | None,
    report: Report,
    stop: StopFlag,
) -> None:
    """Leave predictions.json in `run_dir`: the image's size, and `boxes` or `classes` as `yard model predict --json` has them.

    Raises:
        AttemptError: the image cannot be opened, or the weights do not fit the job.
        Stopped: SIGTERM came.
    """
    config = PredictConfig(**attempt.config)
    pixels = _pixels(config.image)
    model = load(attempt, weights)
    stop.check()
    report("phase", phase="validating")
    imgsz = image_size(model, config.imgsz)
    try:
        require_scalable(pixels, imgsz, model.task)
    except UnreadableError as error:
        raise _unusable(str(error)) from error
    [result] = model.predict(
        pixels,
        imgsz=imgsz,
        conf=config.conf,
        iou=config.iou,
        max_det=config.max_det,
        device=device_of(config.device),
        verbose=False,
    )
    height, width = pixels.shape[:2]
    document = {"format": 1, "width": width, "height": height, "imgsz": imgsz, **found(result)}
    run_dir.mkdir(exist_ok=True)
    path = run_dir / NAME
    path.write_text(json.dumps(document, allow_nan=False) + "\n")
    count = len(document.get("boxes", document.get("classes", [])))
    logger.info("Looked at an image of %d x %d pixels: %d rows.", width, height, count)
    report("artifact", path=str(path))


def _pixels(image: str) -> Any:
    """The image's pixels as BGR, of shape (height, width, 3)."""
    try:
        content = base64.b64decode(image, validate=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            width, height = Image.open(io.BytesIO(content), formats=_FORMATS).size
    except Exception:  # noqa: BLE001 - Ultralytics' own `Image.open` looks for further decoders
        raise _unusable("it is no JPEG or WebP file as base64") from None
    if max(width, height) > MAX_SIDE:
        raise _unusable(
            f"it has {width} x {height} pixels; scale it down to {MAX_SIDE} at the most"
        )
    try:
        return decoded(content)
    except UnreadableError as error:
        raise _unusable(f"{error}; save it anew") from error


def _unusable(why: str) -> AttemptError:
    return AttemptError(Cause.CONFIG_INVALID, f"The image cannot be used: {why}.")
