"""The images that a model judges worst: what it missed and what it saw wrongly, drawn on sheets."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageOps
from ultralytics.data.dataset import ClassificationDataset
from ultralytics.utils import ops
from ultralytics.utils.patches import imread

MAX_IMAGES = 50
MAX_BOXES = 40  # of one image
_CONFIDENCE = 0.25  # as `yolo predict`; the confusion matrix counts what is less sure, too
COLUMNS, ROWS = 5, 5  # of a sheet
_TILE, _CAPTION = 200, 14
_COLOURS = {"truth": (60, 200, 60), "correct": (70, 130, 250), "false": (240, 50, 50)}


class Judged(NamedTuple):
    """One image; `boxes` as in the training contract's `worst`, `score` is higher where it is worse."""

    score: float
    file: str
    told: dict[str, Any]
    boxes: list[dict[str, Any]]


class NamedImages(ClassificationDataset):
    """A classify dataset whose batches name their files, as those of the other tasks do."""

    def __getitem__(self, i: int) -> dict[str, Any]:
        """The image, its class, and its path."""
        return {**super().__getitem__(i), "im_file": self.samples[i][0]}


class WorstImages:
    """Watches one validation and keeps the worst images, the worst first."""

    def __init__(self) -> None:
        self._kept: list[Judged] = []

    @contextmanager
    def watch(self, validator: Any) -> Iterator[None]:
        """Judge each image that the validator validates meanwhile."""
        name = "update_metrics" if validator.args.task == "classify" else "_process_batch"
        judge = self._classified if validator.args.task == "classify" else self._detected
        original = getattr(validator, name)

        def judged(predictions: Any, batch: Any) -> Any:
            found = original(predictions, batch)
            judge(validator, predictions, batch, found)
            return found

        setattr(validator, name, judged)
        try:
            yield
        finally:
            delattr(validator, name)

    def clear(self) -> None:
        """Forget all, for a validation that begins anew."""
        self._kept.clear()

    def images(self) -> list[Judged]:
        """At most MAX_IMAGES, the worst first; none without a fault."""
        self._kept = sorted(self._kept, key=lambda one: (-one.score, one.file))[:MAX_IMAGES]
        return self._kept

    def _keep(self, one: Judged) -> None:
        self._kept.append(one)
        if len(self._kept) >= 4 * MAX_IMAGES:
            self.images()

    def _classified(self, validator: Any, predictions: Any, batch: Any, _: Any) -> None:
        top = predictions.argmax(1).tolist()
        truth = batch["cls"].tolist()
        for index, file in enumerate(batch.get("im_file", [])):
            if top[index] == truth[index]:
                continue
            confidence = float(predictions[index, truth[index]])
            told = {
                "loss": round(-math.log(max(confidence, 1e-9)), 4),
                "true": truth[index],
                "predicted": top[index],
                "confidence": round(float(predictions[index, top[index]]), 4),
            }
            self._keep(Judged(told["loss"], file, told, []))

    def _detected(self, validator: Any, found: Any, truth: Any, matched: Any) -> None:
        sure = (found["conf"] >= _CONFIDENCE).cpu().numpy()
        # Predictions come by falling confidence, and a match is the first's: those below change none.
        correct = matched["tp"][:, 0] & sure
        missed = len(truth["cls"]) - int(correct.sum())
        false = int(sure.sum()) - int(correct.sum())
        if missed + false == 0:
            return
        told = {"objects": len(truth["cls"]), "missed": missed, "false": false}
        boxes = _boxes(truth, truth, "truth")[:MAX_BOXES]
        for kind, those in (("false", sure & ~correct), ("correct", correct)):
            which = torch.from_numpy(those).to(found["cls"].device)
            kept = {name: found[name][which][:MAX_BOXES] for name in ("bboxes", "cls", "conf")}
            boxes += _boxes(kept, truth, kind)
        self._keep(Judged(missed + false, truth["im_file"], told, boxes[:MAX_BOXES]))


def _boxes(those: Any, image: Any, kind: str) -> list[dict[str, Any]]:
    """Boxes in shares of the image's width and height: two corners, or for obb four."""
    height, width = image["ori_shape"][:2]
    rotated = those["bboxes"].shape[-1] == 5  # noqa: PLR2004 - x, y, width, height, angle
    scaled: Any = ops.scale_boxes(
        image["imgsz"],
        those["bboxes"].clone(),
        image["ori_shape"],
        ratio_pad=image["ratio_pad"],
        xywh=rotated,
    )
    if rotated:
        scaled = ops.xywhr2xyxyxyxy(scaled).reshape(-1, 8)
    sides = np.array([width, height] * (scaled.shape[-1] // 2))
    points = (scaled.cpu().numpy() / sides).round(4).tolist()
    numbers = those["conf"].tolist() if "conf" in those else [None] * len(points)
    return [
        {"kind": kind, "class": int(cls), "points": box}
        | ({} if number is None else {"confidence": round(number, 4)})
        for box, cls, number in zip(points, those["cls"].tolist(), numbers, strict=True)
    ]


def draw(images: list[Judged], names: dict[int, str], folder: Path) -> list[Path]:
    """Draw the images on sheets `evaluation-worst-1.jpg`, …: truth green, right blue, wrong red."""
    sheets = []
    size = COLUMNS * ROWS
    for start in range(0, len(images), size):
        some = images[start : start + size]
        rows = -(-len(some) // COLUMNS)
        sheet = Image.new("RGB", (COLUMNS * _TILE, rows * (_TILE + _CAPTION)), (30, 30, 30))
        for index, one in enumerate(some):
            corner = (index % COLUMNS * _TILE, index // COLUMNS * (_TILE + _CAPTION))
            sheet.paste(_tile(one, names), corner)
        path = folder / f"evaluation-worst-{start // size + 1}.jpg"
        sheet.save(path, quality=80)
        sheets.append(path)
    return sheets


def _tile(one: Judged, names: dict[int, str]) -> Image.Image:
    tile = Image.new("RGB", (_TILE, _TILE + _CAPTION))
    pixels = imread(one.file)
    if pixels is not None and pixels.ndim == 3 and pixels.shape[2] == 3:  # noqa: PLR2004 - in colour
        picture = ImageOps.contain(Image.fromarray(pixels[..., ::-1]), (_TILE, _TILE))
        brush = ImageDraw.Draw(picture)
        for box in one.boxes:
            points = [(x * picture.width, y * picture.height) for x, y in _pairs(box["points"])]
            if len(points) == 2:  # noqa: PLR2004 - opposite corners
                (x1, y1), (x2, y2) = points
                points = [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
            brush.polygon(points, outline=_COLOURS[box["kind"]])
        tile.paste(picture, (0, 0))
    told = one.told
    text = (
        f"{names[told['true']]}, not {names[told['predicted']]}"
        if "true" in told
        else f"{told['missed']} missed, {told['false']} false"
    )
    caption = text.encode("ascii", "replace").decode()  # all that the built-in font has
    ImageDraw.Draw(tile).text((2, _TILE), caption, fill=(230, 230, 230))
    return tile


def _pairs(numbers: list[float]) -> list[tuple[float, float]]:
    return list(zip(numbers[::2], numbers[1::2], strict=True))
