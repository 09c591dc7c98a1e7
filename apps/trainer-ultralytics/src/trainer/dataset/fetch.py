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
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unicodedata import category

import yaml

from trainer.contract import Attempt, AttemptError, Cause
from trainer.dataset.cache import DatasetCache
from trainer.object_store import ObjectStore

logger = logging.getLogger(__name__)
_INDEX_FORMATS = (1, 2)
_UTF8 = 0x800  # the flag of a name in UTF-8
_MAX_BYTES = 1 << 40
_MAX_RATIO = 100
_RATIO_FREE_BYTES = 64 << 20  # small archives of flat pictures compress beyond any ratio
_MAX_NAME_BYTES = 255
# Control characters, halves of characters, separators of lines: Unicode's categories.
_UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}


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
        why = "it was deleted, or an older version of the platform checked it"
        raise invalid(f"{why}; push it again and submit a new job.")
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
                "the upload; delete the dataset, or this version of it, and push it again."
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
        if header["format"] not in _INDEX_FORMATS:
            raise invalid(
                f"this trainer does not know the index's format {header['format']}: update its image."
            )
        entries = {_path(info): info for info in source.infolist()}
        is_classify = header["task"] == "classify"
        images: dict[str, set[str]] = {"train": set(), "val": set(), "test": set()}
        for split, image, label in _listed(lines):
            target = _target(image, split, header)
            images[split].add(target)
            files = (
                [(image, target)] if label is None else [(image, target), (label, _label(target))]
            )
            for name, place in files:
                _require_inside(name)
                _require_inside(place)
                if (folder / place).is_file():
                    continue  # an image of two splits, or the label file of two images
                info = entries[name]
                _require_safe(info)
                left -= info.file_size
                if left < 0:
                    raise invalid(
                        "the archive would unpack to too many bytes: it looks like a bomb."
                    )
                _write(source, info, folder / place)
        if is_classify:
            for name in header["names"]:  # one without a usable image keeps its place
                _require_inside(name)
                (folder / "train" / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        else:
            _describe(header, images, folder)


def _write(source: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with source.open(info) as data, target.open("xb") as file:
        shutil.copyfileobj(data, file, 1 << 20)


def _path(info: zipfile.ZipInfo) -> str:
    r"""The entry's path as the check writes it into the index.

    UTF-8 also where its flag is missing, `/` for `\`, no `./` in front.
    """
    name = info.orig_filename
    if not (name.isascii() or info.flag_bits & _UTF8):
        with suppress(UnicodeError):
            name = name.encode("cp437").decode()
    # After a letter beyond ASCII it may be half of a double-byte one.
    name = re.sub(r"(?<![^\x00-\x7f])\\", "/", name).replace("\\", "_")
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    return name.rstrip("/")


def _target(image: str, split: str, header: dict[str, Any]) -> str:
    """Where an image goes, below the dataset's folder."""
    path = image.removeprefix(header["top"])
    if header["task"] != "classify":
        return str(header.get("prefix", "")) + path
    [folder] = header["folders"][split]
    return f"{split}/{path.removeprefix(f'{folder}/')}"


def _label(image: str) -> str:
    """Where Ultralytics looks for the image's labels."""
    before, found, after = f"/{image.rpartition('.')[0]}".rpartition("/images/")
    return (f"{before}/labels/{after}" if found else after)[1:] + ".txt"


def _listed(lines: Iterable[bytes]) -> Iterator[tuple[str, str, str | None]]:
    """Split, image and label file (or None) of an index's lines after the header."""
    for line in lines:
        batch = json.loads(line)
        for image, label in batch["files"]:
            yield batch["split"], image, label


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
    if any(len(os.fsencode(part)) > _MAX_NAME_BYTES for part in parts) or not (
        path.isprintable() or not any(category(letter) in _UNPRINTABLE for letter in path)
    ):
        raise invalid(f"the archive's entry {shown!r} has a name that no file can bear.")


def _describe(header: dict[str, Any], images: dict[str, set[str]], folder: Path) -> None:
    """Write `data.yaml`: what the index says, and nothing of the author's own file.

    Its splits are lists of files, so that training reads the images of the index and no others.
    """
    splits = {}
    for split, found in images.items():
        if split == "test" and not found:
            continue
        splits[split] = f"{split}.txt"
        lines = (f"./{image}\n" for image in sorted(found))
        (folder / splits[split]).write_text("".join(lines), encoding="utf-8")
    names = header["names"]
    keypoints = {key: header[key] for key in ("kpt_shape", "flip_idx") if header[key] is not None}
    content = {**splits, "nc": len(names), "names": dict(enumerate(names)), **keypoints}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    (folder / "data.yaml").write_text(text, encoding="utf-8")
