"""Judges, with Pillow, whether training will be able to read an image, for which it has OpenCV too."""

import io
import warnings
import zlib
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

from trainyard_datasets.headers import PNG_START, jpeg_size, png_size
from trainyard_datasets.limits import (
    DECODE_BYTES,
    DECODE_BYTES_A_PIXEL,
    DECODE_BYTES_A_PIXEL_OTHERS,
    DECODED_PIXELS_AN_IMAGE,
    MAX_PIXELS,
    MIN_SIDE,
)

_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "AVIF", "JPEG2000")
_JPEG_END = b"\xff\xd9"
_PNG_INTERLACE = 28
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PNG_LAST_FILTER = 4
_INFLATED_AT_ONCE = 1 << 20

Image.MAX_IMAGE_PIXELS = MAX_PIXELS


class Judged(NamedTuple):
    """What is wrong with an image, or None, and how many pixels were decoded to know it."""

    fault: str | None
    decoded: int = 0


def judge(data: bytes, *, complete: bool, decode: bool = True) -> Judged:
    """Judge an image. `complete`: `data` is the file, not only its head.

    `decode`: to its end. A JPEG that is cut is decoded in any case, as training does.
    """
    if judged := _judge_ordinary(data, complete=complete, decode=decode):
        return judged
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _judge(data, complete=complete, decode=decode)
    except UnidentifiedImageError:
        return Judged("Cannot read this image. Save it as JPEG or PNG.")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return Judged(f"The image has more than {MAX_PIXELS:,} pixels. Cut it into tiles.")
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - decoders raise anything on hostile bytes
        return Judged(f"The image is damaged ({str(error)[:200]}). Save it again.")


def _judge_ordinary(data: bytes, *, complete: bool, decode: bool) -> Judged | None:
    """As `judge`, without Pillow; None for an image that needs it."""
    size = jpeg_size(data)
    is_jpeg = size is not None
    size = size or (png_size(data) if complete else None)
    if size is None or size[0] * size[1] > MAX_PIXELS:
        return None
    if min(size) < MIN_SIDE:
        return Judged(_too_small(*size))
    kind = "JPEG" if is_jpeg else "PNG"
    is_decoded = complete and decode and _can_be_decoded(kind, size[0] * size[1])
    if is_jpeg:
        is_cut = complete and data[-2:] != _JPEG_END
        return None if is_cut or is_decoded else Judged(None)
    if not is_decoded:
        return Judged(None)
    return None if data[_PNG_INTERLACE] else _judge_pixels(data, *size)


def _can_be_decoded(kind: str | None, pixels: int) -> bool:
    """By what the header says, before any memory is taken for it."""
    each = DECODE_BYTES_A_PIXEL.get(kind or "", DECODE_BYTES_A_PIXEL_OTHERS)
    return pixels <= DECODED_PIXELS_AN_IMAGE and pixels * each <= DECODE_BYTES


def _judge_pixels(png: bytes, width: int, height: int) -> Judged | None:
    try:
        _inflate(png, width, height)
    except (ValueError, zlib.error):
        return None
    return Judged(None, width * height)


def _too_small(width: int, height: int) -> str:
    return f"The image has {width}x{height} pixels; training needs {MIN_SIDE}x{MIN_SIDE}."


def _judge(data: bytes, *, complete: bool, decode: bool) -> Judged:
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        kind, (width, height) = image.format, image.size
        if complete:
            image.verify()
    if min(width, height) < MIN_SIDE:
        return Judged(_too_small(width, height))
    is_cut = complete and kind == "JPEG" and data[-2:] != _JPEG_END
    if not _can_be_decoded(kind, width * height):
        is_damaged = is_cut and _JPEG_END not in data
        return Judged("The image is damaged: its end is missing." if is_damaged else None)
    if is_cut or (complete and decode):
        _decode(data, whole=is_cut or kind != "JPEG")
        return Judged(None, width * height)
    return Judged(None)


def _decode(data: bytes, *, whole: bool) -> None:
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        if image.format == "PNG" and not image.info.get("interlace"):
            _inflate(data, image.width, image.height)
            return
        if not whole:  # all of the stream, but an eighth of the arithmetic
            image.draft("RGB", (image.width // 8, image.height // 8))
        image.load()
        if image.format == "TIFF" and image.mode in {"I", "F"}:
            raise ValueError("its samples have 32 bits, of which training reads at most 16")


def _inflate(data: bytes, width: int, height: int) -> None:
    """Raise ValueError or zlib.error where a PNG's rows are damaged or missing.

    Pillow would let pass a stream that ends before its last row, and takes thrice the time.
    """
    depth, color = data[24], data[25]
    row = 1 + (width * depth * _PNG_CHANNELS[color] + 7) // 8
    done, total, at, stream = 0, row * height, len(PNG_START), zlib.decompressobj()
    while done < total and at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4])
        part = data[at + 8 : at + 8 + size] if data[at + 4 : at + 8] == b"IDAT" else b""
        while part and done < total:
            rows = stream.decompress(part, _INFLATED_AT_ONCE)
            # Each row begins with the number of its filter.
            if max(rows[: total - done][-done % row :: row], default=0) > _PNG_LAST_FILTER:
                raise ValueError("a row has an unknown filter")
            done += len(rows)
            part = stream.unconsumed_tail
        at += size + 12
    if done < total:
        raise ValueError("rows are missing at its end")
