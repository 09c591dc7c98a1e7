# SPDX-License-Identifier: AGPL-3.0
"""What a model finds in an image, and its loader for MLflow.

A copy of this file lies beside each best.pt, with `MLmodel`: `mlflow.pyfunc.load_model` imports
that copy in an environment that has Ultralytics. So nothing of the trainer is imported here.
"""

import base64
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MLMODEL = """\
flavors:
  python_function:
    loader_module: mlflow_model
    code: .
    data: best.pt
    config: {conf: 0.25, imgsz: null, device: null}
"""


def write(folder: Path) -> list[Path]:
    """Write `MLmodel` and the loader; return their paths."""
    files = {"MLmodel": MLMODEL, "mlflow_model.py": Path(__file__).read_text()}
    for name, text in files.items():
        (folder / name).write_text(text)
    return [folder / name for name in files]


def _load_pyfunc(path: str, model_config: dict[str, Any] | None = None) -> "Model":
    """MLflow's entry; `model_config` is that of `MLmodel` with what `load_model` was given."""
    # A .pt is a pickle: without this, loading one runs whatever code its author put into it.
    os.environ.update(ULTRALYTICS_SAFE_LOAD="1")
    import ultralytics.nn.tasks as loader  # noqa: PLC0415
    from ultralytics.models import YOLO  # noqa: PLC0415 - slow

    if not getattr(getattr(loader, "_SafeLoad", None), "SUPPORTED", False):
        raise RuntimeError(
            "This environment would run code that the model may hold, so the model is not loaded. "
            "Install a newer Ultralytics, and torch 2.6 or newer."
        )
    vars(loader)["SAFE_LOAD"] = True  # imported before, it does not read the variable again
    return Model(YOLO(path), model_config or {})


class Model:
    """Images in, for each a dict out: `boxes`, or `classes`, as `yard model predict --json` has them."""

    def __init__(self, model: Any, config: dict[str, Any]) -> None:
        self._model = model
        self._settings = {
            "conf": config.get("conf", 0.25),
            "imgsz": config.get("imgsz") or model.overrides.get("imgsz", 640),
            "device": config.get("device"),
            "verbose": False,
        }

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> list[Any]:
        """Find what is in images: paths, files' bytes (also as base64), or BGR pixels.

        One, a list of them, or a table whose first column holds them; `params` as `MLmodel`'s config.
        """
        if hasattr(model_input, "iloc"):
            model_input = model_input.iloc[:, 0].tolist()
        elif getattr(getattr(model_input, "dtype", None), "kind", "") in {"O", "S", "U"}:
            model_input = model_input.ravel().tolist()  # as MLflow's server has what came as JSON
        images = model_input if isinstance(model_input, list | tuple) else [model_input]
        settings = self._settings | (params or {})
        return [
            found(result)
            for image in images
            for result in self._model.predict(_pixels(image), **settings)
        ]


def _pixels(image: Any) -> Any:
    import cv2  # noqa: PLC0415 - slow
    import numpy as np  # noqa: PLC0415 - slow

    if isinstance(image, np.ndarray):
        return image
    if isinstance(image, os.PathLike) or (isinstance(image, str) and os.path.isfile(image)):  # noqa: PTH113
        image = Path(image).read_bytes()
    if isinstance(image, str):
        image = base64.b64decode(image)
    pixels = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError(
            "This is no image that can be opened: give a path, a file's bytes or pixels."
        )
    return pixels


def found(result: Any) -> dict[str, Any]:
    """What Ultralytics found in one image: `boxes`, or `classes`, the likeliest first."""
    if result.probs is not None:
        scores = result.probs.data.tolist()
        order = sorted(range(len(scores)), key=lambda index: -scores[index])
        return {
            "classes": [
                {"class": i, "name": result.names[i], "confidence": round(scores[i], 4)}
                for i in order
            ]
        }
    result = result.cpu()
    boxes = result.obb if result.obb is not None else result.boxes
    rows = []
    for index, number in enumerate(boxes.cls.tolist()):
        box = {
            "class": int(number),
            "name": result.names[int(number)],
            "confidence": round(float(boxes.conf[index]), 4),
            "xyxy": _rounded(boxes.xyxy[index].tolist()),
        }
        if result.obb is not None:
            box["corners"] = [_rounded(point) for point in boxes.xyxyxyxy[index].tolist()]
        if result.masks is not None:
            box["polygon"] = [_rounded(point) for point in result.masks.xy[index].tolist()]
        if result.keypoints is not None:
            box["keypoints"] = _keypoints(result.keypoints, index)
        rows.append(box)
    return {"boxes": rows}


def _keypoints(keypoints: Any, index: int) -> list[list[float]]:
    points = [_rounded(point) for point in keypoints.xy[index].tolist()]
    if not keypoints.has_visible:
        return points
    sure = keypoints.conf[index].tolist()
    return [[*point, round(one, 4)] for point, one in zip(points, sure, strict=True)]


def _rounded(numbers: Iterable[float]) -> list[float]:
    return [round(number, 1) for number in numbers]
