"""Runs a model on images and videos: a line of JSON, a drawn copy and labels of each."""

import json
import sys
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.contract import trainer_home
from trainer.yolo.mlflow_model import found
from trainer.yolo.pictures import (
    MAX_PIXELS,
    Picture,
    Unread,
    decoded,
    groups,
    pictures,
    require_scalable,
)

_BATCH_ON_GPU = 16
_VIDEO_CODEC = "mp4v"


@dataclass(frozen=True)
class PredictOptions:
    """How to predict.

    `out` is the folder of the drawn copies, `labels` that of a dataset with the results as its
    labels; None: not written. `imgsz` None: as in training. `batch` is how many images of one size
    are taken at once, None: 16 on a GPU, 1 without. `device` as Ultralytics has it, None: the first
    GPU where there is one.
    """

    weights: Path
    out: Path | None
    labels: Path | None
    conf: float
    imgsz: int | None
    batch: int | None
    device: str | None


def predict(options: PredictOptions, sources: Sequence[Path]) -> int:
    """Print one line of JSON for each image and each frame of a video; returns the exit code.

    A line holds `image`, `frame` of a video, `drawn`, and one of
    - `boxes`: each `class`, `name`, `confidence`, `xyxy` in pixels, with the task's own `corners`,
      `polygon` or `keypoints` (x, y and, where the model tells it, the confidence)
    - `classes`: each `class`, `name`, `confidence`, best first
    - `error`: why it, or the rest of a video, cannot be read; the others go on, and the exit code
      is 1.
    """
    if not options.weights.is_file():
        print(f"There is no file {options.weights}.", file=sys.stderr)  # noqa: T201
        return 2
    model = open_model(options)
    if model is None:
        return 2
    from trainer.yolo.pre_labels import PreLabels  # noqa: PLC0415 - needs torch

    labels = PreLabels(options.labels, model.yolo) if options.labels else None
    drawn = _Drawn(options.out, alone=len(sources) == 1) if options.out else None
    failed = False
    for item in model.results(sources):
        if isinstance(item, Unread):
            failed = True
            _print({"image": str(item.source), "error": item.why})
            continue
        picture, result = item
        line: dict[str, Any] = {"image": str(picture.source)}
        if picture.frame is not None:
            line["frame"] = picture.frame
        if drawn is not None:
            line["drawn"] = str(drawn.draw(picture, result))
        if labels is not None:
            labels.add(picture, result)
        _print(line | found(result))
    if drawn is not None:
        drawn.close()
    if labels is not None:
        labels.close()
    return 1 if failed else 0


def _print(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)  # noqa: T201


def open_model(options: PredictOptions) -> "Model | None":
    """The model, or None once standard error has been told why it cannot be loaded."""
    try:
        return Model(options)
    except NoDeviceError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return None
    except Exception as error:  # noqa: BLE001 - what other trainers store makes Ultralytics raise anything
        from trainer.yolo.failures import readable  # noqa: PLC0415 - needs torch

        # Of what is no archive it says "101", the number of a byte.
        is_archive = zipfile.is_zipfile(options.weights)
        anew = "it is no archive of PyTorch; save it anew with torch.save"
        said = readable(str(error).replace(str(options.weights), "it") or repr(error))
        why = said.removeprefix("ERROR ") if is_archive else anew
        print(f"{options.weights} cannot be loaded: {why}", file=sys.stderr)  # noqa: T201
        return None


class NoDeviceError(Exception):
    """This machine lacks the device; the text says what it has."""


class Model:
    """Trained weights with the options that they predict by; `yolo` is Ultralytics' own."""

    def __init__(self, options: PredictOptions) -> None:
        """Import what is needed, and load the weights.

        Raises:
            NoDeviceError: this machine lacks the device.
            TypeError: it is no file that can be loaded safely.
        """
        from trainer.yolo import offline  # noqa: PLC0415 - needs torch

        offline.prepare(trainer_home())
        offline.load()
        import torch  # noqa: PLC0415 - slow
        from ultralytics.models import YOLO  # noqa: PLC0415 - Ultralytics is offline from here on
        from ultralytics.utils.torch_utils import select_device  # noqa: PLC0415

        device = options.device or ("0" if torch.cuda.is_available() else "cpu")
        try:
            select_device(device, verbose=False)
        except Exception as error:
            there = f"{torch.cuda.device_count()} GPUs, counted from 0, and its cpu"
            raise NoDeviceError(f"The device {device} is not here: there are {there}.") from error
        self.yolo: Any = YOLO(options.weights)
        self._most = options.batch or (_BATCH_ON_GPU if device != "cpu" else 1)
        self._imgsz = options.imgsz or int(self.yolo.overrides.get("imgsz", 640))
        self._settings: dict[str, Any] = {
            "conf": options.conf,
            "imgsz": self._imgsz,
            "device": device,
            "verbose": False,
        }

    def results(self, sources: Iterable[Path]) -> Iterator[tuple[Picture, Any] | Unread]:
        """Each picture with its result, in order, and what cannot be read."""
        read = pictures(sources, self._imgsz, self.yolo.task)
        for group in groups(read, self._most):
            if isinstance(group, Unread):
                yield group
                continue
            yield from zip(group, self._of([picture.pixels for picture in group]), strict=True)

    def find(self, image: bytes, most_pixels: int = MAX_PIXELS) -> dict[str, Any]:
        """What `predict` finds in the file with these bytes.

        Raises:
            UnreadableError: it is no image that can be used, or has more pixels than that.
        """
        pixels = decoded(image, most_pixels)
        require_scalable(pixels, self._imgsz, self.yolo.task)
        return found(self._of([pixels])[0])

    def _of(self, pixels: Sequence[Any]) -> Any:
        return self.yolo.predict(pixels, batch=len(pixels), **self._settings)


class _Drawn:
    """Writes copies with the results drawn in: images as JPEG, videos as MP4."""

    def __init__(self, folder: Path, *, alone: bool) -> None:
        self._folder = folder
        self._alone = alone
        self._video: Any = None
        self._path: Path | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def draw(self, picture: Picture, result: Any) -> Path:
        """Draw one picture; return the file that it is in."""
        # Numbered, for images in different folders may have the same name.
        stem = picture.source.stem if self._alone else f"{picture.number:03d}-{picture.source.stem}"
        if picture.frame is None:
            path = self._folder / f"{stem}.jpg"
            result.save(path)
            return path
        return self._draw_frame(self._folder / f"{stem}.mp4", picture, result)

    def _draw_frame(self, path: Path, picture: Picture, result: Any) -> Path:
        import cv2  # noqa: PLC0415 - slow

        if path != self._path:
            self.close()
            height, width = picture.pixels.shape[:2]
            codec = cv2.VideoWriter.fourcc(*_VIDEO_CODEC)
            self._video = cv2.VideoWriter(str(path), codec, picture.frames_per_s, (width, height))
            self._path = path
        self._video.write(result.plot())
        return path

    def close(self) -> None:
        """Complete the last video."""
        if self._video is not None:
            self._video.release()
            self._video = None
