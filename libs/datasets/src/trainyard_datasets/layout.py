"""Where a dataset's images lie and what its classes are: from data.yaml, or from the folders."""

import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from trainyard_datasets import data_yaml, foreign
from trainyard_datasets.data_yaml import SPLITS
from trainyard_datasets.files import (
    DATA_YAML,
    IMAGE_SUFFIXES,
    Files,
    UnreadableError,
    is_image,
    is_label,
    label_of,
    read_or_error,
)
from trainyard_datasets.problems import Problems, RejectedError

_GUESSED_LABELS = 50
# The folders of a classify set that are each split, the first that there is.
_CLASSIFY_SPLITS = {
    "train": ("train",),
    "val": ("val", "validation", "valid", "test"),
    "test": ("test",),
}


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


def find(files: Files, task: str, problems: Problems) -> Layout:
    """Raise RejectedError when the dataset has no usable layout."""
    if task == "classify":
        return _classify(files, problems)
    top = _top(files, DATA_YAML)
    content = data_yaml.read(files, top, problems)
    data_yaml.warn_of_ignored(content, f"{top}{DATA_YAML}", problems)
    names = data_yaml.class_names(content)
    keypoints = data_yaml.keypoints(content, task)
    places = _Places(files, top, content, problems)
    splits, folders = {}, {}
    for split in SPLITS:
        if split == "test" and not content.get("test"):
            continue
        try:
            splits[split], folders[split] = places.find(content.get(split), split)
        except RejectedError as error:
            if split != "test":
                raise
            problems.warning(f"test was ignored, training does without: {error.message}")
    return Layout(top, names, splits, folders, keypoints.shape, keypoints.flip)


