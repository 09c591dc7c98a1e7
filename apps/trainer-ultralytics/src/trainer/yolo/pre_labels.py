"""Writes predictions as the labels of a dataset that a person corrects and pushes again."""

import shutil
from pathlib import Path
from typing import Any

import cv2
import yaml

from trainer.yolo.pictures import Picture

# One picture of five is for validation, beginning with the second: two make a dataset.
_VAL_EVERY = 5
_SURE = 0.5
_FEWEST_POINTS = 3


class PreLabels:
    """A dataset in `folder`, of the model's task and classes.

    Images that are labelled with nothing have an empty label file: a person sees them too.
    """

    def __init__(self, folder: Path, model: Any) -> None:
        self._folder = folder
        self._task = model.task
        self._names = [str(model.names[index]) for index in sorted(model.names)]
        self._keypoint_shape = getattr(model.model, "kpt_shape", None)
        self._added = 0

    def add(self, picture: Picture, result: Any) -> None:
        """Copy the picture, and write what was found as its labels."""
        split = "val" if self._added % _VAL_EVERY == 1 else "train"
        self._added += 1
        if self._task == "classify":
            name = self._names[result.probs.top1].replace("/", "-")
            self._copy(picture, self._folder / split / name)
            return
        self._copy(picture, self._folder / "images" / split)
        labels = self._folder / "labels" / split / f"{picture.stem}.txt"
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text("".join(f"{line}\n" for line in _lines(result.cpu())))

    def close(self) -> None:
        """Write data.yaml, which the folders of a classification say by themselves."""
        if self._task == "classify":
            return
        keys: dict[str, Any] = {"train": "images/train", "val": "images/val", "names": self._names}
        if self._keypoint_shape:
            keys["kpt_shape"] = [int(number) for number in self._keypoint_shape]
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "data.yaml").write_text(yaml.safe_dump(keys, sort_keys=False))

    def _copy(self, picture: Picture, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if picture.frame is None:
            shutil.copyfile(picture.source, folder / f"{picture.stem}{picture.source.suffix}")
        else:
            cv2.imwrite(str(folder / f"{picture.stem}.jpg"), picture.pixels)


def _lines(result: Any) -> list[str]:
    """A line for each object: its class, then the task's coordinates as shares of the image."""
    boxes = result.obb if result.obb is not None else result.boxes
    lines = []
    for index, number in enumerate(boxes.cls.tolist()):
        if result.obb is not None:
            values = boxes.xyxyxyxyn[index].flatten().tolist()
        elif result.masks is not None:
            polygon = result.masks.xyn[index]
            if len(polygon) < _FEWEST_POINTS:
                continue
            values = polygon.flatten().tolist()
        else:
            values = boxes.xywhn[index].tolist()
        told = [str(int(number)), *map(_share, values)]
        if result.keypoints is not None:
            told += _keypoints(result.keypoints, index)
        lines.append(" ".join(told))
    return lines


def _share(value: float) -> str:
    return f"{min(max(value, 0.0), 1.0):.6g}"


def _keypoints(keypoints: Any, index: int) -> list[str]:
    points = keypoints.xyn[index].tolist()
    if not keypoints.has_visible:
        return [_share(value) for point in points for value in point]
    told: list[str] = []
    for point, sure in zip(points, keypoints.conf[index].tolist(), strict=True):
        told += [*map(_share, point), "2"] if sure >= _SURE else ["0", "0", "0"]
    return told
