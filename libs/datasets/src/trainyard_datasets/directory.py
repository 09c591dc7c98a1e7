"""The table of contents of an ordinary zip archive, in few bytes an entry.

`zipfile` takes five times the memory and the time. What is unusual or to be refused is left to it:
here, a table is a promise that `zipfile` reads the same one, and that it is sound.
"""

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Container, Iterator
from typing import IO, NamedTuple

from trainyard_datasets import limits
from trainyard_datasets.source import RangeFile

LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_END = struct.Struct("<4s4H2LH")
_LOCATOR_64 = struct.Struct("<4sLQL")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s4B4H3L5H2L")
_VERSION = 63
_READ_AT_ONCE = limits.MIB

_UTF8 = 0x800
# What tools set: how hard they compressed, that sizes stand behind the data, names in UTF-8.
_FLAGS = 0x6 | 0x8 | _UTF8
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ZIP64 = 0xFFFFFFFF
_KINDS = {0, stat.S_IFREG, stat.S_IFDIR}
_DOS_DIRECTORY = 0x10  # of an entry with it PyTorch reads nothing
# Times and owner, as Info-ZIP writes them.
_EXTRA = re.compile(rb"(?:UT\x05\x00.{5}ux\x0b\x00.{11})?", re.DOTALL)
# What stands before those where a size or a place has more than 32 bits: up to three of 64.
_WIDE = struct.Struct("<2H")
# The longest entry with all that.
_MOST_BYTES = _ENTRY.size + limits.MAX_NAME_BYTES + 24 + _WIDE.size + 3 * 8
# Letters and digits of any language, and what ASCII can print, but for separators of folders.
_PART = r"(?!\.{1,2}(?:/|\Z))[\w !-.:-@\[\]^`{-~]++"
_NAME = re.compile(rf"(?![A-Za-z]:){_PART}(?:/{_PART})*+/?")

_PACKED = struct.Struct("<QQQLHHQ")


class Entry(NamedTuple):
    """Where a file lies in the archive; sizes in bytes. What lies beyond `end` is another's."""

    start: int
    stored: int
    size: int
    crc: int
    flags: int
    method: int
    end: int

    def packed(self) -> bytes:
        return _PACKED.pack(*self)


def start_of(entry: bytes) -> int:
    """`Entry.start` of a packed one."""
    return int.from_bytes(entry[:8], "little")


def unpacked(entry: bytes) -> Entry:
    return Entry._make(_PACKED.unpack(entry))


# Those of an `Entry` without its end, which the next one tells.
_Fields = tuple[int, int, int, int, int, int]


class _UnusualError(Exception):
    pass


def read(file: IO[bytes] | RangeFile, size: int) -> dict[str, bytes] | None:
    """The packed entries of all files by name, or None: ask `zipfile`."""
    files: dict[str, bytes] = {}
    folders: set[str] = set()
    count = total = last = 0
    before, found = "", (0,) * 6
    try:
        table, end = _find(file, size)
        for name, fields in _entries(file, table, end):
            start, stored, size_ = fields[:3]
            if before:
                files[before] = _PACKED.pack(*found, start)
            count += 1
            if start < last or name in files or count > limits.MAX_ENTRIES:
                return None
            last = start + LOCAL_HEADER.size + stored
            folders.add(name.rpartition("/")[0])
            before, found = "" if name.endswith("/") else name, fields
            total += size_ if before else 0
        if before:
            files[before] = _PACKED.pack(*found, table)
    except _UnusualError:
        return None
    is_bomb = total > max(size * limits.MAX_RATIO, limits.RATIO_FREE_BYTES)
    return None if is_bomb or file_and_folder(files, folders) else files


def file_and_folder(files: Container[str], folders: set[str]) -> str | None:
    """A path of a file that is one of the folders too, or has one of them below it."""
    for folder in folders:
        above = folder
        while above:
            if above in files:
                return above
            above = above.rpartition("/")[0]
            if above in folders:
                break
    return None


