"""What a config's `model` means: a name of Ultralytics' own, or a model's YAML as text.

Ultralytics looks the words of a YAML up among its own variables, so a text is checked before: it may
name the layers that Ultralytics knows, with numbers, words and lists, and nothing else.
"""

import os
import re
from collections.abc import Iterator
from inspect import isclass
from pathlib import Path
from typing import Any

import yaml
from torch import nn
from ultralytics.engine.trainer import BaseTrainer
from ultralytics.models.rtdetr.train import RTDETRTrainer
from ultralytics.models.yolo.classify import ClassificationTrainer
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.models.yolo.obb import OBBTrainer
from ultralytics.models.yolo.pose import PoseTrainer
from ultralytics.models.yolo.segment import SegmentationTrainer
from ultralytics.nn import tasks

from trainer.contract import AttemptError, Cause

_TASKS: dict[str, tuple[type[BaseTrainer], str]] = {
    "detect": (DetectionTrainer, ""),
    "segment": (SegmentationTrainer, "-seg"),
    "classify": (ClassificationTrainer, "-cls"),
    "pose": (PoseTrainer, "-pose"),
    "obb": (OBBTrainer, "-obb"),
}
_RTDETR = "RTDETRDecoder"
_HEADS = {
    "detect": {"Detect", "v10Detect", _RTDETR},
    "segment": {"Segment", "Segment26"},
    "classify": {"Classify"},
    "pose": {"Pose", "Pose26"},
    "obb": {"OBB", "OBB26"},
}
_OF_TEXT = ["C2fAttn", "ImagePoolingAttn", "LRPCHead", "WorldDetect"]
_OF_TEXT += ["YOLOEDetect", "YOLOESegment", "YOLOESegment26"]
_REFUSED = dict.fromkeys(_OF_TEXT, "needs a text encoder, which this trainer lacks")
_REFUSED["TorchVision"] = "would download weights"
_TORCH = ["activation", "batchnorm", "conv", "dropout", "flatten", "instancenorm", "linear"]
_TORCH += ["normalization", "padding", "pixelshuffle", "pooling", "upsampling"]
_KEYS = {"nc", "scale", "scales", "depth_multiple", "width_multiple", "activation", "kpt_shape"}
_KEYS |= {"reg_max", "end2end", "backbone", "head"}
# Ultralytics replaces a word that is one of its own variables; these two are meant so.
_VARIABLES = {*tasks.parse_model.__code__.co_varnames} - {"nc", "kpt_shape"}
_WORD = re.compile(r"(nn\.)?[A-Za-z][A-Za-z0-9_]{0,39}")
_ACTIVATION = re.compile(r"(torch\.)?nn\.[A-Za-z0-9]{1,40}\([A-Za-z0-9_=., -]{0,80}\)")
_MOST_LAYERS, _MOST_REPEATS, _MOST_TIMES, _LARGEST = 500, 100, 10, 1_000_000


def is_text(model: str) -> bool:
    """Whether a config's `model` is a YAML, not a name."""
    return "\n" in model


def choose(task: str, model: str, folder: Path) -> tuple[type[BaseTrainer], str]:
    """Ultralytics' trainer, and the name or path by which it builds the model.

    A YAML is written into `folder`.

    Raises:
        AttemptError: the YAML is none that can be built, or the model is not for the task.
    """
    trainer, suffix = _TASKS[task]
    if not is_text(model):
        if not model.startswith("rtdetr"):
            return trainer, f"{model}{suffix}.yaml"
        if task != "detect":
            raise _unusable(f"{model} finds boxes only, and the dataset is for {task}")
        return RTDETRTrainer, f"{model}.yaml"
    description = check(model, task)
    path = folder / "own-model.yaml"
    own = path.with_suffix(f".{os.getpid()}")  # ranks do this side by side
    own.write_text(yaml.safe_dump(description, sort_keys=False))
    own.replace(path)
    return RTDETRTrainer if description["head"][-1][2] == _RTDETR else trainer, str(path)


