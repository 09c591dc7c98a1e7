"""Label files, judged as Ultralytics judges them: by the box that a line stands for.

A line's box is its own four numbers, or the extent of its polygon. Corners may lie outside the
image as long as the box's middle, width and height keep to 0 … 1.
"""

import math
import re
import struct
from array import array
from collections import Counter
from typing import NamedTuple

# Ultralytics' tolerance of 1 %, and half a step of the 32-bit floats that it compares.
_LOW, _HIGH = -0.01 - 4e-10, 1.01 + 5e-8
_BOX = 5
# From here on a line without keypoints is a polygon.
_POLYGON = 7
# Files as most are: every line a class and coordinates from 0 to 1, with nothing to object to.
_PLAIN_BYTES = 1 << 16
_COORDINATE = rb" (?:0\.\d{1,20}|0|1(?:\.0{1,20})?)"
_LINE = rb"(?:\d{1,5}(?:%b){%b} *+(?:\r?\n|\Z))++"
_PLAIN_BOXES = re.compile(_LINE % (_COORDINATE, b"4"))
_PLAIN_POLYGONS = re.compile(_LINE % (_COORDINATE * 2, b"3,"))


class Format(NamedTuple):
    """How the lines of a dataset look. `keypoints` is data.yaml's kpt_shape: (number, 2 or 3)."""

    task: str
    classes: int
    keypoints: tuple[int, int] | None = None


class Labels(NamedTuple):
    """Instances by class index, how many are polygons, and how many lines are peculiar.

    `duplicates` repeat another line and count once, `flat` boxes have no area, `outside` are
    polygons with a corner outside the image.
    """

    instances: Counter[int]
    polygons: int = 0
    duplicates: int = 0
    flat: int = 0
    outside: int = 0


