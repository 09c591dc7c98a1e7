"""The files of a dataset, and which of them training reads."""

import unicodedata
from collections.abc import Collection, Iterable, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple, Protocol

DATA_YAML = "data.yaml"
# What Ultralytics reads.
IMAGE_SUFFIXES = frozenset(
    {
        *(".avif", ".bmp", ".dng", ".heic", ".heif", ".jp2", ".jpeg", ".jpg", ".mpo", ".png"),
        *(".tif", ".tiff", ".webp"),
    }
)
# Control characters, halves of characters, separators of lines: what no list of files can hold.
_UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}


class UnreadableError(Exception):
    """A file cannot be read; the text says why and what to do."""


class Content(NamedTuple):
    """Bytes of a file, or why there are none, and their CRC-32 where it is known."""

    data: bytes | UnreadableError
    crc: int | None = None


class Batch(Protocol):
    """Some files, which another process can read too where it is `is_shareable`."""

    names: list[str]
    is_shareable: bool

    def contents(self) -> Iterator[Content | None]:
        """Of each file in turn; None: ask `Files.read`."""


class Files(Protocol):
    """The files of an archive or a folder, by their paths with forward slashes."""

    @property
    def names(self) -> Collection[str]:
        """The paths of all files."""

    @property
    def others(self) -> Collection[str]:
        """Paths that may tell which tool made the dataset, where it is none that training reads."""

    @property
    def odd_name(self) -> str | None:
        """A file whose name could not be decoded, where there is one."""

    def size(self, name: str) -> int:
        """Bytes of a file."""

    def read(self, name: str, head: int | None = None) -> bytes:
        """A file, or its first `head` bytes.

        Raises:
            UnreadableError: the file is damaged.
        """

    def sweep(
        self, names: Iterable[str], head: int | None = None
    ) -> Iterator[tuple[str, bytes | UnreadableError]]:
        """Read many files, in the order that is fastest."""

    def batches(self, names: Iterable[str], head: int | None = None) -> Iterator[Batch]:
        """The files of `sweep`, to read by hundreds."""


def is_plain(text: str) -> bool:
    """Whether a name has neither control characters nor line breaks."""
    return text.isprintable() or not any(unicodedata.category(c) in _UNPRINTABLE for c in text)


def is_image(name: str) -> bool:
    """Whether training reads the file as an image."""
    return _suffix(name).lower() in IMAGE_SUFFIXES and not _is_junk(name)


def is_label(name: str) -> bool:
    """Whether the file lies in a folder of labels."""
    return "/labels/" in f"/{name}" and is_text(name)


def is_text(name: str) -> bool:
    """Whether the file may hold labels, or a list of images."""
    return _suffix(name) == ".txt" and not _is_junk(name)


def label_of(image: str) -> str:
    """The image's label file: `labels` for the last folder `images`, `.txt` for the suffix.

    Without a folder `images` it lies beside the image.
    """
    stem = image.rpartition(".")[0]
    before, found, after = f"/{stem}".rpartition("/images/")
    return (f"{before}/labels/{after}" if found else f"/{stem}")[1:] + ".txt"


def read_or_error(files: Files, name: str, head: int | None = None) -> bytes | UnreadableError:
    """As `Files.read`, with the error as the result."""
    try:
        return files.read(name, head)
    except UnreadableError as error:
        return error


def _suffix(name: str) -> str:
    # As pathlib's, which takes ten times as long: these are asked of each of many files.
    stem, dot, last = name.rpartition(".")
    return dot + last if stem and "/" not in last and not stem.endswith("/") else ""


def _is_junk(name: str) -> bool:
    if "/." not in f"/{name}" and "__MACOSX" not in name:
        return False
    return any(part == "__MACOSX" or part.startswith(".") for part in PurePosixPath(name).parts)
