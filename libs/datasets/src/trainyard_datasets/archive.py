"""A zip archive as a dataset: safe to unpack, and read in the order of its bytes."""

import contextlib
import io
import posixpath
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, KeysView
from itertools import islice
from typing import IO, cast

from trainyard_datasets import directory, foreign, limits, source
from trainyard_datasets.directory import (
    LOCAL_HEADER,
    Entry,
    file_and_folder,
    start_of,
    unpacked,
)
from trainyard_datasets.files import Content, UnreadableError, is_plain, read_or_error
from trainyard_datasets.problems import RejectedError
from trainyard_datasets.source import Extent, RangeFile, Window

# The flag of a name in UTF-8.
_UTF8 = 0x800
# A local header's extra field may be longer than the one in the table of contents.
_SLACK = 256
# Larger files are read by one process, for memory's sake.
_MOST_SHARED = 16 * limits.MIB
_EMPTY = b"PK\x05\x06" + bytes(18)

# What zipfile raises on bytes that are not a zip archive, or a damaged one; NotImplementedError
# for a compression or version that it does not know.
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError),
    *(RuntimeError, OverflowError, ValueError, IndexError),
)


class Archive:
    """The files of a zip archive."""

    def __init__(self, file: IO[bytes] | RangeFile, size: int) -> None:
        """Raise RejectedError unless every entry is safe to write to a disk."""
        self._file = file
        self._size = size
        self.odd_name: str | None = None
        # All entries, where the archive is not an ordinary one.
        self._infos: dict[str, zipfile.ZipInfo] = {}
        if (entries := directory.read(file, size)) is None:
            self._zip = _opened(file)
            entries = self._judge(self._zip.infolist(), self._zip.start_dir)
        else:
            self._zip = zipfile.ZipFile(io.BytesIO(_EMPTY))
            self._zip.fp = cast("IO[bytes]", file)
        self._entries = entries

    def _judge(self, infos: list[zipfile.ZipInfo], end: int) -> dict[str, bytes]:
        self._infos = _checked(infos, self._size)
        self.odd_name = next((_path(info) for info in infos if not _is_decoded(info)), None)
        starts = sorted(info.header_offset for info in infos)
        ends = dict(zip(starts, [*starts, end][1:], strict=True))
        return {
            name: Entry(
                *(info.header_offset, info.compress_size, info.file_size, info.CRC),
                *(info.flag_bits, info.compress_type, ends[info.header_offset]),
            ).packed()
            for name, info in self._infos.items()
        }

    @property
    def names(self) -> KeysView[str]:
        return self._entries.keys()

    @property
    def others(self) -> KeysView[str]:
        return self._entries.keys()

    def size(self, name: str) -> int:
        return unpacked(self._entries[name]).size

    def read(self, name: str, head: int | None = None) -> bytes:
        try:
            self._check_end(name)
            with self._zip.open(self._info(name)) as file:
                return file.read() if head is None else file.read(head)
        except _DAMAGED as error:
            raise UnreadableError(
                f"The file is damaged in the archive ({error}). Zip it again."
            ) from error

    def _check_end(self, name: str) -> None:
        """Raise BadZipFile where a file reaches over the next entry, as newer versions of zipfile."""
        entry = unpacked(self._entries[name])
        self._file.seek(entry.start)
        header = self._file.read(LOCAL_HEADER.size)
        if len(header) == LOCAL_HEADER.size:
            name_size, extra_size = LOCAL_HEADER.unpack(header)[-2:]
            if entry.start + len(header) + name_size + extra_size + entry.stored > entry.end:
                raise zipfile.BadZipFile("it reaches over the next entry")

    def sweep(
        self, names: Iterable[str], head: int | None = None
    ) -> Iterator[tuple[str, bytes | UnreadableError]]:
        for batch in self.batches(names, head):
            for name, found in zip(batch.names, batch.contents(), strict=True):
                yield name, read_or_error(self, name, head) if found is None else found.data

    def batches(self, names: Iterable[str], head: int | None = None) -> Iterator["_Batch"]:
        ordered = sorted(names, key=lambda name: start_of(self._entries[name]))
        extents = (self._extent(name, head) for name in ordered)
        rest = iter(ordered)
        for window in source.sweep(self._file, extents):
            found = list(islice(rest, window.extents))
            yield _Batch(found, [self._entries[name] for name in found], window, head)

    def _extent(self, name: str, head: int | None) -> Extent:
        entry = unpacked(self._entries[name])
        wanted = entry.stored if head is None else min(entry.stored, head)
        info = self._infos.get(name)
        written = name if info is None else info.orig_filename
        header = LOCAL_HEADER.size + len(written.encode()) + _SLACK
        return Extent(entry.start, min(entry.start + header + wanted, self._size))

    def _info(self, name: str) -> zipfile.ZipInfo:
        if name in self._infos:
            return self._infos[name]
        info = zipfile.ZipInfo(name)
        entry = unpacked(self._entries[name])
        info.header_offset, info.compress_size, info.file_size = entry[:3]
        info.CRC, info.flag_bits, info.compress_type = entry[3:6]
        return info


class _Batch:
    def __init__(
        self, names: list[str], entries: list[bytes], window: Window, head: int | None
    ) -> None:
        self.names = names
        self._entries = entries
        self._window = window
        self._head = head
        largest = max(unpacked(entry).size for entry in entries)
        self.is_shareable = window.data != b"" and largest <= min(
            head or _MOST_SHARED, _MOST_SHARED
        )

    def contents(self) -> Iterator[Content | None]:
        data = memoryview(self._window.bytes())
        for name, packed in zip(self.names, self._entries, strict=True):
            entry = unpacked(packed)
            found = directory.content(
                data, entry.start - self._window.start, name, entry, self._head
            )
            yield None if found is None else Content(found, entry.crc)


