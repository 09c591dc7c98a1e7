"""A folder on this machine as a dataset."""

import os
from collections.abc import Iterable, Iterator, KeysView
from pathlib import Path

from trainyard_datasets.files import UnreadableError, belongs, read_or_error


class Folder:
    """The files of a folder that belong to a dataset, sorted.

    Hidden files, caches and all else are `skipped`; symbolic links are not followed (`links`).
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.skipped = 0
        self.links = 0
        self._sizes = dict(sorted(self._scan()))

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
        for folder, subfolders, names in os.walk(self.root):
            self.links += sum(os.path.islink(f"{folder}/{name}") for name in subfolders)  # noqa: PTH114
            subfolders[:] = [name for name in subfolders if not name.startswith(".")]
            above = Path(folder).relative_to(self.root).as_posix()
            for name in names:
                path = os.path.join(folder, name)  # noqa: PTH118 - called for each of many files
                relative = name if above == "." else f"{above}/{name}"
                if os.path.islink(path):  # noqa: PTH114
                    self.links += 1
                elif belongs(relative) and os.path.isfile(path):  # noqa: PTH113
                    yield relative, os.path.getsize(path)  # noqa: PTH202
                else:
                    self.skipped += 1
