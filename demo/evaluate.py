"""Compares predicted boxes with the true ones: mAP50, and a picture of both."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pages import CLASSES, PAGE
from PIL import Image, ImageDraw, ImageFont

IOU = 0.5
SHOWN = 0.4  # confidence from which a box is drawn
ZOOM, GAP, COLUMNS, ROWS = 4, 14, 4, 3
COLOURS = (
    "#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4",
    "#008080", "#9a6324", "#800000", "#808000", "#e6007e",
)  # fmt: skip
Corners = tuple[float, float, float, float]


@dataclasses.dataclass(frozen=True)
class Found:
    """A predicted box: page, class, confidence, corners in pixels (left, top, right, bottom)."""

    page: str
    digit: int
    confidence: float
    corners: Corners


def true_boxes(labels: Path) -> dict[str, list[tuple[int, Corners]]]:
    """Return the labelled boxes of each page, by the page's name without its ending."""
    truth: dict[str, list[tuple[int, Corners]]] = {}
    for file in sorted(labels.glob("*.txt")):
        boxes = []
        for line in file.read_text().splitlines():
            digit, x, y, width, height = (float(word) for word in line.split())
            left, top = (x - width / 2) * PAGE, (y - height / 2) * PAGE
            boxes.append((int(digit), (left, top, left + width * PAGE, top + height * PAGE)))
        truth[file.stem] = boxes
    return truth


def _iou(a: Corners, b: Corners) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def _average_precision(
    found: Sequence[Found], truth: dict[str, list[tuple[int, Corners]]], digit: int
) -> float:
    """Average precision at IoU 0.5 of one class, as COCO has it: the mean of 101 recall levels."""
    wanted = {page: [box for kind, box in boxes if kind == digit] for page, boxes in truth.items()}
    total = sum(map(len, wanted.values()))
    hits = []
    for item in sorted(found, key=lambda item: -item.confidence):
        if item.digit != digit:
            continue
        open_boxes = wanted[item.page]
        best = max(open_boxes, key=lambda box: _iou(box, item.corners), default=None)
        hit = best is not None and _iou(best, item.corners) >= IOU
        if hit and best is not None:
            open_boxes.remove(best)
        hits.append(hit)
    if not hits:
        return 0.0
    right = np.cumsum(hits)
    recall = right / total
    precision = right / np.arange(1, len(hits) + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, np.linspace(0, 1, 101))
    return float(np.mean([best_from_here[i] if i < len(hits) else 0.0 for i in at]))


def map50(found: Sequence[Found], labels: Path) -> float:
    """Return the mean over the classes of the average precision at IoU 0.5."""
    truth = true_boxes(labels)
    return float(np.mean([_average_precision(found, truth, digit) for digit in range(10)]))


def _draw_page(image: Path, found: Sequence[Found]) -> Image.Image:
    page = Image.open(image).convert("RGB")
    page = page.resize((PAGE * ZOOM, PAGE * ZOOM), Image.Resampling.BICUBIC)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(15)
    for item in found:
        if item.page != image.stem or item.confidence < SHOWN:
            continue
        colour = COLOURS[item.digit]
        left, top, right, bottom = (corner * ZOOM for corner in item.corners)
        pen.rectangle((left, top, right, bottom), outline=colour, width=2)
        words = f"{CLASSES[item.digit]}  {item.confidence:.0%}"
        high = 19 if top >= 19 else 0  # the tag goes inside where there is no room above
        tag = (left, top - high, left + pen.textlength(words, font) + 8, top - high + 19)
        pen.rectangle(tag, fill=colour)
        pen.text((tag[0] + 4, tag[1] + 1), words, "white", font)
    return page


def draw_sheet(images: Sequence[Path], found: Sequence[Found], target: Path) -> None:
    """Write one picture of the first dozen pages with the boxes that were predicted on them."""
    step = PAGE * ZOOM + GAP
    sheet = Image.new("RGB", (COLUMNS * step + GAP, ROWS * step + GAP), "#20242c")
    for number, image in enumerate(images[: COLUMNS * ROWS]):
        row, column = divmod(number, COLUMNS)
        sheet.paste(_draw_page(image, found), (GAP + column * step, GAP + row * step))
    sheet.save(target)
