"""Images and frames of videos, read as Ultralytics reads them."""

import io
import mmap
import struct
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

# As of a dataset's images.
MAX_PIXELS = 178_956_970
_IN_MEMORY = frozenset({"BMP", "JPEG", "PNG", "WEBP"})
# Their tables tell the number of frames; others' is an estimate.
_COUNTED = frozenset({".avi", ".m4v", ".mov", ".mp4"})
_TOLERATED_S = 2.0
_EDITS = struct.Struct(">B3xI2i")
_MOST_TRACKS = 16  # that are looked at: each is looked for in the whole file


class UnreadableError(Exception):
    """It cannot be used as an image; the text says why, and begins with "it"."""


class TooLargeError(UnreadableError):
    """Its pixels would take too much memory."""


@dataclass(frozen=True)
class Unread:
    """A file, or the rest of a video, that could not be read; `why` as of an `UnreadableError`."""

    source: Path
    why: str


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


def groups(pictures: Iterable[Picture | Unread], most: int) -> Iterator[list[Picture] | Unread]:
    """Neighbours of one size: another one's padding would change what the model finds."""
    group: list[Picture] = []
    for picture in pictures:
        full = len(group) == most
        if group and (
            full or isinstance(picture, Unread) or picture.pixels.shape != group[0].pixels.shape
        ):
            yield group
            group = []
        if isinstance(picture, Unread):
            yield picture
        else:
            group.append(picture)
    if group:
        yield group


def pictures(sources: Iterable[Path], imgsz: int, task: str) -> Iterator[Picture | Unread]:
    """Each image and each frame of a video, in order, and what of them cannot be read.

    `imgsz` and `task` are the model's: see `require_scalable`.
    """
    from ultralytics.data.utils import VID_FORMATS  # noqa: PLC0415 - slow

    for number, source in enumerate(sources):
        suffix = source.suffix.lower().lstrip(".")
        is_video = suffix in VID_FORMATS and suffix != "gif"
        try:
            _require_content(source)
            for picture in _frames(source, number) if is_video else [_image(source, number)]:
                require_scalable(picture.pixels, imgsz, task)
                yield picture
        except UnreadableError as error:
            yield Unread(source, str(error))
        except OSError as error:
            yield Unread(source, f"it cannot be opened: {error.strerror or error}")


def decoded(image: bytes, most_pixels: int = MAX_PIXELS) -> Any:
    """The pixels of an image file, as those of its path.

    Raises:
        UnreadableError: it cannot be decoded, or would be larger than `most_pixels`.
    """
    import cv2  # noqa: PLC0415 - slow
    import numpy as np  # noqa: PLC0415

    kind = _kind(io.BytesIO(image), most_pixels)
    if kind is None:
        raise UnreadableError("it cannot be decoded as an image")
    if kind in _IN_MEMORY:
        return _pixels(lambda: cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR))
    # Ultralytics looks at the name of the others.
    with tempfile.NamedTemporaryFile(suffix=f".{kind.lower()}") as file:
        file.write(image)
        file.flush()
        return _read(Path(file.name))


def require_scalable(pixels: Any, imgsz: int, task: str) -> None:
    """Raise a TooLargeError where scaling it would take too much memory.

    A classifier scales the shorter side to `imgsz`, and cuts the longer one only then.
    """
    height, width = pixels.shape[:2]
    shorter, longer = sorted((height, width))
    if task == "classify" and longer * imgsz**2 > MAX_PIXELS * shorter:
        raise TooLargeError(f"it is too narrow with {width} x {height} pixels: cut it into pieces")


def _require_content(source: Path) -> None:
    if not source.exists():
        raise UnreadableError("it is not there")
    if not source.is_file():
        raise UnreadableError("it is no file")
    with source.open("rb") as file:
        if not file.read(1):
            raise UnreadableError("it is empty")


def _image(source: Path, number: int) -> Picture:
    with source.open("rb") as file:
        _kind(file, MAX_PIXELS)  # OpenCV knows more of them
    return Picture(source, number, _read(source))


def _kind(file: IO[bytes], most_pixels: int) -> str | None:
    """The format by the header; None: Pillow knows none. Raise a TooLargeError by it alone."""
    from PIL import Image  # noqa: PLC0415 - slow

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(file)
        is_large = image.width * image.height > most_pixels
    except Image.DecompressionBombError:
        is_large = True
    except Exception:  # noqa: BLE001 - Ultralytics' own `Image.open` looks for further decoders
        return None
    if is_large:
        raise TooLargeError(f"it has more than {most_pixels:,} pixels; scale it down")
    return str(image.format)


def _read(path: Path) -> Any:
    from ultralytics.utils.patches import imread  # noqa: PLC0415 - slow

    return _pixels(lambda: imread(path))


def _pixels(decode: Callable[[], Any]) -> Any:
    try:
        pixels = decode()
    except Exception as error:  # its decoders raise what they like
        raise UnreadableError("it cannot be decoded as an image") from error
    if pixels is None:
        raise UnreadableError("it cannot be decoded as an image")
    return pixels


def _frames(source: Path, number: int) -> Iterator[Picture]:
    """Raise an UnreadableError after its last readable frame where more should follow."""
    import cv2  # noqa: PLC0415 - slow

    video = cv2.VideoCapture(str(source))
    frames_per_s = video.get(cv2.CAP_PROP_FPS) or 25
    told = int(video.get(cv2.CAP_PROP_FRAME_COUNT)) if source.suffix.lower() in _COUNTED else 0
    frame = 0
    while True:
        there, pixels = video.read()
        if not there:
            break
        yield Picture(source, number, pixels, frame, frames_per_s)
        frame += 1
    video.release()
    if frame == 0:
        raise UnreadableError("it cannot be decoded as a video")
    # A cut without a new encoding may leave out frames of its first or last second.
    if told - frame > _TOLERATED_S * frames_per_s and not _is_trimmed(source, told / frames_per_s):
        raise UnreadableError(f"it tells of {told:,} frames, of which {frame:,} can be decoded")


def _is_trimmed(source: Path, seconds: float) -> bool:
    """Whether an MP4 or MOV file of so many seconds shows a part of them, as telephones trim videos.

    Its edit lists tell it (ISO/IEC 14496-12, 8.6.6).
    """
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        whole = _ticks_per_s(data, b"mvhd", 0)
        at = data.find(b"elst")
        for _ in range(_MOST_TRACKS):
            if at < 0:
                break
            version, edits, lasts, begins = _EDITS.unpack(
                data[at + 4 : at + 4 + _EDITS.size].ljust(_EDITS.size, b"\0")
            )
            begins_s = begins / _ticks_per_s(data, b"mdhd", at)
            cut_s = max(begins_s, seconds - lasts / whole)
            if version or edits > 1 or cut_s > _TOLERATED_S:
                return True
            at = data.find(b"elst", at + 1)
    return False


def _ticks_per_s(data: mmap.mmap, box: bytes, start: int) -> int:
    """Of the next such box: behind two times of 32 bits, or 64 from version 1 on."""
    at = data.find(box, start)
    place = at + (24 if data[at + 4 : at + 5] > b"\0" else 16)
    return int.from_bytes(data[place : place + 4]) or 1
