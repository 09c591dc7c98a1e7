"""Where a dataset's images lie and what its classes are: from data.yaml, or from the folders."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import yaml

from trainyard_datasets import limits
from trainyard_datasets.archive import DAMAGED, Archive
from trainyard_datasets.findings import Problems, RejectedError
from trainyard_datasets.images import SUFFIXES

SPLITS = ("train", "val", "test")
_KNOWN = {*SPLITS, "path", "names", "nc", "kpt_shape", "flip_idx"}


class Layout(NamedTuple):
    """Images by split; `top` is "" or the one folder (with "/") that holds everything."""

    top: str
    names: list[str]
    splits: dict[str, list[str]]
    keypoints: tuple[int, int] | None = None


def find(archive: Archive, task: str, problems: Problems) -> Layout:
    """Raise RejectedError when the dataset has no usable layout."""
    if task == "classify":
        return _classify(archive, problems)
    top = _top(archive, "data.yaml")
    settings = _read_settings(archive, f"{top}data.yaml", problems)
    names = _names(settings)
    images = [name for name in archive.entries if is_image(name)]
    splits = {
        split: _images(settings.get(split), split, top, images)
        for split in SPLITS
        if split != "test" or settings.get("test") is not None
    }
    return Layout(top, names, splits, _keypoints(settings) if task == "pose" else None)


def is_image(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() in SUFFIXES and not _junk(path)


def _junk(path: PurePosixPath) -> bool:
    return path.parts[0] == "__MACOSX" or path.name.startswith(".")


def _top(archive: Archive, marker: str) -> str:
    """Raise RejectedError unless `marker` is at the top or in one top folder."""
    tops = set()
    for name in archive.entries:
        parts = name.split("/", 2)
        if parts[0] == marker:
            return ""
        if len(parts) > 1 and parts[1] == marker and parts[0] != "__MACOSX":
            tops.add(f"{parts[0]}/")
    if len(tops) == 1:
        return tops.pop()
    if marker == "train":
        raise RejectedError(
            "There is no folder train/ at the top of the archive. A classify set has the folders "
            "train/<class>/ and val/<class>/ with images."
        )
    others = sorted(name for name in archive.entries if name.endswith((".yaml", ".yml")))[:3]
    hint = f" There is {', '.join(others)}: rename or move it." if others else ""
    raise RejectedError(
        "There is no data.yaml at the top of the archive (or in its one top folder). It names the "
        f"folders train and val and the classes.{hint}"
    )


def _read_settings(archive: Archive, name: str, problems: Problems) -> dict[str, Any]:
    if archive.entries[name].file_size > limits.MAX_YAML_BYTES:
        raise RejectedError(
            f"data.yaml has more than {limits.MAX_YAML_BYTES:,} bytes. Keep only the keys that "
            "training needs.",
            name,
        )
    try:
        text = archive.read(name).decode("utf-8-sig")
        events = yaml.parse(text, yaml.CSafeLoader)
        aliases = sum(isinstance(event, yaml.AliasEvent) for event in events)
        if aliases > limits.MAX_YAML_ALIASES:
            raise RejectedError("data.yaml refers to itself too often. Write it plainly.", name)
        settings = yaml.load(text, yaml.CSafeLoader)
    except UnicodeDecodeError as error:
        raise RejectedError("data.yaml is no UTF-8 text. Save it as UTF-8.", name) from error
    except (yaml.YAMLError, RecursionError, TypeError, *DAMAGED) as error:
        first = (str(error).splitlines() or [""])[0][:200]
        raise RejectedError(
            f"data.yaml cannot be read ({first}). Compare it with YAML's rules.", name
        ) from error
    if not isinstance(settings, dict):
        raise RejectedError("data.yaml must hold keys: train, val and names.", name)
    for key in settings:
        if key == "download":
            problems.warning("The key 'download' was ignored: nothing of a dataset is run.", name)
        elif key not in _KNOWN:
            problems.warning(f"The key {str(key)[:60]!r} was ignored.", name)
    if settings.get("path") not in (None, "", ".", "./"):
        problems.warning(
            f"path is ignored: {str(settings['path'])[:100]!r}. The folders of train and val are "
            "looked for beside data.yaml.",
            name,
        )
    return settings


def _images(value: Any, split: str, top: str, images: list[str]) -> list[str]:
    folders = value if isinstance(value, list) else [value]
    found: set[str] = set()
    for folder in folders:
        prefix = _folder(folder, split, top)
        inside = [name for name in images if name.startswith(prefix)]
        if not inside:
            known = sorted({str(PurePosixPath(name).parent) for name in images})[:5]
            hint = (
                f"Images are in {', '.join(known)}."
                if known
                else "It has no image at all that training reads (.jpg, .png, …)."
            )
            raise RejectedError(
                f"data.yaml's {split} names {folder[:100]!r}, a folder without images in this "
                f"archive. {hint}"
            )
        stray = next(
            (n for n in inside if "images" not in n.removeprefix(top).split("/")[:-1]), None
        )
        if stray:
            raise RejectedError(
                f"data.yaml's {split} names {folder[:100]!r}, which is not below a folder named "
                f"images. Put images in images/{split} and labels in labels/{split}.",
                stray,
            )
        found.update(inside)
    return sorted(found)


def _folder(value: Any, split: str, top: str) -> str:
    if not isinstance(value, str) or not value:
        raise RejectedError(
            f"data.yaml's {split} must name a folder of the archive, e.g. images/{split}."
        )
    # Exports write ../train/images for a folder beside data.yaml.
    path = PurePosixPath(value.removeprefix("../").removeprefix("./"))
    if path.is_absolute() or ".." in path.parts:
        raise RejectedError(
            f"data.yaml's {split} ({value[:100]!r}) leads out of the archive. Name a folder in it, "
            f"e.g. images/{split}."
        )
    if path.suffix == ".txt":
        raise RejectedError(
            f"data.yaml's {split} names a list of files ({value[:100]!r}). Name a folder instead, "
            f"e.g. images/{split}."
        )
    return top if path == PurePosixPath() else f"{top}{path}/"


def _names(settings: dict[str, Any]) -> list[str]:
    names, count = settings.get("names"), settings.get("nc")
    if isinstance(names, dict):
        if set(names) != set(range(len(names))):
            raise RejectedError(
                "data.yaml's names must count from 0 without gaps: 0: cat, 1: dog, …"
            )
        names = [names[index] for index in range(len(names))]
    if not isinstance(names, list) or not names:
        raise RejectedError("data.yaml lacks names: list the classes, e.g. names: [cat, dog].")
    if len(names) > limits.MAX_CLASSES:
        raise RejectedError(
            f"data.yaml names {len(names):,} classes; at most {limits.MAX_CLASSES:,} are taken."
        )
    if not all(isinstance(name, str | int | float) and str(name).isprintable() for name in names):
        raise RejectedError("data.yaml's names must be plain names, e.g. names: [cat, dog].")
    if count is not None and count != len(names):
        shown = str(count)[:20] if isinstance(count, int | float | str) else "no number"
        raise RejectedError(f"data.yaml's nc is {shown}, but names has {len(names)}. Remove nc.")
    return [str(name)[: limits.MAX_CLASS_NAME] for name in names]


def _keypoints(settings: dict[str, Any]) -> tuple[int, int]:
    match settings.get("kpt_shape"):
        case [int(points), 2 | 3 as size] if 0 < points <= limits.MAX_KEYPOINTS:
            pass
        case _:
            raise RejectedError(
                "A pose set needs kpt_shape in data.yaml: [number of keypoints, 2 or 3], e.g. "
                "kpt_shape: [17, 3]."
            )
    flip = settings.get("flip_idx")
    if flip is not None and not _is_permutation(flip, points):
        raise RejectedError(
            f"data.yaml's flip_idx must hold each of 0 to {points - 1} once: where each keypoint "
            "goes when the image is mirrored."
        )
    return points, size


def _is_permutation(value: Any, count: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) == count
        and all(isinstance(item, int) for item in value)
        and set(value) == set(range(count))
    )


def class_of(image: str, top: str) -> str:
    """The class folder of a classify set's image: `<top><split>/<class>/…`."""
    return image.removeprefix(top).split("/", 2)[1]


