"""Fetches an attempt's dataset: downloaded, verified, unpacked by its index, cached.

The check at upload has judged the dataset; its index lists the files that training reads, and what
to write into `data.yaml`. Archives are hostile all the same, so unpacking has limits of its own.
"""

import json
import logging
import os
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from trainer.contract import Attempt, AttemptError, Cause
from trainer.dataset.cache import DatasetCache
from trainer.object_store import ObjectStore

logger = logging.getLogger(__name__)
_INDEX_FORMAT = 1
_MAX_BYTES = 1 << 40
_MAX_RATIO = 100
_RATIO_FREE_BYTES = 64 << 20  # small archives of flat pictures compress beyond any ratio
_MAX_NAME_BYTES = 255


def invalid(message: str) -> AttemptError:
    """The error of an attempt whose dataset is at fault."""
    return AttemptError(Cause.DATASET_INVALID, f"The dataset cannot be used: {message}")


def fetch(attempt: Attempt, object_store: ObjectStore, home: Path) -> Path:
    """The folder with the unpacked dataset; no traffic where it is cached.

    For every task but classify it holds our own `data.yaml`.

    Raises:
        AttemptError: the object store or the dataset is at fault.
    """
    if attempt.dataset_index_sha256 is None:
        raise invalid("it was deleted; push it again and submit a new job.")
    cache = DatasetCache(home / "datasets")
    if attempt.dataset_sha256 and (
        cached := cache.take(f"{attempt.dataset_sha256}-{attempt.dataset_index_sha256}")
    ):
        return cached

    def download(key: str, sha256: str | None, target: Path) -> str:
        try:
            found = object_store.download(attempt.datasets_bucket, key, target)
        except FileNotFoundError:
            raise invalid(
                f"there is no {key} in the bucket {attempt.datasets_bucket!r}; push it again."
            ) from None
        if sha256 not in {None, found}:
            raise invalid(
                f"the sha256 of {key} is {found}, not {sha256}: it was damaged or changed after "
                "the upload; push it again."
            )
        return found

    with cache.incoming() as temporary:
        archive, index = Path(temporary) / "archive.zip", Path(temporary) / "index.jsonl"
        folder = Path(temporary) / "data"
        logger.info("Downloading the dataset %s.", attempt.dataset_id)
        download(f"{attempt.dataset_id}.jsonl", attempt.dataset_index_sha256, index)
        sha256 = download(f"{attempt.dataset_id}.zip", attempt.dataset_sha256, archive)
        cache.make_room(archive.stat().st_size)  # images do not compress
        unpack(archive, index, folder)
        return cache.keep(folder, f"{sha256}-{attempt.dataset_index_sha256}")


def unpack(archive: Path, index: Path, folder: Path) -> None:
    """Write the files that the index lists and a `data.yaml` of our own into `folder`.

    Raises:
        AttemptError: `dataset_invalid` with what is wrong.
    """
    left = min(_MAX_BYTES, max(archive.stat().st_size * _MAX_RATIO, _RATIO_FREE_BYTES))
    folder.mkdir(mode=0o700)
    with _reading(archive) as source, index.open("rb") as lines:
        header = json.loads(lines.readline())
        if header["format"] != _INDEX_FORMAT:
            raise invalid(
                f"this trainer does not know the index's format {header['format']}: update its image."
            )
        for name in _listed(lines):
            info = source.getinfo(name)
            _require_safe(info)
            target = folder / name.removeprefix(header["top"])
            if target.is_file():
                continue  # an image of two splits, or the label file of two images
            left -= info.file_size
            if left < 0:
                raise invalid("the archive would unpack to too many bytes: it looks like a bomb.")
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with source.open(info) as data, target.open("xb") as file:
                shutil.copyfileobj(data, file, 1 << 20)
        if header["task"] != "classify":
            settings = _settings(header, folder)
            (folder / "data.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))


def _listed(lines: Iterable[bytes]) -> Iterator[str]:
    """The images and label files of an index's lines after the header."""
    for line in lines:
        for image, label in json.loads(line)["files"]:
            yield image
            if label is not None:
                yield label


@contextmanager
def _reading(archive: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(archive) as source:
            yield source
    except (
        *(zipfile.BadZipFile, zlib.error, EOFError, OverflowError),
        NotImplementedError,  # zipfile's, for a compression or version that it does not know
        RuntimeError,
    ) as error:
        raise invalid(f"the archive is damaged or no zip file ({error}).") from error
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise invalid("the archive has two entries for the same path.") from error
    except (KeyError, TypeError, ValueError) as error:
        raise invalid(f"its index does not fit the archive ({error!r}); push it again.") from error


def _require_safe(info: zipfile.ZipInfo) -> None:
    shown = info.orig_filename[:100]
    _require_inside(info.orig_filename)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in {0, stat.S_IFREG}:
        raise invalid(f"the archive's entry {shown!r} is a link or a special file.")
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise invalid(f"the archive's entry {shown!r} is compressed otherwise than by deflate.")
    if info.flag_bits & 1:
        raise invalid(f"the archive's entry {shown!r} is encrypted.")


def _require_inside(path: str) -> None:
    parts, shown = path.split("/"), path[:100]
    if path.startswith("/") or "\\" in path or re.match(r"[A-Za-z]:", path):
        raise invalid(f"the archive's entry {shown!r} has an absolute or foreign path.")
    if any(part in {"", ".", ".."} for part in parts):
        raise invalid(f"the archive's entry {shown!r} would leave the dataset's folder.")
    if any(len(os.fsencode(part)) > _MAX_NAME_BYTES for part in parts) or not path.isprintable():
        raise invalid(f"the archive's entry {shown!r} has a name that no file can bear.")


def _settings(header: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The content of `data.yaml`: what the index says, and nothing of the author's own file."""
    folders = header["folders"]
    for path in (path for paths in folders.values() for path in paths if path != "."):
        _require_inside(path)
        (folder / PurePosixPath(path)).mkdir(mode=0o700, parents=True, exist_ok=True)
    names = header["names"]
    keypoints = {key: header[key] for key in ("kpt_shape", "flip_idx") if header[key] is not None}
    return {**folders, "nc": len(names), "names": dict(enumerate(names)), **keypoints}