class LabelError(Exception):
    """Training leaves the file's image out; `kind` is the reason, the text says which line."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def parse(data: bytes, form: Format) -> Labels:
    """Read a label file. Raises LabelError; no line at all is a background image."""
    if (plain := _parse_plain(data, form)) is not None:
        return plain
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelError(
            "encoding", "The label file is not UTF-8 text. Export the labels again."
        ) from error
    lines = [(number, line.split()) for number, line in enumerate(text.splitlines(), 1)]
    rows = [(number, words) for number, words in lines if words]
    if not rows:
        return Labels(Counter())
    columns = _columns(form)
    if form.task != "pose":
        # Keypoints are cut off; what is left is a box.
        rows = [(n, words[:_BOX] if len(words) == columns else words) for n, words in rows]
        polygon = next((n for n, words in rows if len(words) >= _POLYGON), None)
        columns = _BOX
        if polygon is not None:
            return _polygons([_values(words, n, form) for n, words in rows], rows, polygon)
    return _boxes([_values(words, n, form) for n, words in rows], rows, form, columns)


def _parse_plain(data: bytes, form: Format) -> Labels | None:
    """As `parse`, in a quarter of the time; None for a file that needs a closer look."""
    if len(data) > _PLAIN_BYTES or form.task == "pose":
        return None
    if _PLAIN_BOXES.fullmatch(data):
        values = array("d", map(float, data.split()))
        sizes = values[3::_BOX], values[4::_BOX]
        flat = (
            sum(0 in size for size in zip(*sizes, strict=True)) if 0 in sizes[0] + sizes[1] else 0
        )
        classes = values[::_BOX].tolist()
        packed, row = array("f", values).tobytes(), 4 * _BOX
        unique = {packed[at : at + row] for at in range(0, len(packed), row)}
        found = Labels(Counter(map(int, classes)), flat=flat)
    elif form.keypoints is None and _PLAIN_POLYGONS.fullmatch(data):
        rows = [array("d", map(float, line.split())) for line in data.splitlines()]
        classes = [row[0] for row in rows]
        unique = {array("f", row).tobytes() for row in rows}
        flat = sum(any(len(set(row[axis::2])) == 1 for axis in (1, 2)) for row in rows)
        found = Labels(Counter(map(int, classes)), polygons=len(rows), flat=flat)
    else:
        return None
    return found if len(unique) == len(classes) and max(classes) < form.classes else None


def _columns(form: Format) -> int:
    points, size = form.keypoints or (0, 0)
    return _BOX + points * size


def _values(words: list[str], line: int, form: Format) -> tuple[float, ...]:
    try:
        values = tuple(map(float, words))
    except ValueError:
        raise LabelError(
            "not numbers",
            f"Line {line} has something else than numbers ({' '.join(words)[:60]!r}). "
            "Write numbers separated by spaces.",
        ) from None
    if not all(map(math.isfinite, values)):
        raise LabelError(
            "not finite", f"Line {line} has a number that is not finite. Remove the line."
        )
    index = values[0]
    if not index.is_integer():
        raise LabelError(
            "class",
            f"Line {line} has the class {index:g}; classes are whole numbers from 0 to "
            f"{form.classes - 1}.",
        )
    if not 0 <= index < form.classes:
        raise LabelError(
            "class",
            f"Line {line} has the class {index:.0f}, but names has 0 to {form.classes - 1}. "
            "Correct the line or add the class to data.yaml.",
        )
    return values


def _boxes(
    found: list[tuple[float, ...]], rows: list[tuple[int, list[str]]], form: Format, columns: int
) -> Labels:
    flat = 0
    for values, (line, _) in zip(found, rows, strict=True):
        count = len(values)
        if count != columns:
            raise LabelError("columns", _wrong_columns(count, line, form, columns))
        points = values[1:]
        if form.task == "pose" and form.keypoints:
            size = form.keypoints[1]
            points = values[_BOX:]
            points = tuple(v for place, v in enumerate(points) if place % size < 2)  # noqa: PLR2004
            if min(values[:_BOX] + points) >= _LOW > min(values):
                raise LabelError(
                    "visibility",
                    f"Line {line} has the visibility {min(values):g}; it must be 0 (not labelled), "
                    "1 (hidden) or 2 (visible). Training leaves the image out.",
                )
        if min(values) < _LOW:
            raise LabelError("coordinates", _out_of_range(min(values), line))
        if max(points) > _HIGH:
            raise LabelError("coordinates", _out_of_range(max(points), line))
        if min(values[3:_BOX]) < 0:
            raise LabelError(
                "negative size",
                f"Line {line} has a negative width or height. Correct or remove it.",
            )
        flat += min(values[3:_BOX]) == 0
    return _counted(found, flat=flat)


def _polygons(
    found: list[tuple[float, ...]], rows: list[tuple[int, list[str]]], polygon: int
) -> Labels:
    flat = outside = 0
    for values, (line, _) in zip(found, rows, strict=True):
        if len(values) == _BOX:
            raise LabelError(
                "boxes and polygons",
                f"Line {line} is a box and line {polygon} a polygon; training leaves out a label "
                "file with both. Give polygons only: class x1 y1 x2 y2 x3 y3 …, or boxes only.",
            )
        if len(values) % 2 == 0 or len(values) == 1:
            raise LabelError(
                "columns",
                f"Line {line} has {len(values)} numbers; a polygon needs a class and at least 3 "
                "points of 2 numbers each.",
            )
        xs, ys = values[1::2], values[2::2]
        left, top, right, bottom = min(xs), min(ys), max(xs), max(ys)
        box = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
        if min(box) < _LOW or max(box) > _HIGH:
            worst = max(values[1:], key=lambda value: abs(value - 0.5))
            raise LabelError("coordinates", _out_of_range(worst, line))
        flat += min(box[2:]) == 0
        outside += min(left, top) < _LOW or max(right, bottom) > _HIGH
    return _counted(found, flat=flat, outside=outside)._replace(polygons=len(found))


def _counted(found: list[tuple[float, ...]], flat: int, outside: int = 0) -> Labels:
    # Lines are the same when their 32-bit floats are.
    unique = {struct.pack(f"{len(v)}f", *(min(x, 3e38) for x in v)): int(v[0]) for v in found}
    return Labels(Counter(unique.values()), 0, len(found) - len(unique), flat, outside)


def _wrong_columns(count: int, line: int, form: Format, columns: int) -> str:
    if form.task == "pose" and form.keypoints:
        points, size = form.keypoints
        return (
            f"Line {line} has {count} numbers; kpt_shape [{points}, {size}] needs {columns}: "
            f"class x y width height and {points} keypoints."
        )
    return f"Line {line} has {count} numbers; a box needs 5: class x y width height."


def _out_of_range(worst: float, line: int) -> str:
    return (
        f"Line {line} has the coordinate {worst:g}; all must be from 0 to 1. Divide x by the "
        "image's width and y by its height."
    )
