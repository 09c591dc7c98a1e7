"""A folder on this machine as a dataset."""

import os
from collections.abc import Iterable, Iterator, KeysView
from pathlib import Path

from trainyard_datasets import layout
from trainyard_datasets.files import (
    SETTINGS,
    UnreadableError,
    is_image,
    is_label,
    is_text,
    label_of,
    read_or_error,
)

_MAX_OTHERS = 100


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
        try:
            with (self.root / name).open("rb") as file:
                return file.read(-1 if head is None else head)
        except OSError as error:
            raise UnreadableError(
                f"The file cannot be read ({error.strerror}). Check its permissions."
            ) from error

    def sweep(
        self, names: Iterable[str], head: int | None = None
    ) -> Iterator[tuple[str, bytes | UnreadableError]]:
        for name in sorted(names):
            yield name, read_or_error(self, name, head)

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
    return name == SETTINGS or is_image(name) or is_text(name)
