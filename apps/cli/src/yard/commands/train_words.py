"""The words of `yolo train`, which `yard train` takes as they are: data=, model=, and any argument.

`yard detect train …` is `yolo detect train …`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from yard.errors import Code, YardError

TASKS = ("detect", "segment", "classify", "pose", "obb")
# What does the work of Ultralytics' other modes.
_MODES = {
    "val": "yard model eval MODEL --data DATASET",
    "predict": "yard model predict MODEL FILE…",
    "export": "yard model export MODEL --data DATASET --format onnx",
}
_YAML = (".yaml", ".yml")
_SCALE = re.compile(r"yolo(?:e-)?v?\d+([nslmx])")  # of a YAML, by its file's name
_OF_TEXT = re.compile(r"^yolov\d+[nslmx]?-world|^yoloe-")
_FIELD = re.compile(r"[a-z_]+=")
_HEAD = re.compile(r"-(seg|cls|pose|obb)$")


@dataclass
class Words:
    """What the words say: a job's dataset, weights and name, and config fields as `--set` has them.

    `folder` is a dataset on this machine, `weights_file` weights on it: they are pushed first.
    `task` is the dataset's anyway: another one is refused.
    """

    dataset: str | None = None
    folder: Path | None = None
    weights: str | None = None
    weights_file: Path | None = None
    name: str | None = None
    task: str | None = None
    fields: list[str] = field(default_factory=list)


def of_yolo(words: list[str]) -> list[str]:
    """Return `TASK train …` as `train task=TASK …`, and anything else as it is.

    The word `yolo` may have stayed, in front or behind `yard train`.

    Raises:
        YardError: another of Ultralytics' modes is named, or none behind a task.
    """
    start = 1 if words[0] == "train" else 0
    behind = words[start + 1 : start + 2]
    # Behind `train` a dataset may be called so, unless a task or mode follows.
    is_word = not start or (behind and behind[0] in (*TASKS, *_MODES, "train"))
    stayed = bool(words[start : start + 1] == ["yolo"] and is_word)
    told = words[start + 1 :] if stayed else words
    task = told[0] if told and told[0] in TASKS else None
    rest = told[1:] if task else told
    mode = rest[0] if rest else ""
    if mode == "train" and (task or stayed):
        return ["train", *([f"task={task}"] if task else []), *rest[1:]]
    # `yard predict FILE` is a command of its own; Ultralytics' takes model=, source=.
    is_theirs = mode in _MODES and (mode != "predict" or any(map(_FIELD.match, rest)))
    if task is None and not stayed and not is_theirs:
        return words
    raise YardError(
        f"`yard {' '.join(words[: start + 2])}` is not a command",
        todo=f"write `{_MODES.get(mode, f'yard {task or TASKS[0]} train data=DATASET')}`",
        code=Code.USAGE,
    )


def read(words: list[str]) -> Words:
    """Read DATASET and KEY=VALUE.

    Raises:
        YardError: there is no dataset, or two, or a file that is named is not there.
    """
    found = Words()
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            _data(found, word)
        elif key in _READERS:
            _READERS[key](found, value)
        else:
            found.fields.append(word)
    if found.dataset is None and found.folder is None:
        raise YardError(
            "no dataset is named",
            todo="name one, e.g. `yard train digits` or `yard train data=digits`",
            code=Code.USAGE,
        )
    return found


def with_text(field_: str) -> str:
    """The field as it is, but for `model=FILE.yaml`: with the file's text, and the scale of its name.

    Raises:
        YardError: the file cannot be read.
    """
    key, _, value = field_.partition("=")
    path = Path(value)
    if key != "model" or path.suffix not in _YAML or "\n" in value:
        return field_
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise YardError(f"cannot read {path}", str(error), "check the path", Code.LOCAL) from error
    scale = _SCALE.search(path.stem)
    if scale and not re.search(r"^scale:", text, re.MULTILINE):
        text += f"\nscale: {scale[1]}\n"
    return f"model={text}"


def _data(found: Words, value: str) -> None:
    if found.dataset is not None or found.folder is not None:
        raise YardError(f"{value} is a second dataset", todo="name one", code=Code.USAGE)
    path = Path(value)
    if path.suffix in _YAML and path.is_file():
        found.folder = path.resolve().parent
    elif path.suffix in _YAML:
        raise YardError(
            f"there is no file {value}",
            "the platform downloads no datasets",
            "name the data.yaml of a folder on this machine, or a dataset of `yard dataset list`",
            Code.NOT_FOUND,
        )
    elif "/" in value and path.is_dir():
        found.folder = path
    else:
        found.dataset = value


def _model(found: Words, value: str) -> None:
    path = Path(value)
    if _OF_TEXT.search(path.stem) and not path.is_file():
        raise YardError(
            f"{value} is not trained here",
            "YOLO-World and YOLOE need a text encoder, which the trainer lacks",
            "fine-tune a YOLO or an RT-DETR, e.g. model=yolo11n.pt",
            Code.USAGE,
        )
    if path.suffix == ".pt" or value.startswith(("job:", "model:", "sha256:")):
        _weights(found, value)
    elif path.suffix in _YAML and not path.is_file():  # Ultralytics' own: the dataset has the task
        found.fields.append(f"model={_HEAD.sub('', path.stem)}")
        found.weights = found.weights or "none"
    else:
        found.fields.append(with_text(f"model={value}"))


def _weights(found: Words, value: str) -> None:
    path = Path(value)
    if path.suffix == ".pt" and path.is_file():
        found.weights_file = path
    else:
        found.weights = path.name if path.suffix == ".pt" else value


def _pretrained(found: Words, value: str) -> None:
    if value.lower() == "false":
        found.weights = "none"
    elif value.lower() != "true":
        _weights(found, value)


def _name(found: Words, value: str) -> None:
    found.name = value


def _task(found: Words, value: str) -> None:
    found.task = value


def _mode(found: Words, value: str) -> None:
    if value != "train":
        found.fields.append(f"mode={value}")


_READERS: dict[str, Callable[[Words, str], None]] = {
    "data": _data,
    "model": _model,
    "pretrained": _pretrained,
    "name": _name,
    "task": _task,
    "mode": _mode,
}
