"""Reads the size of a JPEG or PNG image as Pillow does, where its structure is an ordinary one.

Pillow takes ten times as long to open an image. What is unusual or damaged is left to it: here, a
size is a promise that Pillow opens (and verifies) the image and finds the same size.
"""

import zlib

_JPEG_START = b"\xff\xd8\xff"
PNG_START = b"\x89PNG\r\n\x1a\n"

_SOF = {0xC0, 0xC1, 0xC2}
_SOS, _DQT = 0xDA, 0xDB
# Markers whose content Pillow passes over: DHT, DRI, COM, and applications' that it does not know.
_PASSED = {0xC4, 0xDD, 0xFE, *range(0xE3, 0xED)}
# Applications' segments that it reads, by how they begin, and how long they must be for that.
_APPLICATIONS = {
    0xE0: (b"JFIF\0", 14),
    0xE1: (b"http://ns.adobe.com/xap/1.0/\0", 29),
    0xE2: (b"ICC_PROFILE\0", 14),
    0xEE: (b"Adobe", 12),
}
_TABLE_8, _TABLE_16 = 65, 129

# A chunk's length, kind and checksum.
_PNG_FRAME = 12
_IHDR_START = b"\x00\x00\x00\x0dIHDR"
_IHDR_END = len(PNG_START) + 13 + _PNG_FRAME
# Bits a sample by kind of colour.
_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
# Chunks before the pixels by the bytes that Pillow needs of them.
_PNG_CHUNKS = {
    b"PLTE": 0,
    b"gAMA": 4,
    b"cHRM": 32,
    b"sRGB": 1,
    b"pHYs": 9,
    b"tEXt": 0,
    b"bKGD": 0,
    b"sBIT": 0,
    b"tIME": 0,
}
_MAX_CHUNK_BYTES = 1 << 16
# Pillow has limits of its own for all of them together.
_MAX_CHUNKS_BYTES = 1 << 20


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height, or None: ask Pillow."""
    if not data.startswith(_JPEG_START):
        return None
    size, at, end = None, 2, len(data)
    while at + 4 <= end and data[at] == 0xFF:  # noqa: PLR2004 - every marker begins so
        marker, length = data[at + 1], data[at + 2] << 8 | data[at + 3]
        body, at = at + 4, at + 2 + length
        if body > at or at > end:
            return None
        if marker == _SOS:
            return size
        if marker in _PASSED:
            continue
        if marker == _DQT:
            is_known = _are_tables(data, body, at)
        elif marker in _SOF:
            bits, layers = (data[body], data[body + 5]) if at > body + 5 else (0, 0)
            is_known = size is None and bits == 8 and layers in {1, 3} and length == 8 + 3 * layers  # noqa: PLR2004
            height, width = data[body + 1 : body + 3], data[body + 3 : body + 5]
            size = int.from_bytes(width), int.from_bytes(height)
            is_known = is_known and min(size) > 0
        else:
            start, least = _APPLICATIONS.get(marker, (b"", end))
            is_known = at - body >= least and data.startswith(start, body)
        if not is_known:
            return None
    return None


def _are_tables(data: bytes, at: int, end: int) -> bool:
    while at < end:
        at += _TABLE_8 if data[at] < 16 else _TABLE_16  # noqa: PLR2004 - its upper half: precision
    return at == end


def png_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a whole file whose checksums are right, or None: ask Pillow."""
    if not (data.startswith(PNG_START) and _is_known_ihdr(data[len(PNG_START) : _IHDR_END])):
        return None
    at, has_pixels, view = len(PNG_START), False, memoryview(data)
    while at + _PNG_FRAME <= len(data):
        size, kind = _png_int(data, at), data[at + 4 : at + 8]
        following = at + size + _PNG_FRAME
        if kind == b"IEND":
            return (_png_int(data, 16), _png_int(data, 20)) if has_pixels else None
        if kind == b"IDAT":
            has_pixels = True
        elif has_pixels:
            if not kind.isalpha():
                return None
        elif at > _MAX_CHUNKS_BYTES or not (
            at == len(PNG_START) or _PNG_CHUNKS.get(kind, size + 1) <= size <= _MAX_CHUNK_BYTES
        ):
            return None
        crc = zlib.crc32(view[at + 4 : following - 4])
        if following > len(data) or crc != _png_int(data, following - 4):
            return None
        at = following
    return None


def _is_known_ihdr(chunk: bytes) -> bool:
    if len(chunk) < _IHDR_END - len(PNG_START) or chunk[:8] != _IHDR_START:
        return False
    depth, colour, compression, filters = chunk[16:20]
    has_size = any(chunk[8:12]) and any(chunk[12:16])
    return has_size and not compression and not filters and depth in _PNG_DEPTHS.get(colour, ())


def _png_int(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4])
