"""Datasets as people make them: each is read by the check and by Ultralytics' own loader.

A case's `files` are by name, or a whole archive. `says` must be in a problem of the check.
"""

import io
import zipfile
from functools import cache
from typing import Any, NamedTuple

from PIL import Image

YAML = "path: .\ntrain: images/train\nval: images/val\nnames: [box, ball]\n"
TRAIN, VAL = 6, 3
LINES = {
    "detect": "0 0.4 0.4 0.3 0.3\n",
    "segment": "0 0.2 0.2 0.5 0.2 0.5 0.5 0.2 0.6 0.1 0.3\n",
    "obb": "0 0.2 0.2 0.5 0.25 0.45 0.5 0.2 0.5\n",
    "pose": "0 0.4 0.4 0.3 0.3 0.3 0.3 2 0.4 0.4 2\n",
}


class Departure(NamedTuple):
    """Where the check departs from Ultralytics' reading of the plain files on purpose.

    `why` for people; `ready` is the check's verdict, and Ultralytics' is the other one, unless it
    is the `names` that differ, as the check has them.
    """

    why: str
    ready: bool = False
    names: list[str] | None = None


NOTHING_LEARNT = Departure("a train split without any label teaches nothing")
ANY_FOLDER = Departure("Ultralytics makes classes of all folders, and a split by chance")
UNLISTABLE = Departure("no list of files can hold such a name")
UNSAFE = Departure("a path that could leave the dataset's folder is refused")


class Case(NamedTuple):
    name: str
    task: str
    files: dict[str, bytes] | bytes
    says: str | None = None
    differs: Departure | None = None

    def archive(self) -> bytes:
        return self.files if isinstance(self.files, bytes) else zipped(self.files)


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@cache
def image(
    seed: int = 0,
    kind: str = "PNG",
    size: tuple[int, int] = (32, 32),
    mode: str = "RGB",
    **how: Any,
) -> bytes:
    """A picture that no other seed has."""
    picture = Image.new("RGB", size, (seed * 37 % 256, seed % 256, 90))
    picture.paste((200, 60, 40), (size[0] // 5, size[1] // 5, size[0] // 2, size[1] // 2))
    buffer = io.BytesIO()
    picture.convert(mode).save(buffer, kind, **how)
    return buffer.getvalue()


def sound(task: str = "detect", yaml: str = YAML) -> dict[str, bytes]:
    """A set that trains."""
    sizes = (("train", TRAIN), ("val", VAL))
    if task == "classify":
        return {
            f"{split}/{name}/{n}.png": image(n + 50 * (split == "val") + 100 * (name == "cat"))
            for split, count in sizes
            for name in ("ant", "cat")
            for n in range(count)
        }
    files = {"data.yaml": (yaml + ("kpt_shape: [2, 3]\n" if task == "pose" else "")).encode()}
    for split, count in sizes:
        for n in range(count):
            files[f"images/{split}/{n}.png"] = image(n + 50 * (split == "val"))
            files[f"labels/{split}/{n}.txt"] = LINES[task].encode()
    return files


def with_labels(task: str, label: str | bytes, count: int) -> dict[str, bytes]:
    data = label.encode() if isinstance(label, str) else label
    return sound(task) | {f"labels/train/{n}.txt": data for n in range(count)}


def moved(files: dict[str, bytes], *pairs: tuple[str, str]) -> dict[str, bytes]:
    """The files with parts of their paths replaced."""
    result = {}
    for name, data in files.items():
        for old, new in pairs:
            name = name.replace(old, new)  # noqa: PLW2901 - one replacement after the other
        result[name] = data
    return result
