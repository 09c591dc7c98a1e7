"""Fetches an attempt's dataset: downloaded, verified, unpacked safely, cached by its sha256.

The archive is hostile until checked, whatever a preflight has said about it.
"""

import logging
import os
import re
import shutil
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from trainer.contract import Attempt, AttemptError, Cause
from trainer.dataset.cache import DatasetCache
from trainer.object_store import ObjectStore

logger = logging.getLogger(__name__)
_MAX_ENTRIES = 5_000_000
_MAX_BYTES = 1 << 40
_MAX_RATIO = 100
_RATIO_FREE_BYTES = 64 << 20  # small archives of flat pictures compress beyond any ratio
_MAX_TEXT_BYTES = 16 << 20
_MAX_NAME_BYTES = 255
_IMAGES = {
    *(".avif", ".bmp", ".dng", ".heic", ".heif", ".jp2", ".jpeg", ".jpeg2000", ".jpg", ".mpo"),
    *(".png", ".tif", ".tiff", ".webp"),
}


def invalid(message: str) -> AttemptError:
    """The error of an attempt whose dataset is at fault."""
    return AttemptError(Cause.DATASET_INVALID, f"The dataset cannot be used: {message}")


def fetch(attempt: Attempt, object_store: ObjectStore, home: Path) -> Path:
    """The folder with the unpacked dataset; no traffic where it is cached.

    For every task but classify it holds our own `data.yaml`.

    Raises:
        AttemptError: the object store or the dataset is at fault.
    """
    cache = DatasetCache(home / "datasets")
    if attempt.dataset_sha256 and (cached := cache.take(attempt.dataset_sha256)):
        return cached
    with cache.incoming() as temporary:
        archive = Path(temporary) / "archive.zip"
        logger.info("Downloading the dataset %s.", attempt.dataset_id)
        try:
            sha256 = object_store.download(
                attempt.datasets_bucket, f"{attempt.dataset_id}.zip", archive
            )
        except FileNotFoundError:
            raise invalid(
                f"there is no {attempt.dataset_id}.zip in the bucket {attempt.datasets_bucket!r}; push it again."
            ) from None
        if attempt.dataset_sha256 not in {None, sha256}:
            raise invalid(
                f"its sha256 is {sha256}, not {attempt.dataset_sha256}: it was damaged or changed "
                "after its upload; push it again."
            )
        cache.make_room(archive.stat().st_size)  # images do not compress
        folder = Path(temporary) / "data"
        unpack(archive, folder, attempt.task)
        return cache.keep(folder, sha256)


def unpack(archive: Path, folder: Path, task: str) -> None:
    """Write the archive's images, labels and a `data.yaml` of our own into `folder`, nothing else.

    Raises:
        AttemptError: `dataset_invalid` with what is wrong.
    """
    with _reading(archive) as source:
        entries = checked_entries(source, archive.stat().st_size)
        top = _top_folder(entries, task)
        settings = None if task == "classify" else _read_settings(source, entries, top)
        folder.mkdir(mode=0o700)
        for name, info in entries.items():
            relative = name.relative_to(top) if name.is_relative_to(top) else None
            if relative is None or not _wanted(relative, task):
                continue
            target = folder / relative
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with source.open(info) as data, target.open("xb") as file:
                shutil.copyfileobj(data, file, 1 << 20)
    if settings is None:
        _require_classes(folder)
    else:
        clean = clean_settings(settings, folder, task)
        (folder / "data.yaml").write_text(yaml.safe_dump(clean, sort_keys=False))


