"""Whether training will be able to read an image."""

import io
import warnings

from PIL import Image, UnidentifiedImageError

from trainyard_datasets.limits import MAX_PIXELS, MIN_SIDE

_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "AVIF", "JPEG2000")
_JPEG_END = b"\xff\xd9"

Image.MAX_IMAGE_PIXELS = MAX_PIXELS


def fault(data: bytes, *, complete: bool) -> str | None:
    """What is wrong with an image, or None. `complete`: `data` is the file, not only its head."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                width, height = image.size
                if complete:
                    image.verify()
                    cut = image.format == "JPEG" and data[-2:] != _JPEG_END
            if complete and cut:
                with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                    image.load()
    except UnidentifiedImageError:
        return "Cannot read this image. Save it as JPEG or PNG."
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return f"The image has more than {MAX_PIXELS:,} pixels. Cut it into tiles."
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - decoders raise anything on hostile bytes
        return f"The image is damaged ({str(error)[:200]}). Save it again."
    if min(width, height) < MIN_SIDE:
        return f"The image has {width}x{height} pixels; training needs {MIN_SIDE}x{MIN_SIDE}."
    return None