def guess_task(files: Files) -> str:
    """The task that the files look made for.

    No data.yaml: classify. `kpt_shape` in it: pose. Else by the columns of the label files: boxes
    if at least half of the lines are, for single lines may be wrong.

    Raises:
        RejectedError: there are label files, but no data.yaml, or it cannot be read.
    """
    names = files.names
    has_data_yaml = any(posixpath.basename(name) == DATA_YAML for name in names)
    found = {name for name in names if is_label(name)}
    if has_data_yaml:
        found.update(label for label in map(label_of, filter(is_image, names)) if label in names)
    if not found and not has_data_yaml:
        if told := foreign.annotations(files):
            raise RejectedError(told)
        return "classify"
    if "kpt_shape" in data_yaml.read(files, _top(files, DATA_YAML)):
        return "pose"
    labels = [name for name in sorted(found) if files.size(name)]
    columns = Counter[int]()
    for _, data in files.sweep(labels[:: max(1, len(labels) // _GUESSED_LABELS)]):
        text = "" if isinstance(data, UnreadableError) else data.decode(errors="replace")
        columns.update(len(line.split()) for line in text.splitlines() if line.strip())
    if columns[5] * 2 >= columns.total():
        return "detect"
    return "obb" if columns.keys() == {9} else "segment"


def lists(files: Files) -> set[str]:
    """The files that data.yaml names as lists of images, where it can be read."""
    try:
        top = _top(files, DATA_YAML)
        content = data_yaml.read(files, top)
        places = _Places(files, top, content, Problems())
    except RejectedError:
        return set()
    values = [content.get(split) for split in SPLITS]
    flat = [v for value in values for v in (value if isinstance(value, list) else [value])]
    return {n for v in flat if isinstance(v, str) if (n := places.locate(v)) and n in files.names}


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
    if told := foreign.annotations(files):
        raise RejectedError(told)
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


class _Places:
    """Finds the images that data.yaml names for a split: by folders, or by lists of files."""

    def __init__(self, files: Files, top: str, content: dict[str, Any], problems: Problems) -> None:
        self._files = files
        self._top = top
        self._problems = problems
        self._images = [name for name in files.names if is_image(name)]
        self._folders = {""}
        for folder in {posixpath.dirname(name) for name in self._images}:
            self._folders.update(str(parent) for parent in PurePosixPath(folder, "x").parents)
        self._bases = [top.rstrip("/")]
        path = content.get("path")
        if path is not None and not isinstance(path, str):
            self._ignore(path)
        elif path and (base := self._inside(self._bases[0], path)) in self._folders:
            self._bases.insert(0, base or "")
        elif path:
            self._ignore(path)

    def _ignore(self, path: Any) -> None:
        self._problems.warning(
            f"path is ignored: {str(path)[:100]!r}. The folders of train and val are looked for "
            "beside data.yaml.",
            f"{self._top}{DATA_YAML}",
        )

    def find(self, value: Any, split: str) -> tuple[list[str], list[str]]:
        """The split's images, and the folders (relative to `top`) that they were found in."""
        found: set[str] = set()
        folders = []
        for item in value if isinstance(value, list) else [value]:
            if not isinstance(item, str) or not item:
                raise RejectedError(
                    f"data.yaml's {split} must name a folder of the dataset, e.g. images/{split}."
                )
            place = self.locate(item)
            if place is None:
                raise self._absent(item, split)
            if place in self._files.names:
                found.update(self._listed(place, split))
                continue
            found.update(n for n in self._images if not place or n.startswith(f"{place}/"))
            folders.append(posixpath.relpath(place or ".", self._top or "."))
        if not found:
            raise self._absent(str(value), split)
        return sorted(found), folders

    def locate(self, value: str) -> str | None:
        """The folder or list that a value of data.yaml names. Exports write ../ for beside it."""
        values = [value, value[3:]] if value.startswith("../") else [value]
        for base in self._bases:
            for path in values:
                place = self._inside(base, path)
                if place is None:
                    continue
                if place in self._folders or (
                    place.endswith(".txt") and place in self._files.names
                ):
                    return place
        return None

    def _inside(self, base: str, path: str) -> str | None:
        """The path below the archive's top, or None where it leads out."""
        if path.startswith("/"):
            return None
        place = posixpath.normpath(posixpath.join(base, path))
        if place.startswith(".."):
            return None
        return "" if place == "." else place

    def _listed(self, name: str, split: str) -> set[str]:
        data = read_or_error(self._files, name)
        if isinstance(data, UnreadableError):
            raise RejectedError(str(data), name)
        try:
            lines = data.decode("utf-8-sig").strip().splitlines()
        except UnicodeDecodeError as error:
            raise RejectedError("The list is not UTF-8 text. Save it as UTF-8.", name) from error
        here = posixpath.dirname(name)
        found, lost = set(), []
        for line in lines:
            if PurePosixPath(line).suffix.lower() not in IMAGE_SUFFIXES:
                continue
            bases = [here] if line.startswith("./") else [*self._bases, here]
            # Darknet's and CVAT's lists count from a folder data/ that holds the set.
            paths = [line, line.removeprefix("data/")]
            places = {self._inside(base, path) for path in paths for base in bases}
            inside = sorted(place for place in places if place and place in self._files.names)
            if inside:
                found.add(inside[0])
            else:
                lost.append(line)
        if lost:
            self._problems.warning(
                f"{len(lost)} of {len(lost) + len(found)} lines of the list for {split} name no "
                f"image of this dataset and are left out, e.g. {lost[0][:100]!r}.",
                name,
            )
        return found

    def _absent(self, value: str, split: str) -> RejectedError:
        if value.startswith("/") or value.removeprefix("../").startswith(".."):
            return RejectedError(
                f"data.yaml's {split} ({value[:100]!r}) leads out of the dataset. Name a folder in "
                f"it, e.g. images/{split}."
            )
        known = sorted({str(PurePosixPath(name).parent) for name in self._images})[:5]
        hint = (
            f"Images are in {', '.join(known)}."
            if known
            else "It has no image at all that training reads (.jpg, .png, …)."
        )
        what = "a list that is not" if value.endswith(".txt") else "a folder without images"
        return RejectedError(
            f"data.yaml's {split} names {value[:100]!r}, {what} in this dataset. {hint}"
        )


def class_of(image: str, top: str) -> str:
    """The class folder of a classify set's image: `<top><split>/<class>/…`."""
    return image.removeprefix(top).split("/", 2)[1]


def _classify(files: Files, problems: Problems) -> Layout:
    top = _top(files, "train")
    found: dict[str, list[str]] = defaultdict(list)
    loose = []
    known = {folder for folders in _CLASSIFY_SPLITS.values() for folder in folders}
    for image in sorted(filter(is_image, files.names)):
        folder, _, rest = image.removeprefix(top).partition("/")
        if not image.startswith(top) or folder not in known:
            continue
        if "/" in rest:
            found[folder].append(image)
        else:
            loose.append(image)
    if loose:
        problems.warning(
            f"{len(loose)} images lie in no class folder and were ignored. Move them to "
            "train/<class>/ or val/<class>/.",
            loose[0],
        )
    folders = {
        split: next((n for n in names if found[n]), None)
        for split, names in _CLASSIFY_SPLITS.items()
    }
    for split in ("train", "val"):
        if folders[split] is None:
            if told := foreign.annotations(files):
                raise RejectedError(told)
            raise RejectedError(
                f"There are no images in {split}/<class>/. A classify set has the folders "
                "train/<class>/ and val/<class>/ with images."
            )
    if folders["val"] == "test":
        problems.warning("There is no val/, so test/ is used: nothing is left to test with.")
        folders["test"] = None
    splits = {split: found[folder] for split, folder in folders.items() if folder}
    names = sorted({class_of(image, top) for image in splits["train"]})
    splits["val"] = _known_classes(splits["val"], names, top, problems)
    if len(names) == 1:
        problems.warning(
            f"There is one class only ({names[0]}): a model that always says it is always right. "
            "Add a folder with images of something else."
        )
    return Layout(top, names, splits, {split: [f] for split, f in folders.items() if f})


def _known_classes(val: list[str], names: Iterable[str], top: str, problems: Problems) -> list[str]:
    """The images of val whose class is in train too."""
    train, found = set(names), {class_of(image, top) for image in val}
    if train.isdisjoint(found):
        raise RejectedError(
            f"train/ and val/ have no class in common: {', '.join(sorted(train)[:5])} and "
            f"{', '.join(sorted(found)[:5])}. Both need the same folders."
        )
    for missing, where, other, what in (
        (found - train, "train", "val", "its images are left out"),
        (train - found, "val", "train", "the metrics will say nothing of it"),
    ):
        if missing:
            problems.warning(
                f"{other}/ has the class {', '.join(sorted(missing)[:5])}, which {where}/ lacks: "
                f"{what}."
            )
    return [image for image in val if class_of(image, top) in train]
