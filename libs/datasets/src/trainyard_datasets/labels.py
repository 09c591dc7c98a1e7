"""Label files: one line an object, normalized coordinates, as Ultralytics reads them."""

import math
from collections import Counter
from typing import NamedTuple

# Ultralytics' own tolerance.
_LOW, _HIGH = -0.01, 1.01
_BOX = 5
_ORIENTED = 9
_POLYGON = 7


class Format(NamedTuple):
    """How the lines of a dataset look. `keypoints` is (number, 2 or 3) for pose."""

    task: str
    classes: int
    keypoints: tuple[int, int] | None = None


class Labels(NamedTuple):
    """Instances by class index, and how many lines were given twice."""

    instances: Counter[int]
    duplicates: int


class LabelError(Exception):
    """The file cannot be used; the text says which line and why."""


def parse(data: bytes, form: Format) -> Labels:
    """Read a label file. Raises LabelError; no line at all is a background image."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelError("The label file is not UTF-8 text. Export the labels again.") from error
    rows: set[tuple[float, ...]] = set()
    instances: Counter[int] = Counter()
    duplicates = 0
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words:
            continue
        values = _numbers(words, number)
        _check_shape(values, form, number)
        _check_values(values, form, number)
        if values in rows:
            duplicates += 1
        else:
            rows.add(values)
            instances[int(values[0])] += 1
    return Labels(instances, duplicates)


def _numbers(words: list[str], line: int) -> tuple[float, ...]:
    try:
        values = tuple(map(float, words))
    except ValueError:
        raise LabelError(
            f"Line {line} has something else than numbers ({' '.join(words)[:60]!r}). "
            "Write numbers separated by spaces."
        ) from None
    if not all(map(math.isfinite, values)):
        raise LabelError(f"Line {line} has a number that is not finite. Remove the line.")
    return values


def _check_shape(values: tuple[float, ...], form: Format, line: int) -> None:
    count = len(values)
    match form.task:
        case "detect" if count != _BOX:
            raise LabelError(_not_a_box(count, line))
        case "segment" if count == _BOX:
            raise LabelError(
                f"Line {line} is a box, but this is a segment set. Push it with task detect, or "
                "give polygons: class x1 y1 x2 y2 x3 y3 …"
            )
        case "segment" if count < _POLYGON or count % 2 == 0:
            raise LabelError(
                f"Line {line} has {count} numbers; a polygon needs a class and at least 3 points "
                "of 2 numbers each."
            )
        case "obb" if count != _ORIENTED:
            raise LabelError(
                f"Line {line} has {count} numbers; an oriented box needs 9: class x1 y1 x2 y2 x3 "
                "y3 x4 y4."
            )
        case "pose" if form.keypoints:
            points, size = form.keypoints
            if count != _BOX + points * size:
                raise LabelError(
                    f"Line {line} has {count} numbers; kpt_shape [{points}, {size}] needs "
                    f"{_BOX + points * size}: class x y width height and {points} keypoints."
                )


def _not_a_box(count: int, line: int) -> str:
    if count >= _POLYGON and count % 2:
        return (
            f"Line {line} is a polygon ({count} numbers), but this is a detect set. Push it with "
            "task segment (or obb), or turn the polygons into boxes: class x y width height."
        )
    return f"Line {line} has {count} numbers; a box needs 5: class x y width height."


def _check_values(values: tuple[float, ...], form: Format, line: int) -> None:
    index = values[0]
    if not index.is_integer():
        raise LabelError(
            f"Line {line} has the class {index:g}; classes are whole numbers from 0 to "
            f"{form.classes - 1}."
        )
    if not 0 <= index < form.classes:
        raise LabelError(
            f"Line {line} has the class {index:.0f}, but names has 0 to {form.classes - 1}. "
            "Correct the line or add the class to data.yaml."
        )
    coordinates = values[1:_BOX] if form.keypoints else values[1:]
    if min(coordinates) < _LOW or max(coordinates) > _HIGH:
        raise LabelError(_out_of_range(coordinates, line))
    if form.task in {"detect", "pose"} and min(values[3:_BOX]) < 0:
        raise LabelError(f"Line {line} has a negative width or height. Correct or remove it.")
    if form.keypoints:
        size = form.keypoints[1]
        points = values[_BOX:]
        places = [value for place, value in enumerate(points) if place % size < 2]  # noqa: PLR2004
        if min(places) < _LOW or max(places) > _HIGH:
            raise LabelError(_out_of_range(places, line))


def _out_of_range(values: "tuple[float, ...] | list[float]", line: int) -> str:
    worst = next(value for value in values if not _LOW <= value <= _HIGH)
    return (
        f"Line {line} has the coordinate {worst:g}; all must be from 0 to 1. Divide x by the "
        "image's width and y by its height."
    )