@contextmanager
def _reading(archive: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(archive) as source:
            yield source
    except (
        zipfile.BadZipFile,
        EOFError,
        NotImplementedError,  # zipfile's, for a compression or version that it does not know
        RuntimeError,
        OverflowError,
    ) as error:
        raise invalid(f"the archive is damaged or no zip file ({error}).") from error
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise invalid("the archive has two entries for the same path.") from error
    except zipfile.zlib.error as error:  # type: ignore[attr-defined]
        raise invalid(f"the archive is damaged ({error}).") from error


def checked_entries(source: zipfile.ZipFile, size: int) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """The archive's files by path, when all of them are safe to write.

    Raises:
        AttemptError: `dataset_invalid`, naming the first entry that is not.
    """
    infos = source.infolist()
    if len(infos) > _MAX_ENTRIES:
        raise invalid(f"the archive has more than {_MAX_ENTRIES:,} entries.")
    total = sum(info.file_size for info in infos)
    if total > _MAX_BYTES or total > max(size * _MAX_RATIO, _RATIO_FREE_BYTES):
        raise invalid(f"the archive would unpack to {total:,} bytes from {size:,}: that is a bomb.")
    entries: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for info in infos:
        name = _safe_name(info)
        if info.is_dir():
            continue
        if name in entries:
            raise invalid(f"the archive has two entries named {str(name)!r}.")
        entries[name] = info
    return entries


def _safe_name(info: zipfile.ZipInfo) -> PurePosixPath:
    raw = info.orig_filename
    parts = raw.rstrip("/").split("/")
    shown = raw[:100]
    if raw.startswith("/") or "\\" in raw or re.match(r"[A-Za-z]:", raw):
        raise invalid(f"the archive's entry {shown!r} has an absolute or foreign path.")
    if any(part in {"", ".", ".."} for part in parts):
        raise invalid(f"the archive's entry {shown!r} would leave the dataset's folder.")
    if any(len(os.fsencode(part)) > _MAX_NAME_BYTES for part in parts) or not raw.isprintable():
        raise invalid(f"the archive's entry {shown!r} has a name that no file can bear.")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise invalid(f"the archive's entry {shown!r} is a link or a special file.")
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise invalid(f"the archive's entry {shown!r} is compressed otherwise than by deflate.")
    if info.flag_bits & 1:
        raise invalid(f"the archive's entry {shown!r} is encrypted.")
    return PurePosixPath(raw)


def _top_folder(entries: dict[PurePosixPath, zipfile.ZipInfo], task: str) -> PurePosixPath:
    """Where the dataset begins: at the top, or in the one folder that holds everything."""
    root = PurePosixPath()
    names = {name.parts[0] for name in entries}
    marker = "train" if task == "classify" else "data.yaml"
    if marker in names:
        return root
    inner = {n.parts[0] for n in entries if len(n.parts) > 1 and n.parts[1] == marker}
    if len(inner) == 1:
        return root / inner.pop()
    if task == "classify":
        raise invalid("a classify dataset needs the folders train/<class> and val/<class>.")
    raise invalid("there is no data.yaml at the top of the archive.")


def _wanted(name: PurePosixPath, task: str) -> bool:
    if name.parts[0] == "__MACOSX" or name.name.startswith("."):
        return False
    suffix = name.suffix.lower()
    return suffix in _IMAGES or (task != "classify" and suffix == ".txt" and "labels" in name.parts)


def _read_settings(
    source: zipfile.ZipFile, entries: dict[PurePosixPath, zipfile.ZipInfo], top: PurePosixPath
) -> dict[str, Any]:
    info = entries[top / "data.yaml"]
    too_long = next(
        (
            n
            for n, i in entries.items()
            if n.suffix in {".txt", ".yaml"} and i.file_size > _MAX_TEXT_BYTES
        ),
        None,
    )
    if too_long:
        raise invalid(f"{too_long} is larger than {_MAX_TEXT_BYTES:,} bytes.")
    try:
        settings = yaml.safe_load(source.read(info))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise invalid(f"data.yaml cannot be read ({str(error).splitlines()[0]}).") from error
    if not isinstance(settings, dict):
        raise invalid("data.yaml must hold keys such as train, val and names.")
    return settings


def clean_settings(settings: dict[str, Any], folder: Path, task: str) -> dict[str, Any]:
    """A `data.yaml` of our own: known keys with checked values. `download:` is code, so it is dropped.

    Raises:
        AttemptError: `dataset_invalid`, naming the key that is wrong.
    """
    clean: dict[str, Any] = {}
    for split in ("train", "val", "test"):
        if settings.get(split):
            clean[split] = _split_folders(settings[split], split, folder)
        elif split != "test":
            raise invalid(f"data.yaml lacks the key '{split}'.")
    names = _class_names(settings)
    clean["nc"], clean["names"] = len(names), dict(enumerate(names))
    if task == "pose":
        clean |= _keypoints(settings)
    if not any(path.stat().st_size for path in folder.rglob("*.txt")):
        raise invalid("it has no labels: every labels/*.txt is missing or empty.")
    return clean


def _split_folders(value: object, split: str, folder: Path) -> list[str]:
    folders = value if isinstance(value, list) else [value]
    found = []
    for item in folders:
        if not isinstance(item, str) or "\0" in item:
            raise invalid(f"data.yaml's '{split}' must name a folder of the archive.")
        # exports write ../train/images for a folder beside data.yaml
        path = PurePosixPath(item.removeprefix("../").removeprefix("./"))
        if path.is_absolute() or ".." in path.parts:
            raise invalid(f"data.yaml's '{split}' leads out of the archive: {item[:100]!r}.")
        if not (folder / path).is_dir():
            raise invalid(f"data.yaml's '{split}' names {item[:100]!r}, a folder without images.")
        found.append(str(path))
    return found


def _class_names(settings: dict[str, Any]) -> list[str]:
    names, nc = settings.get("names"), settings.get("nc")
    if isinstance(names, dict):
        if sorted(names, key=str) != sorted(range(len(names)), key=str):
            raise invalid("data.yaml's 'names' must count from 0 without gaps.")
        names = [names[index] for index in range(len(names))]
    if names is None and isinstance(nc, int):
        names = [f"class_{index}" for index in range(min(nc, 100_000))]
    if not isinstance(names, list) or not names:
        raise invalid("data.yaml's 'names' must list the classes.")
    if not all(isinstance(name, str | int | float) for name in names):
        raise invalid("data.yaml's 'names' must be plain names.")
    if nc is not None and nc != len(names):
        raise invalid(f"data.yaml's 'nc' is {nc!r}, but 'names' has {len(names)} entries.")
    return [str(name)[:200] for name in names]


def _keypoints(settings: dict[str, Any]) -> dict[str, Any]:
    shape = settings.get("kpt_shape")
    match shape:
        case [int(points), 2 | 3] if points > 0:
            pass
        case _:
            raise invalid("data.yaml's 'kpt_shape' must be [number of keypoints, 2 or 3].")
    flip = settings.get("flip_idx")
    if flip is None:
        return {"kpt_shape": shape}
    if not isinstance(flip, list) or sorted(flip, key=str) != sorted(range(points), key=str):
        raise invalid(f"data.yaml's 'flip_idx' must hold each of 0 … {points - 1} once.")
    return {"kpt_shape": shape, "flip_idx": flip}


def _require_classes(folder: Path) -> None:
    for split in ("train", "val"):
        if not any(path.is_file() for path in folder.glob(f"{split}/*/**/*")):
            raise invalid(f"it has no images under {split}/<class>/.")
