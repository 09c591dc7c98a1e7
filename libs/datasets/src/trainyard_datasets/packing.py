"""A dataset's folder as one zip: only what belongs, and the same bytes each time."""

import hashlib
import os
import struct
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import NamedTuple

from trainyard_datasets.folder import Folder

_CHUNK = 1 << 18
# Small files are read once, as long as there is room for them: to open one costs more than it holds.
_SMALL, _ROOM = 1 << 14, 64 << 20
_EPOCH = 33  # 1 January 1980, the oldest day that a zip can hold
_MODE = 0o100644 << 16
_UTF_8 = 1 << 11
_MADE_ON_UNIX = 3 << 8
_OLD, _ZIP64 = 20, 45  # versions of the format
_MAX_32, _MAX_16 = 0xFFFFFFFF, 0xFFFF
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END_64 = struct.Struct("<4sQ2H2L4Q4sLQL")
_END = struct.Struct("<4s4H2LH")


class PackageError(Exception):
    """A folder cannot be packed; the arguments say what happened, why, and what to do."""

    def __init__(self, what: str, why: str, todo: str) -> None:
        super().__init__(what, why, todo)

    def __str__(self) -> str:
        return f"{self.args[0]}: {self.args[1]}; {self.args[2]}."


class _Entry(NamedTuple):
    """A file in the zip: its name there, its bytes, and where its header begins."""

    name: bytes
    size: int
    start: int


class Package:
    """A folder's files as one zip, which is never written: its bytes are made anew for each reader.

    Same files, same bytes: sorted names, no times, no owners. Nothing is compressed, for images are
    already; so the size is known before a file is read.

    Attributes:
        size: bytes of the zip.
    """

    def __init__(self, folder: Folder) -> None:
        """Plan the zip.

        Raises:
            PackageError: a file's name cannot be written in a zip.
        """
        self._paths = [f"{folder.root}/{name}" for name in folder.names]
        self._entries, at = list[_Entry](), 0
        for name in folder.names:
            entry = _Entry(_encoded(name), folder.size(name), at)
            self._entries.append(entry)
            at += _LOCAL.size + len(entry.name) + len(_local_extra(entry)) + entry.size
        self._starts = [entry.start for entry in self._entries]
        self._directory_at = at
        self._crcs = [0] * len(self._entries)
        self._written = [0] * len(self._entries)  # when each file was, in ns; 0: not read yet
        self._kept = dict[int, bytes]()
        records = sum(
            _CENTRAL.size + len(entry.name) + len(_central_extra(entry)) for entry in self._entries
        )
        self.size = at + records + len(self._end(records))

    def sha256(self, advance: Callable[[int], None]) -> str:
        """Read every file; return the zip's sha256. `read` gives these bytes and no others.

        Args:
            advance: called with the number of bytes read.

        Raises:
            PackageError: a file has changed since the folder was scanned.
        """
        digest = hashlib.sha256()
        for pieces in _batches(self._first_reading()):
            digest.update(pieces)
            advance(len(pieces))
        self._central = self._directory()
        digest.update(self._central)
        return digest.hexdigest()

    def _first_reading(self) -> Iterator[bytes]:
        room = _ROOM
        for index, entry in enumerate(self._entries):
            if entry.size <= _CHUNK:
                if entry.size <= _SMALL and entry.size <= room:
                    data = self._kept[index] = self._small(index)
                    room -= entry.size
                else:
                    data = b"".join(self._data(index, 0, entry.size))
                self._crcs[index] = zlib.crc32(data)
                yield _local(entry, self._crcs[index])
                yield data
                continue
            crc = 0  # the header has it, and comes first
            for piece in self._data(index, 0, entry.size):
                crc = zlib.crc32(piece, crc)
            self._crcs[index] = crc
            yield _local(entry, crc)
            yield from self._data(index, 0, entry.size)

    def read(self, start: int, length: int) -> Iterator[bytes]:
        """Yield the bytes of a part of the zip, after `sha256` has been called.

        Args:
            start: where the part begins.
            length: its bytes.

        Raises:
            PackageError: a file is not as `sha256` has read it.
        """
        return _batches(self._pieces(start, start + length))

    def _pieces(self, start: int, end: int) -> Iterator[bytes]:
        for index in range(max(bisect_right(self._starts, start) - 1, 0), len(self._entries)):
            entry = self._entries[index]
            if entry.start >= end:
                return
            header = _local(entry, self._crcs[index])
            yield header[max(start - entry.start, 0) : end - entry.start]
            data_at = entry.start + len(header)
            first, last = max(start - data_at, 0), min(end - data_at, entry.size)
            if index in self._kept:
                yield self._kept[index][first : max(last, first)]
            elif first < last:
                yield from self._data(index, first, last)
        if end > self._directory_at:
            yield self._central[max(start - self._directory_at, 0) : end - self._directory_at]

    def _data(self, index: int, first: int, last: int) -> Iterator[bytes]:
        """Yield the bytes of a file from `first` to before `last`."""
        file = os.open(self._paths[index], os.O_RDONLY)
        try:
            if first:
                os.lseek(file, first, os.SEEK_SET)
            while first < last and (piece := os.read(file, min(last - first, _CHUNK))):
                yield piece
                first += len(piece)
            info = os.fstat(file)
        finally:
            os.close(file)
        written = self._written[index] or info.st_mtime_ns
        if first != last or (info.st_size, info.st_mtime_ns) != (
            self._entries[index].size,
            written,
        ):
            raise _changed(self._paths[index])
        self._written[index] = written

    def _small(self, index: int) -> bytes:
        """Return the bytes of a whole file, with as few calls as there can be."""
        file = os.open(self._paths[index], os.O_RDONLY)
        try:
            data = os.read(file, self._entries[index].size + 1)
        finally:
            os.close(file)
        if len(data) != self._entries[index].size:
            raise _changed(self._paths[index])
        return data

    def _directory(self) -> bytes:
        """Return the end of the zip: a record of each file, and where they are."""
        records = b"".join(map(_central, self._entries, self._crcs))
        return records + self._end(len(records))

    def _end(self, size: int) -> bytes:
        """Return what follows the records, which have this many bytes."""
        count, at, wide = len(self._entries), self._directory_at, b""
        if count >= _MAX_16 or at + size >= _MAX_32:
            ends = (44, _MADE_ON_UNIX | _ZIP64, _ZIP64, 0, 0, count, count, size, at)
            wide = _END_64.pack(b"PK\6\6", *ends, b"PK\6\7", 0, at + size, 1)
            count, size, at = min(count, _MAX_16), min(size, _MAX_32), min(at, _MAX_32)
        return wide + _END.pack(b"PK\5\6", 0, 0, count, count, size, at, 0)