def _find(file: IO[bytes] | RangeFile, size: int) -> tuple[int, int]:
    """Where the table starts and ends, in an archive that has nothing before or behind it."""
    tail = _LOCATOR_64.size + _END_64.size
    at = size - _END.size
    if at < tail:
        raise _UnusualError
    file.seek(at - tail)
    data = file.read(tail + _END.size)
    if len(data) != tail + _END.size:
        raise _UnusualError
    signature, *disks, _, _, length, start, comment = _END.unpack_from(data, tail)
    is_usual = signature == b"PK\x05\x06" and not any(disks) and not comment
    locator, disk, place, disks_64 = _LOCATOR_64.unpack_from(data, _END_64.size)
    if locator == b"PK\x06\x07":
        at -= tail
        signature, _, _, _, *disks, _, _, length, start = _END_64.unpack_from(data)
        is_usual &= signature == b"PK\x06\x06" and not any(disks)
        is_usual &= disk == 0 and disks_64 == 1 and place == at
    if not is_usual or start + length != at or length > limits.MAX_DIRECTORY_BYTES:
        raise _UnusualError
    return start, at


def _entries(file: IO[bytes] | RangeFile, start: int, end: int) -> Iterator[tuple[str, _Fields]]:
    """The name and all but the end of each entry."""
    file.seek(start)
    data, at, place = b"", 0, start
    while place < end or at < len(data):
        if place < end and len(data) - at < _MOST_BYTES:
            more = file.read(min(_READ_AT_ONCE, end - place))
            data, at, place = data[at:] + more, 0, place + len(more)
        if len(data) - at < _ENTRY.size:
            raise _UnusualError
        fields = _ENTRY.unpack_from(data, at)
        signature, _, _, version, _, flags, method, _, _, crc, stored, size = fields[:12]
        name_size, extra_size, comment_size, _, _, attributes, offset = fields[12:]
        extra = at + _ENTRY.size + name_size
        raw, at = data[at + _ENTRY.size : extra], extra + extra_size
        if _ZIP64 in {stored, size, offset}:
            size, stored, offset, extra = _wide(data, extra, (size, stored, offset))
        name = raw.decode(errors="replace")
        if (
            signature != b"PK\x01\x02"
            or version > _VERSION
            or flags & ~_FLAGS
            or method not in _METHODS
            or (kind := stat.S_IFMT(attributes >> 16)) not in _KINDS
            or (raw[-1:] != b"/" and (kind == stat.S_IFDIR or attributes & _DOS_DIRECTORY))
            or comment_size
            or at > len(data)
            or name_size > limits.MAX_NAME_BYTES
            or not (raw.isascii() or flags & _UTF8)
            or not _NAME.fullmatch(name)
            or not _EXTRA.fullmatch(data, extra, at)
            or size > limits.MAX_ENTRY_BYTES
            or offset + LOCAL_HEADER.size + name_size + stored > start
        ):
            raise _UnusualError
        yield name, (offset, stored, size, crc, flags, method)


def _wide(data: bytes, at: int, narrow: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Size, stored size and place, those of 64 bits from `data` at `at`; last, where they end."""
    count = narrow.count(_ZIP64)
    end = at + _WIDE.size + 8 * count
    if end > len(data) or _WIDE.unpack_from(data, at) != (1, 8 * count):
        raise _UnusualError
    numbers = iter(struct.unpack_from(f"<{count}Q", data, at + _WIDE.size))
    size, stored, offset = (next(numbers) if one == _ZIP64 else one for one in narrow)
    return size, stored, offset, end


def content(
    window: memoryview, at: int, name: str, entry: Entry, head: int | None = None
) -> bytes | None:
    """A file of the archive from the bytes of the archive around it, or None: ask `zipfile`.

    `at` is where the file's header is in the window. Only the first `head` bytes are due.
    """
    is_cut = head is not None and entry.size > head
    if is_cut or at + LOCAL_HEADER.size > len(window) or entry.flags & ~_FLAGS:
        return None
    signature, _, flags, *_, name_size, extra_size = LOCAL_HEADER.unpack_from(window, at)
    raw, start = name.encode(), at + LOCAL_HEADER.size + name_size + extra_size
    stored = window[start : start + entry.stored]
    if (
        signature != b"PK\x03\x04"
        or window[at + LOCAL_HEADER.size :][:name_size] != raw
        or not (flags & entry.flags & _UTF8 or name.isascii())
        or len(stored) != entry.stored
        or entry.start - at + start + entry.stored > entry.end
    ):
        return None
    if entry.method == zipfile.ZIP_STORED:
        data = bytes(stored) if entry.stored == entry.size else b""
    elif entry.size == 0:
        return None
    else:
        try:
            data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(stored, entry.size)
        except zlib.error:
            return None
    return data if len(data) == entry.size and zlib.crc32(data) == entry.crc else None
