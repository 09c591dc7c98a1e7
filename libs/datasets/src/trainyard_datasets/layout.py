"""Where a dataset's images lie and what its classes are: from data.yaml, or from the folders."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import yaml

from trainyard_datasets import limits
from trainyard_datasets.files import SETTINGS, Files, UnreadableError, is_image, is_label
from trainyard_datasets.findings import Findings, RejectedError

SPLITS = ("train", "val", "test")
_GUESSED_LABELS = 50
# PyYAML's constructors let some of Python's own pass.
_YAML_ERRORS = (yaml.YAMLError, RuntimeError, OverflowError, ValueError, IndexError, TypeError)
_KNOWN = {*SPLITS, "path", "names", "nc", "kpt_shape", "flip_idx"}


class Layout(NamedTuple):
    """Where a dataset's images are and what its classes are.

    `top` is "" or the one folder (with "/") that holds everything. `splits` holds the paths of the
    images, sorted, `folders` the folders below `top` that they were found in. `kpt_shape` is
    (number, 2 or 3).
    """

    top: str
    names: list[str]
    splits: dict[str, list[str]]
    folders: dict[str, list[str]]
    kpt_shape: tuple[int, int] | None = None
    flip_idx: list[int] | None = None


def find(files: Files, task: str, findings: Findings) -> Layout:
    """Raise RejectedError when the dataset has no usable layout."""
    if task == "classify":
        return _classify(files, findings)
    top = _top(files, SETTINGS)
    settings = _read_settings(files, top)
    _warn_of_ignored(settings, f"{top}{SETTINGS}", findings)
    names = _names(settings)
    images = [name for name in files.names if is_image(name)]
    folders = {
        split: _folders(settings.get(split), split)
        for split in SPLITS
        if split != "test" or settings.get("test") is not None
    }
    splits = {split: _images(folders[split], split, top, images) for split in folders}
    layout = Layout(top, names, splits, folders)
    return layout._replace(**_keypoints(settings)) if task == "pose" else layout


def guess_task(files: Files) -> str:
    """The task that the files look made for.

    No data.yaml: classify. `kpt_shape` in it: pose. Else by the columns of the label files: boxes
    if at least half of the lines are, for single lines may be wrong.

    Raises:
        RejectedError: there are label files, but no data.yaml, or it cannot be read.
    """
    labels = [name for name in files.names if is_label(name)]
    if not labels and not any(name.endswith(SETTINGS) for name in files.names):
        return "classify"
    if "kpt_shape" in _read_settings(files, _top(files, SETTINGS)):
        return "pose"
    columns = Counter[int]()
    for _, data in files.sweep(labels[:_GUESSED_LABELS]):
        text = "" if isinstance(data, UnreadableError) else data.decode(errors="replace")
        columns.update(len(line.split()) for line in text.splitlines() if line.strip())
    if columns[5] * 2 >= columns.total():
        return "detect"
    return "obb" if columns.keys() == {9} else "segment"


def _top(files: Files, marker: str) -> str:
    """Raise RejectedError unless `marker` is at the top or in one top folder."""
    tops = set()
    for name in files.names:
        parts = name.split("/", 2)
        if parts[0] == marker:
            return ""
        if len(parts) > 1 and parts[1] == marker and parts[0] != "__MACOSX":
            tops.add(f"{parts[0]}/")
    if len(tops) == 1:
        return tops.pop()
    if marker == "train":
        raise RejectedError(
            "There is no folder train/ at the top of the dataset. A classify set has the folders "
            "train/<class>/ and val/<class>/ with images."
        )
    others = sorted(name for name in files.names if name.endswith((".yaml", ".yml")))[:3]
    hint = f" There is {', '.join(others)}: rename or move it." if others else ""
    raise RejectedError(
        "There is no data.yaml at the top of the dataset (or in its one top folder). It names the "
        f"folders train and val and the classes.{hint}"
    )


def _read_settings(files: Files, top: str) -> dict[str, Any]:
    name = f"{top}{SETTINGS}"
    if files.size(name) > limits.MAX_YAML_BYTES:
        raise RejectedError(
            f"data.yaml has more than {limits.MAX_YAML_BYTES:,} bytes. Keep only the keys that "
            "training needs.",
            name,
        )
    try:
        text = files.read(name).decode("utf-8-sig")
        events = yaml.parse(text, yaml.CSafeLoader)
        aliases = sum(isinstance(event, yaml.AliasEvent) for event in events)
        if aliases > limits.MAX_YAML_ALIASES:
            raise RejectedError("data.yaml refers to itself too often. Write it plainly.", name)
        settings = yaml.load(text, yaml.CSafeLoader)
    except UnreadableError as error:
        raise RejectedError(str(error), name) from error
    except UnicodeDecodeError as error:
        raise RejectedError("data.yaml is not UTF-8 text. Save it as UTF-8.", name) from error
    except _YAML_ERRORS as error:
        first = (str(error).splitlines() or [""])[0][:200]
        raise RejectedError(
            f"data.yaml cannot be read ({first}). Compare it with YAML's rules.", name
        ) from error
    if not isinstance(settings, dict):
        raise RejectedError("data.yaml must hold keys: train, val and names.", name)
    return settings


def _warn_of_ignored(settings: dict[str, Any], name: str, findings: Findings) -> None:
    for key in settings:
        if key == "download":
            findings.warning("The key 'download' was ignored: nothing of a dataset is run.", name)
        elif key not in _KNOWN:
            findings.warning(f"The key {str(key)[:60]!r} was ignored.", name)
    if settings.get("path") not in (None, "", ".", "./"):
        findings.warning(
            f"path is ignored: {str(settings['path'])[:100]!r}. The folders of train and val are "
            "looked for beside data.yaml.",
            name,
        )


def _images(folders: list[str], split: str, top: str, images: list[str]) -> list[str]:
    found: set[str] = set()
    for folder in folders:
        prefix = top if folder == "." else f"{top}{folder}/"
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
                f"dataset. {hint}"
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


def _folders(value: Any, split: str) -> list[str]:
    """The folders that data.yaml names for a split, relative to it; "." is its own."""
    return [_folder(folder, split) for folder in (value if isinstance(value, list) else [value])]


def _folder(value: Any, split: str) -> str:
    if not isinstance(value, str) or not value:
        raise RejectedError(
            f"data.yaml's {split} must name a folder of the dataset, e.g. images/{split}."
        )
    # Exports write ../train/images for a folder beside data.yaml.
    path = PurePosixPath(value.removeprefix("../").removeprefix("./"))
    if path.is_absolute() or ".." in path.parts:
        raise RejectedError(
            f"data.yaml's {split} ({value[:100]!r}) leads out of the dataset. Name a folder in it, "
            f"e.g. images/{split}."
        )
    if path.suffix == ".txt":
        raise RejectedError(
            f"data.yaml's {split} names a list of files ({value[:100]!r}). Name a folder instead, "
            f"e.g. images/{split}."
        )
    return str(path)


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


def _keypoints(settings: dict[str, Any]) -> dict[str, Any]:
    """`kpt_shape` and `flip_idx`."""
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
    shape = (int(points), int(size))
    return {"kpt_shape": shape, "flip_idx": None if flip is None else [int(i) for i in flip]}


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


def _classify(files: Files, findings: Findings) -> Layout:
    top = _top(files, "train")
    splits: dict[str, list[str]] = defaultdict(list)
    loose = []
    for image in sorted(filter(is_image, files.names)):
        split, _, rest = image.removeprefix(top).partition("/")
        if not image.startswith(top) or split not in SPLITS:
            continue
        if "/" in rest:
            splits[split].append(image)
        else:
            loose.append(image)
    if loose:
        findings.warning(
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
    return Layout(top, names, dict(splits), {split: [split] for split in splits})


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