def _classify(archive: Archive, problems: Problems) -> Layout:
    top = _top(archive, "train")
    splits: dict[str, list[str]] = defaultdict(list)
    loose = []
    for image in sorted(filter(is_image, archive.entries)):
        split, _, rest = image.removeprefix(top).partition("/")
        if not image.startswith(top) or split not in SPLITS:
            continue
        if "/" in rest:
            splits[split].append(image)
        else:
            loose.append(image)
    if loose:
        problems.warning(
            f"{len(loose)} images lie in no class folder and were ignored. Move them to "
            "train/<class>/ or val/<class>/.",
            loose[0],
        )
    for split in ("train", "val"):
        if not splits[split]:
            raise RejectedError(
                f"There are no images in {split}/<class>/. A classify set has the folders "
                "train/<class>/ and val/<class>/ with images."
            )
    names = sorted({class_of(image, top) for image in splits["train"]})
    _same_classes(names, {class_of(image, top) for image in splits["val"]})
    return Layout(top, names, dict(splits))


def _same_classes(train: Iterable[str], val: set[str]) -> None:
    # Class indices are places in the sorted folder names of each split.
    for missing, where, other in (
        (val - set(train), "train", "val"),
        (set(train) - val, "val", "train"),
    ):
        if missing:
            raise RejectedError(
                f"{other}/ has the class {', '.join(sorted(missing)[:5])}, which {where}/ lacks. "
                "Both need an image of each class."
            )
