"""Images and frames of videos, read as Ultralytics reads them."""

import io
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_IN_MEMORY = frozenset({"BMP", "JPEG", "PNG", "WEBP"})


@dataclass(frozen=True)
class Picture:
    """One image, or one frame of a video, as BGR pixels of shape (height, width, 3)."""

    source: Path
    number: int
    pixels: Any
    frame: int | None = None
    frames_per_s: float = 0

    @property
    def stem(self) -> str:
        """A name that no other picture of this run has; `number` counts the sources."""
        frame = "" if self.frame is None else f"-{self.frame:06d}"
        return f"{self.number:03d}-{self.source.stem}{frame}"


def groups(pictures: Iterable[Picture | Path], most: int) -> Iterator[list[Picture] | Path]:
    """Neighbours of one size: another one's padding would change what the model finds."""
    group: list[Picture] = []
    for picture in pictures:
        full = len(group) == most
        if group and (
            full or isinstance(picture, Path) or picture.pixels.shape != group[0].pixels.shape
        ):
            yield group
            group = []
        if isinstance(picture, Path):
            yield picture
        else:
            group.append(picture)
    if group:
        yield group


def pictures(sources: Iterable[Path]) -> Iterator[Picture | Path]:
    """Each image and each frame of a video, in order; the path of a source that cannot be opened."""
    from ultralytics.data.utils import VID_FORMATS  # noqa: PLC0415 - slow
    from ultralytics.utils.patches import imread  # noqa: PLC0415 - slow

    for number, source in enumerate(sources):
        suffix = source.suffix.lower().lstrip(".")
        if suffix in VID_FORMATS and suffix != "gif":
            yield from _frames(source, number)
            continue
        pixels = imread(source)
        yield source if pixels is None else Picture(source, number, pixels)


def decoded(image: bytes) -> Any:
    """The pixels of an image file, as those of its path; None: it cannot be opened."""
    import cv2  # noqa: PLC0415 - slow
    import numpy as np  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415
    from ultralytics.utils.patches import imread  # noqa: PLC0415 - slow

    try:
        kind = str(Image.open(io.BytesIO(image)).format)
    except OSError:
        return None
    if kind in _IN_MEMORY:
        return cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
    # Ultralytics looks at the name of the others.
    with tempfile.NamedTemporaryFile(suffix=f".{kind.lower()}") as file:
        file.write(image)
        file.flush()
        return imread(file.name)


def _frames(source: Path, number: int) -> Iterator[Picture | Path]:
    import cv2  # noqa: PLC0415 - slow

    video = cv2.VideoCapture(str(source))
    frames_per_s = video.get(cv2.CAP_PROP_FPS) or 25
    frame = 0
    while True:
        there, pixels = video.read()
        if not there:
            break
        yield Picture(source, number, pixels, frame, frames_per_s)
        frame += 1
    video.release()
    if frame == 0:
        yield source
