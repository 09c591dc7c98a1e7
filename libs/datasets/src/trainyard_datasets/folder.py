"""A folder on this machine as a dataset."""

import os
from collections.abc import Iterable, Iterator, KeysView
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from trainyard_datasets import layout
from trainyard_datasets.files import (
    DATA_YAML,
    Content,
    UnreadableError,
    is_image,
    is_label,
    is_text,
    label_of,
    read_or_error,
)
from trainyard_datasets.limits import MIB

_MAX_OTHERS = 100
_BATCH = 100
# Larger files are read by one process, for memory's sake.
_SHARED_BYTES = 16 * MIB


class Folder:
    """The files of a folder that belong to a dataset, sorted.

    Hidden files, caches and all else are `skipped`; symbolic links are not followed (`links`).
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.skipped = 0
        self.links = 0
        self.others: list[str] = []
        self.odd_name = None
        self._sizes = dict(sorted(self._scan()))
        self._drop_other_texts()

    @property
    def names(self) -> KeysView[str]:
        return self._sizes.keys()

    def size(self, name: str) -> int:
        return self._sizes[name]

    @property
    def total_size(self) -> int:
        """Bytes of all files."""
        return sum(self._sizes.values())

    def read(self, name: str, head: int | None = None) -> bytes:
        return _read(self.root, name, head)

    def sweep(
        self, names: Iterable[str], head: int | None = None
    ) -> Iterator[tuple[str, bytes | UnreadableError]]:
        for name in sorted(names):
            yield name, read_or_error(self, name, head)

    def batches(self, names: Iterable[str], head: int | None = None) -> Iterator["_Batch"]:
        rest = iter(sorted(names))
        while found := list(islice(rest, _BATCH)):
            is_small = all(self._sizes[name] <= _SHARED_BYTES for name in found)
            yield _Batch(self.root, found, head, is_small)

    def _scan(self) -> Iterator[tuple[str, int]]:
        folders = [""]
        while folders:
            above = folders.pop()
            try:
                entries = list(os.scandir(f"{self.root}/{above}"))
            except OSError:
                continue
            for entry in entries:
                relative = above + entry.name
                if entry.is_symlink():
                    self.links += 1
                elif entry.is_dir():
                    if not entry.name.startswith("."):
                        folders.append(f"{relative}/")
                elif _may_belong(relative) and entry.is_file():
                    yield relative, entry.stat().st_size
                else:
                    self.skipped += 1
                    if relative.endswith((".json", ".xml")) and len(self.others) < _MAX_OTHERS:
                        self.others.append(relative)

    def _drop_other_texts(self) -> None:
        """Keep of the text files those that are labels or lists of images."""
        texts = {name for name in self._sizes if is_text(name) and not is_label(name)}
        if texts:
            texts -= {label_of(name) for name in self._sizes if is_image(name)}
            texts -= layout.lists(self)
        for name in texts:
            del self._sizes[name]
        self.skipped += len(texts)


def _may_belong(name: str) -> bool:
    return name == DATA_YAML or is_image(name) or is_text(name)


@dataclass
class _Batch:
    root: Path
    names: list[str]
    head: int | None
    is_shareable: bool

    def contents(self) -> Iterator[Content | None]:
        for name in self.names:
            try:
                yield Content(_read(self.root, name, self.head))
            except UnreadableError as error:
                yield Content(error)


def _read(root: Path, name: str, head: int | None) -> bytes:
    try:
        with open(f"{root}/{name}", "rb", buffering=0) as file:  # noqa: PTH123 - half the time
            return file.read(-1 if head is None else head)
    except OSError as error:
        raise UnreadableError(
            f"The file cannot be read ({error.strerror}). Check its permissions."
        ) from error
