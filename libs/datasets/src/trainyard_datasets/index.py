"""A dataset's index: what the check found, for trainers, which need not judge it again.

Lines of JSON, so that neither its writer nor its readers hold it whole. The first line is the
header; each further one holds up to 1,000 images of one split with their label files:

    {"format": 2, "task": "detect", "top": "pets/", "names": ["cat", "dog"], …}
    {"split": "train", "files": [["pets/images/train/0.jpg", "pets/labels/train/0.txt"], …]}

Paths are those in the archive; an image without a label file has null.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import chain, groupby, islice
from typing import IO, Any, NamedTuple

from trainyard_datasets.limits import MAX_INDEX_BYTES, MIB
from trainyard_datasets.problems import RejectedError

# 1 had no `prefix`, and each split's images were all of those in `folders`.
FORMAT = 2
_BATCH = 1000
_MAX_LINE = 16 * MIB


class Header(NamedTuple):
    """What holds for the whole dataset. `sha256` is the archive's, where it is known.

    `top` is "" or the folder (with "/") that holds everything; `folders` are those of each split,
    below it. `prefix` goes before each path below `top`, so that a folder `images` is in it: then
    the library's rule for the place of a label holds wherever the dataset is unpacked. `kpt_shape`
    is data.yaml's, `flip_idx` too for pose.
    """

    sha256: str | None
    task: str
    top: str
    names: list[str]
    folders: dict[str, list[str]]
    kpt_shape: tuple[int, int] | None = None
    flip_idx: list[int] | None = None
    prefix: str = ""


class Entry(NamedTuple):
    """An image, and its label file where there is one."""

    split: str
    image: str
    label: str | None


def write(file: IO[bytes], header: Header, entries: Iterable[Entry]) -> None:
    """Write an index; `entries` come split by split.

    Raises:
        RejectedError: it would be larger than MAX_INDEX_BYTES.
    """
    size = 0
    for value in chain([{"format": FORMAT, **header._asdict()}], _batches(entries)):
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        line = text.encode() + b"\n"
        size += len(line)
        if size > MAX_INDEX_BYTES:
            raise RejectedError(
                f"The names of the dataset's files take more than {MAX_INDEX_BYTES // MIB} MiB. "
                "Shorten them, or split the dataset."
            )
        file.write(line)


def _batches(entries: Iterable[Entry]) -> Iterator[dict[str, Any]]:
    for split, found in groupby(entries, lambda entry: entry.split):
        while batch := [(entry.image, entry.label) for entry in islice(found, _BATCH)]:
            yield {"split": split, "files": batch}


def verify(file: IO[bytes]) -> str:
    """Return the sha256 of an index.

    Raises:
        ValueError: it is too large, or not an index.
    """
    digest, size, is_valid = hashlib.sha256(), 0, _is_header
    while line := file.readline(_MAX_LINE):
        digest.update(line)
        size += len(line)
        if size > MAX_INDEX_BYTES or not line.endswith(b"\n") or not is_valid(_parse(line)):
            raise ValueError(f"not an index of at most {MAX_INDEX_BYTES} bytes: {line[:100]!r}")
        is_valid = _is_batch
    if size == 0:
        raise ValueError("the index is empty")
    return digest.hexdigest()


def _parse(line: bytes) -> Any:
    try:
        return json.loads(line)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _is_header(value: Any) -> bool:
    match value:
        case {
            "format": 2,
            "sha256": None | str(),
            "task": str(),
            "top": str(),
            "names": list(names),
            "folders": dict(folders),
            "kpt_shape": None | [int(), int()],
            "flip_idx": None | list(),
            "prefix": "" | "images/",
        }:
            return _are_texts(names) and all(map(_are_texts, folders.values()))
    return False


def _is_batch(value: Any) -> bool:
    match value:
        case {"split": "train" | "val" | "test", "files": list(files)}:
            return all(_is_entry(entry) for entry in files)
    return False


def _is_entry(value: Any) -> bool:
    match value:
        case [str(), None | str()]:
            return True
    return False


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
