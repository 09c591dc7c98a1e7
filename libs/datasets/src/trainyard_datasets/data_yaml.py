"""data.yaml: read as Ultralytics reads it, and nothing of it is run."""

import re
from typing import Any, NamedTuple

import yaml

from trainyard_datasets import limits
from trainyard_datasets.files import DATA_YAML, Files, UnreadableError, is_plain
from trainyard_datasets.problems import Problems, RejectedError

SPLITS = ("train", "val", "test")
# PyYAML's constructors let some of Python's own pass.
_YAML_ERRORS = (yaml.YAMLError, RuntimeError, OverflowError, ValueError, IndexError, TypeError)
_KNOWN = {*SPLITS, "validation", "path", "names", "nc", "kpt_shape", "flip_idx"}
# What YAML allows in a text.
_FORBIDDEN = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+")


class Keypoints(NamedTuple):
    """`shape` is (number, 2 or 3); `flip` says where each goes in a mirrored image."""

    shape: tuple[int, int] | None
    flip: list[int] | None


def read(files: Files, top: str, problems: Problems | None = None) -> dict[str, Any]:
    """The keys of data.yaml, the classes' names as they are written.

    Raises:
        RejectedError: it is no YAML, or holds no keys.
    """
    name = f"{top}{DATA_YAML}"
    if files.size(name) > limits.MAX_YAML_BYTES:
        raise RejectedError(
            f"data.yaml has more than {limits.MAX_YAML_BYTES:,} bytes. Keep only the keys that "
            "training needs.",
            name,
        )
    try:
        text, is_whole = _decoded(files.read(name))
        node, content = _parsed(text, name)
    except UnreadableError as error:
        raise RejectedError(str(error), name) from error
    except _YAML_ERRORS as error:
        first = (str(error).splitlines() or [""])[0][:200]
        raise RejectedError(
            f"data.yaml cannot be read ({first}). Compare it with YAML's rules.", name
        ) from error
    if not isinstance(content, dict):
        raise RejectedError("data.yaml must hold keys: train, val and names.", name)
    if not is_whole and problems:
        problems.warning("Bytes that are not UTF-8 text were ignored. Save it as UTF-8.", name)
    content = {key: None if value == "None" else value for key, value in content.items()}
    if content.get("names") is not None:
        content["names"] = _as_written(node, content["names"])
    if "val" not in content and "validation" in content:
        content["val"] = content["validation"]
    return content


def _decoded(data: bytes) -> tuple[str, bool]:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16"), True
    text = data.decode("utf-8-sig", errors="ignore")
    return text, len(text.encode()) >= len(data.removeprefix(b"\xef\xbb\xbf"))


def _parsed(text: str, name: str) -> tuple[yaml.Node | None, Any]:
    try:
        events = yaml.parse(text, yaml.CSafeLoader)
        aliases = sum(isinstance(event, yaml.AliasEvent) for event in events)
    except yaml.reader.ReaderError:
        return _parsed(_FORBIDDEN.sub("", text), name)
    except yaml.YAMLError:
        cleaned = _FORBIDDEN.sub("", text)
        if cleaned == text:
            raise
        return _parsed(cleaned, name)
    if aliases > limits.MAX_YAML_ALIASES:
        raise RejectedError("data.yaml refers to itself too often. Write it plainly.", name)
    return yaml.compose(text, yaml.CSafeLoader), yaml.load(text, yaml.CSafeLoader)


def _as_written(node: yaml.Node | None, names: Any) -> Any:
    """The names as text: YAML 1.1 would make False of `no` and 8 of `010`."""
    if not isinstance(node, yaml.MappingNode):
        return names
    [value] = [value for key, value in node.value if key.value == "names"][-1:]
    if isinstance(value, yaml.SequenceNode) and len(value.value) == len(names):
        return [_text(item, name) for item, name in zip(value.value, names, strict=True)]
    if isinstance(value, yaml.MappingNode) and len(value.value) == len(names):
        items = zip(value.value, names.items(), strict=True)
        return {key: _text(item, name) for (_, item), (key, name) in items}
    return names


def _text(node: yaml.Node, value: Any) -> Any:
    return node.value if isinstance(node, yaml.ScalarNode) else value


def warn_of_ignored(content: dict[str, Any], name: str, problems: Problems) -> None:
    """Tell the keys that training does without."""
    for key in content:
        if key == "download":
            problems.warning("The key 'download' was ignored: nothing of a dataset is run.", name)
        elif key not in _KNOWN:
            problems.warning(f"The key {str(key)[:60]!r} was ignored.", name)


def class_names(content: dict[str, Any]) -> list[str]:
    """The classes in the order of their indices.

    Raises:
        RejectedError: there are none, or they contradict nc.
    """
    names, count = content.get("names"), _count(content)
    if names is None and count is not None:
        names = [f"class_{index}" for index in range(min(count, limits.MAX_CLASSES + 1))]
    if isinstance(names, dict):
        names = _by_index(names)
    if not isinstance(names, list) or not names:
        raise RejectedError("data.yaml lacks names: list the classes, e.g. names: [cat, dog].")
    if len(names) > limits.MAX_CLASSES:
        raise RejectedError(
            f"data.yaml names {len(names):,} classes; at most {limits.MAX_CLASSES:,} are taken."
        )
    if not all(isinstance(name, str) and is_plain(name) for name in names):
        raise RejectedError("data.yaml's names must be plain names, e.g. names: [cat, dog].")
    if count not in {None, len(names)}:
        raise RejectedError(f"data.yaml's nc is {count}, but names has {len(names)}. Remove nc.")
    return [str(name)[: limits.MAX_CLASS_NAME] for name in names]


def _count(content: dict[str, Any]) -> int | None:
    if "nc" not in content:
        return None
    value = content["nc"]
    try:
        count = int(float(value))
    except (TypeError, ValueError, OverflowError):
        count = -1
    if count < 0 or count != float(value):
        shown = str(value)[:20] if isinstance(value, int | float | str) else "no number"
        raise RejectedError(f"data.yaml's nc is {shown}, which is no whole number. Remove nc.")
    return count


def _by_index(names: dict[Any, Any]) -> list[Any]:
    try:
        found = {int(key): name for key, name in names.items()}
    except (TypeError, ValueError, OverflowError):
        found = {}
    if set(found) != set(range(len(names))):
        raise RejectedError("data.yaml's names must count from 0 without gaps: 0: cat, 1: dog, …")
    return [found[index] for index in range(len(names))]


def keypoints(content: dict[str, Any], task: str) -> Keypoints:
    """`kpt_shape` and `flip_idx`. For other tasks than pose only the shape, where it is valid.

    Raises:
        RejectedError: it is a pose set, and they are missing or wrong.
    """
    shape = None
    match content.get("kpt_shape"):
        case [int(points), 2 | 3 as size] if 0 < points <= limits.MAX_KEYPOINTS:
            shape = (int(points), int(size))
    if task != "pose":
        return Keypoints(shape, None)
    if shape is None:
        raise RejectedError(
            "A pose set needs kpt_shape in data.yaml: [number of keypoints, 2 or 3], e.g. "
            "kpt_shape: [17, 3]."
        )
    flip = content.get("flip_idx")
    if flip is not None and not _is_permutation(flip, shape[0]):
        raise RejectedError(
            f"data.yaml's flip_idx must hold each of 0 to {shape[0] - 1} once: where each keypoint "
            "goes when the image is mirrored."
        )
    return Keypoints(shape, None if flip is None else [int(i) for i in flip])


def _is_permutation(value: Any, count: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) == count
        and all(isinstance(item, int) for item in value)
        and set(value) == set(range(count))
    )