class _Zip(zipfile.ZipFile):
    """Counts the entries while it reads them: an object of each may take more than our memory."""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, _Infos() if name == "filelist" else value)


class _Infos(list[zipfile.ZipInfo]):
    def append(self, info: zipfile.ZipInfo) -> None:
        if len(self) >= limits.MAX_ENTRIES:
            raise RejectedError(
                f"The archive has more than {limits.MAX_ENTRIES:,} entries. Split the dataset."
            )
        super().append(info)


def _opened(file: IO[bytes] | RangeFile) -> zipfile.ZipFile:
    try:
        return _Zip(file)
    except _DAMAGED as error:
        file.seek(0)
        if kind := foreign.archive_kind(file.read(512)):
            raise RejectedError(
                f"This is not a zip archive, but {kind}. Unpack it, and push its folder or zip it."
            ) from error
        raise RejectedError(
            f"This is not a zip archive, or it is truncated ({error}). Zip the dataset again."
        ) from error


def _checked(infos: list[zipfile.ZipInfo], size: int) -> dict[str, zipfile.ZipInfo]:
    entries: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = _path(info)
        _check_name(name)
        _check_kind(info)
        if not name:  # the archive's own top, as tools write it
            continue
        if name in entries and not (_is_folder(info) and _is_folder(entries[name])):
            raise RejectedError("The archive has two entries of this name. Zip it again.", name)
        entries[name] = info
    files = {name: info for name, info in entries.items() if not _is_folder(info)}
    if both := file_and_folder(files, {posixpath.dirname(name) for name in entries}):
        raise RejectedError("The archive has this name both as file and as folder.", both)
    _check_sizes(files, size)
    _check_places(infos)
    return files


def _is_folder(info: zipfile.ZipInfo) -> bool:
    return info.is_dir() or stat.S_ISDIR(info.external_attr >> 16)


def _path(info: zipfile.ZipInfo) -> str:
    r"""The entry's path: UTF-8 also where its flag is missing, `/` for `\`, no `./` in front.

    The trainer does the same (`trainer/dataset/fetch.py`): the index names entries by this path.
    """
    name = info.orig_filename
    if not (name.isascii() or info.flag_bits & _UTF8):
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode()
    # After a letter beyond ASCII it may be half of a double-byte one.
    name = re.sub(r"(?<![^\x00-\x7f])\\", "/", name).replace("\\", "_")
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    return name.rstrip("/")


def _is_decoded(info: zipfile.ZipInfo) -> bool:
    name = info.orig_filename
    if name.isascii() or info.flag_bits & _UTF8:
        return True
    try:
        return bool(name.encode("cp437").decode())
    except UnicodeError:
        return False


def _check_name(name: str) -> None:
    parts = name.split("/") if name else []
    shown = name[:200]
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        raise RejectedError(
            "The archive holds an absolute or Windows path. Zip the dataset's folder with relative "
            "paths.",
            shown,
        )
    if any(part in {"", ".", ".."} for part in parts):
        raise RejectedError(
            "The archive holds a path with '..', '.' or '//' in it, which could leave the "
            "dataset's folder. Zip the dataset's folder itself.",
            shown,
        )
    if (
        not is_plain(name)
        or len(name.encode(errors="replace")) > limits.MAX_PATH_BYTES
        or any(len(part.encode(errors="replace")) > limits.MAX_NAME_BYTES for part in parts)
    ):
        raise RejectedError(
            "The archive holds a name that is too long or has control characters. Rename the file.",
            ascii(shown)[1:-1],
        )


def _check_kind(info: zipfile.ZipInfo) -> None:
    name = info.orig_filename
    kind = stat.S_IFMT(info.external_attr >> 16)
    is_file = kind in {0, stat.S_IFREG}
    if not is_file and (kind != stat.S_IFDIR or (info.file_size and not info.is_dir())):
        raise RejectedError(
            "The archive holds a link or a special file. Zip the files themselves (without "
            "zip's --symlinks).",
            name,
        )
    if info.flag_bits & 1:
        raise RejectedError("The archive is encrypted. Zip it without a password.", name)
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise RejectedError(
            f"The archive uses compression method {info.compress_type}. Zip it with deflate or "
            "without compression.",
            name,
        )


def _check_sizes(files: dict[str, zipfile.ZipInfo], size: int) -> None:
    total = sum(info.file_size for info in files.values())
    if total > max(size * limits.MAX_RATIO, limits.RATIO_FREE_BYTES):
        raise RejectedError(
            f"The archive would unpack from {size:,} to {total:,} bytes, more than "
            f"{limits.MAX_RATIO} times its size: this looks like a zip bomb."
        )
    for name, info in files.items():
        if info.file_size > limits.MAX_ENTRY_BYTES:
            raise RejectedError(
                f"The file would unpack to {info.file_size:,} bytes; at most "
                f"{limits.MAX_ENTRY_BYTES:,} are taken.",
                name,
            )


def _check_places(infos: list[zipfile.ZipInfo]) -> None:
    end, last = 0, ""
    for info in sorted(infos, key=lambda info: info.header_offset):
        name = _path(info)
        if info.header_offset < 0:
            raise RejectedError("A part of the archive is missing. Zip the dataset again.", name)
        if info.header_offset < end:
            raise RejectedError(
                f"The archive's entries overlap (with {last}): this looks like a zip bomb.", name
            )
        end, last = info.header_offset + LOCAL_HEADER.size + info.compress_size, name