def _changed(path: str) -> PackageError:
    return PackageError(
        f"{path} changed while it was pushed",
        "what was sent until then belongs to no state that the folder had",
        "push the folder again when nothing writes to it",
    )


def _batches(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Join what is small: each piece costs its receiver a call."""
    held, size = list[bytes](), 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= _CHUNK:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _encoded(name: str) -> bytes:
    try:
        return name.encode()
    except UnicodeEncodeError as error:
        raise PackageError(
            f"the name of {os.fsencode(name)!r} is not UTF-8",
            "an archive could not be unpacked under that name",
            "rename the file",
        ) from error


def _local_extra(entry: _Entry) -> bytes:
    return struct.pack("<2H2Q", 1, 16, entry.size, entry.size) if entry.size >= _MAX_32 else b""


def _local(entry: _Entry, crc: int) -> bytes:
    """Return the header of a file."""
    extra, size = _local_extra(entry), min(entry.size, _MAX_32)
    version, flags = _ZIP64 if extra else _OLD, 0 if entry.name.isascii() else _UTF_8
    lengths = (len(entry.name), len(extra))
    fixed = _LOCAL.pack(b"PK\3\4", version, flags, 0, 0, _EPOCH, crc, size, size, *lengths)
    return fixed + entry.name + extra


def _central_extra(entry: _Entry) -> bytes:
    if entry.size < _MAX_32 and entry.start < _MAX_32:
        return b""
    wide = [entry.size, entry.size] if entry.size >= _MAX_32 else []
    wide += [entry.start] if entry.start >= _MAX_32 else []
    return struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide)


def _central(entry: _Entry, crc: int) -> bytes:
    """Return the record of a file in the directory."""
    extra, size = _central_extra(entry), min(entry.size, _MAX_32)
    version, flags = _ZIP64 if extra else _OLD, 0 if entry.name.isascii() else _UTF_8
    return (
        _CENTRAL.pack(
            b"PK\1\2", _MADE_ON_UNIX | version, version, flags, 0, 0, _EPOCH, crc, size, size,
            len(entry.name), len(extra), 0, 0, 0, _MODE, min(entry.start, _MAX_32),
        )
        + entry.name
        + extra
    )  # fmt: skip
