"""Lays single digits out on pages with exact boxes, and writes them as an Ultralytics dataset."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Gray = npt.NDArray[np.float32]
PAGE = 96  # pixels, both sides
CLASSES = [str(digit) for digit in range(10)]
INK = 0.35  # share of full ink from which a pixel belongs to the digit


@dataclasses.dataclass(frozen=True)
class Item:
    """One digit: its class and its ink, 8x8 values from 0 (paper) to 1 (full ink)."""

    digit: int
    ink: Gray


@dataclasses.dataclass(frozen=True)
class Box:
    """Where a digit lies: pixels from the page's top left corner, right and bottom exclusive."""

    digit: int
    left: int
    top: int
    right: int
    bottom: int

    def label(self) -> str:
        """Return the box as a line of a label file: class, centre and size as shares of the page."""
        values = (
            (self.left + self.right) / 2 / PAGE,
            (self.top + self.bottom) / 2 / PAGE,
            (self.right - self.left) / PAGE,
            (self.bottom - self.top) / PAGE,
        )
        return f"{self.digit} " + " ".join(f"{value:.6f}" for value in values)


def _paper(rng: np.random.Generator) -> Gray:
    """Paper of some brightness, lit a little from one side."""
    slope_x, slope_y = rng.uniform(-0.08, 0.08, 2)
    ramp = np.linspace(-0.5, 0.5, PAGE, dtype=np.float32)
    light = rng.uniform(0.78, 0.97) + slope_x * ramp[None, :] + slope_y * ramp[:, None]
    return np.asarray(light, dtype=np.float32)


def _enlarge(ink: Gray, side: int) -> Gray:
    margin = np.pad(ink, 1)  # strokes that reach the scan's edge end softly too
    small = Image.fromarray((margin * 255).astype(np.uint8))
    image = small.resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(image, dtype=np.float32) / 255


def _overlaps(box: Box, others: Sequence[Box]) -> bool:
    return any(
        box.left < other.right + 1
        and other.left < box.right + 1
        and box.top < other.bottom + 1
        and other.top < box.bottom + 1
        for other in others
    )


def lay_out(items: Sequence[Item], rng: np.random.Generator) -> tuple[Image.Image, list[Box]]:
    """Place the items at random on one page; an item that finds no free place is left out."""
    page, boxes = _paper(rng), list[Box]()
    for item in items:
        side = int(rng.integers(22, 45))
        ink = _enlarge(item.ink, side)
        rows, columns = (np.flatnonzero((ink > INK).any(axis=axis)) for axis in (1, 0))
        strength = rng.uniform(0.45, 0.85)
        for _ in range(20):
            x, y = (int(value) for value in rng.integers(1, PAGE - side, 2))
            box = Box(
                item.digit,
                x + int(columns[0]),
                y + int(rows[0]),
                x + int(columns[-1]) + 1,
                y + int(rows[-1]) + 1,
            )
            if not _overlaps(box, boxes):
                page[y : y + side, x : x + side] *= 1 - strength * ink
                boxes.append(box)
                break
    page += rng.normal(0, rng.uniform(0.005, 0.03), page.shape).astype(np.float32)
    return Image.fromarray((page.clip(0, 1) * 255).astype(np.uint8)), boxes


def write_pages(
    items: Sequence[Item], count: int, images: Path, labels: Path, rng: np.random.Generator
) -> int:
    """Write `count` pages made of these items only; return the number of digits on them.

    Every item is used once before any is used again.
    """
    images.mkdir(parents=True)
    labels.mkdir(parents=True)
    queue: list[int] = []
    digits = 0
    for number in range(count):
        while len(queue) < 8:
            queue.extend(int(index) for index in rng.permutation(len(items)))
        taken = [items[queue.pop(0)] for _ in range(int(rng.integers(5, 9)))]
        page, boxes = lay_out(taken, rng)
        page.save(images / f"page-{number:03}.png")
        (labels / f"page-{number:03}.txt").write_text(
            "\n".join(box.label() for box in boxes) + "\n"
        )
        digits += len(boxes)
    return digits


def write_data_yaml(folder: Path) -> None:
    """Write the dataset's data.yaml."""
    names = "".join(f'  {index}: "{name}"\n' for index, name in enumerate(CLASSES))
    (folder / "data.yaml").write_text(f"train: images/train\nval: images/val\nnames:\n{names}")