def check(text: str, task: str) -> dict[str, Any]:
    """The model's description, of its one scale.

    Raises:
        AttemptError: it is no YAML of a model for this task; the message says why.
    """
    found = _read(text)
    unknown = found.keys() - _KEYS
    if unknown:
        raise _unusable(f"it has no key {str(min(unknown, key=str))[:40]!r}")
    if "activation" in found and not _ACTIVATION.fullmatch(str(found["activation"])):
        raise _unusable("activation must be one of torch's, as nn.ReLU()")
    _require_plain({key: value for key, value in found.items() if key != "activation"})
    for key in ("depth_multiple", "width_multiple"):
        if not _is_number(found.get(key, 1), _MOST_TIMES):
            raise _unusable(f"{key} must be a number, {_MOST_TIMES} at most")
    layers = list(_layers(found))
    head = layers[-1]
    if head not in _HEADS[task]:
        heads = " or ".join(sorted(_HEADS[task]))
        raise _unusable(f"its last layer is {head}; a dataset for {task} needs {heads}")
    scales, scale = found.get("scales"), found.pop("scale", None)
    if scales is not None:
        if not isinstance(scales, dict) or not all(map(_is_scale, scales.values())) or not scales:
            raise _unusable("scales must hold [depth, width, most channels] by name")
        if scale is not None and scale not in scales:
            raise _unusable(f"it has no scale {scale!r}; it has {', '.join(map(str, scales))}")
        # Ultralytics knows the scale by the file's name, else it is the first.
        chosen = next(iter(scales)) if scale is None else scale
        found["scales"] = {chosen: scales[chosen]}
    return found


def _read(text: str) -> dict[str, Any]:
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, yaml.SafeLoader)):
            raise _unusable("it has aliases (*): write each part out")
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _unusable(f"it is no YAML ({str(error).splitlines()[0]})") from error
    if not isinstance(found, dict) or not {"backbone", "head"} <= found.keys():
        raise _unusable("it has no backbone and head")
    return found


def _layers(found: dict[str, Any]) -> Iterator[str]:
    """The layers' names, each checked."""
    parts = [found[part] if isinstance(found[part], list) else [] for part in ("backbone", "head")]
    every = [*parts[0], *parts[1]]
    if not all(parts) or len(every) > _MOST_LAYERS:
        raise _unusable(f"backbone and head must be lists, of {_MOST_LAYERS} layers at most")
    for index, layer in enumerate(every):
        match layer:
            case [int() | list() as sources, int(repeats), str(name), list(arguments)]:
                pass
            case _:
                raise _unusable(f"layer {index} is not [from, repeats, module, arguments]")
        if not 1 <= repeats <= _MOST_REPEATS:
            raise _unusable(f"layer {index} is repeated {repeats} times, not 1 to {_MOST_REPEATS}")
        taken = sources if isinstance(sources, list) else [sources]
        before = all(type(one) is int and -index <= one < index for one in taken)
        if not taken or not (before or (index, taken) == (0, [-1])):
            raise _unusable(f"layer {index} takes from {sources}, which are no layers before it")
        reason = _REFUSED.get(name) or ("" if _is_layer(name) else "is no layer of Ultralytics")
        if reason:
            raise _unusable(f"layer {index}: {name} {reason}")
        variables = [one for one in arguments if isinstance(one, str) and one in _VARIABLES]
        if variables:
            raise _unusable(f"layer {index} has the word {variables[0]!r}, which means no value")
        yield name


def _is_layer(name: str) -> bool:
    owner, _, plain = name.rpartition(".")
    found = vars(nn if owner == "nn" else tasks).get(plain if owner == "nn" else name)
    if not isclass(found) or not issubclass(found, nn.Module):
        return False
    package, _, module = found.__module__.rpartition(".")
    if owner == "nn":
        return package == "torch.nn.modules" and module in _TORCH
    return package == "ultralytics.nn.modules"


def _is_scale(values: Any) -> bool:
    match values:
        case [depth, width, most]:
            return _is_number(depth, _MOST_TIMES) and _is_number(width, _MOST_TIMES) and bool(most)
    return False


def _is_number(value: Any, most: float) -> bool:
    return isinstance(value, int | float) and 0 <= value <= most


def _require_plain(value: Any) -> None:
    """Raise an AttemptError unless it is numbers, words and lists of these."""
    match value:
        case None | bool():
            return
        case int() | float():
            if not _is_number(abs(value), _LARGEST):
                raise _unusable(f"{value} is larger than {_LARGEST}")
        case str():
            if not _WORD.fullmatch(value):
                raise _unusable(f"{value[:40]!r} is no word that it may have")
        case list():
            for one in value:
                _require_plain(one)
        case dict():
            for key, one in value.items():
                _require_plain(key)
                _require_plain(one)
        case _:
            raise _unusable(f"it has a {type(value).__name__}")


def _unusable(reason: str) -> AttemptError:
    return AttemptError(
        Cause.CONFIG_INVALID, f"The model cannot be built: {reason.rstrip('.')}. Change model."
    )
