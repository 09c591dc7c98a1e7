"""Draws a model's predictions on images."""

import json
import sys
from pathlib import Path
from typing import Any

from trainer.contract import trainer_home


def predict(weights: Path, images: list[Path], out: Path, conf: float, imgsz: int | None) -> int:
    """Write each image with its predictions drawn into `out`, and one line of JSON to stdout.

    A line holds `image`, `drawn` and either `boxes` (class, name, confidence, xyxy in pixels; for
    obb also `corners`) or `classes` (class, name, confidence; best first). Returns the exit code.
    """
    missing = [path for path in (weights, *images) if not path.is_file()]
    if missing:
        print(f"There is no file {missing[0]}.", file=sys.stderr)  # noqa: T201
        return 2
    # Numbered, for images in different folders may have the same name.
    targets = [out / f"{index:03d}-{path.stem}.jpg" for index, path in enumerate(images)]
    if len(images) == 1:
        targets = [out / f"{images[0].stem}.jpg"]
    out.mkdir(parents=True, exist_ok=True)
    try:
        model = _load(weights)
    except TypeError as error:
        from trainer.yolo.failures import readable  # noqa: PLC0415 - needs torch

        print(f"{weights} cannot be loaded: {readable(str(error))}", file=sys.stderr)  # noqa: T201
        return 2
    size = imgsz or model.overrides.get("imgsz", 640)
    for image, target in zip(images, targets, strict=True):
        result = model.predict(image, conf=conf, imgsz=size, verbose=False)[0]
        result.save(target)
        line = {"image": str(image), "drawn": str(target), **_found(result)}
        print(json.dumps(line), flush=True)  # noqa: T201
    return 0


def _load(weights: Path) -> Any:
    from trainer.yolo import offline  # noqa: PLC0415 - needs torch

    offline.prepare(trainer_home())
    offline.load()
    from ultralytics.models import YOLO  # noqa: PLC0415 - Ultralytics is offline from here on

    return YOLO(weights)


def _found(result: Any) -> dict[str, Any]:
    if result.probs is not None:
        scores = result.probs.data.tolist()
        order = sorted(range(len(scores)), key=lambda index: -scores[index])
        return {
            "classes": [
                {"class": i, "name": result.names[i], "confidence": round(scores[i], 4)}
                for i in order
            ]
        }
    boxes = result.obb if result.obb is not None else result.boxes
    found = []
    for index, number in enumerate(boxes.cls.tolist()):
        box = {
            "class": int(number),
            "name": result.names[int(number)],
            "confidence": round(float(boxes.conf[index]), 4),
            "xyxy": [round(value, 1) for value in boxes.xyxy[index].tolist()],
        }
        if result.obb is not None:
            box["corners"] = [[round(v, 1) for v in p] for p in boxes.xyxyxyxy[index].tolist()]
        found.append(box)
    return {"boxes": found}
