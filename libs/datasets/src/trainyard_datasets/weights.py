"""Judges a file of weights: whether PyTorch has written it, whether it is safe to load, what it is for.

Nothing of it is loaded or run. What it is read from may be replaced meanwhile, so the sha256 is that
of the very bytes that are judged.
"""

import hashlib
import io
import re
from collections.abc import Collection
from typing import Any

from trainyard_datasets import directory, limits
from trainyard_datasets.pickled import MOST_BYTES, Reading, UnsafeError
from trainyard_datasets.problems import RejectedError
from trainyard_datasets.source import RemoteObject

# PyTorch writes the pickle first; a zip archive has its table of contents last.
_HEAD_BYTES, _TAIL_BYTES = MOST_BYTES + limits.MIB, 16 * limits.MIB
_TASK_OF = {
    "DetectionModel": "detect",
    "YOLOv10DetectionModel": "detect",
    "RTDETRDetectionModel": "detect",
    "WorldModel": "detect",
    "YOLOEModel": "detect",
    "YOLOESegModel": "segment",
    "SegmentationModel": "segment",
    "ClassificationModel": "classify",
    "PoseModel": "pose",
    "OBBModel": "obb",
}
_STEM = re.compile(r"(?:.*[/\\])?([A-Za-z0-9._-]{1,100}?)(?:-(?:seg|cls|pose|obb))?\.ya?ml")
_OFFICIAL = re.compile(r"yolo(?:v\d{1,2}|\d{2})[nslmxtcebu]{1,2}|rtdetr-[lx]")
_OTHER = "PyTorch has not written it whole, as the zip archive that it writes by default"


class MismatchError(UnsafeError):
    """It is for another task or model than its sender says; else nothing is wrong with it."""


def judge_object(
    url: str, size: int, sha256: str, task: str | None, model: str | None
) -> dict[str, Any]:
    """What a presigned link leads to: its `task` and `model`, or what `problem` it has, in words.

    `damaged` says whether it has another sha256, or is gone; `sound` whether nothing is wrong but
    what the sender says of it: `task` and `model`, which stay where the file does not tell.

    Raises:
        UnavailableError: the store does not answer.
    """
    digest, ends = hashlib.sha256(), _Ends(size)
    try:
        for chunk in RemoteObject(url, size).chunks():
            digest.update(chunk)
            ends.add(chunk)
    except RejectedError:
        digest.update(b"less")
    if digest.hexdigest() != sha256:
        problem = f"what was uploaded is not the file with the sha256 {sha256}. Push it again"
        return {"damaged": True, "sound": False, "problem": problem}
    try:
        task, model = judge(ends, size, task, model)
    except MemoryError:
        problem = "reading it takes more memory than weights need"
        return {"damaged": False, "sound": False, "problem": problem}
    except UnsafeError as error:
        is_sound = isinstance(error, MismatchError)
        return {"damaged": False, "sound": is_sound, "problem": str(error)}
    return {"damaged": False, "sound": True, "problem": None, "task": task, "model": model}


def judge(
    file: Any, size: int, task: str | None = None, model: str | None = None
) -> tuple[str | None, str | None]:
    """Task and model of the weights in `file` (`seek`, `read`); None: not known.

    Raises:
        UnsafeError: it is not safe to load, cannot be loaded, or is for another task or model.
    """
    reading = Reading(_pickle(file, size))
    tasks = {_TASK_OF.get(one) for one in reading.classes}
    if None in tasks:
        raise UnsafeError(f"it holds a {', '.join(sorted(reading.classes))}, which no task trains")
    own = tasks.pop() if len(tasks) == 1 else None
    if task and own and task != own:
        raise MismatchError(f"it is for the task {own}, not {task}")
    file_of = _STEM.fullmatch(str(reading.about.get("yaml_file", "")))
    family = file_of[1] if file_of else None
    if model and family and not _is_of(model, family, reading.about.get("scale")):
        raise MismatchError(f"it is for the model {family}, not {model}")
    # A file of somebody's own may have any name, which no trainer knows as a model.
    return own or task, model or (family if family and _OFFICIAL.fullmatch(family) else None)


def _is_of(model: str, family: str, scale: object) -> bool:
    """As the Ultralytics trainer has it: `yolo11n` is of the family yolo11n, or of yolo11's scale n."""
    return model == family or (model[:-1] in family and model[-1] == scale)


def _pickle(file: Any, size: int) -> bytes:
    try:
        members = directory.read(file, size)
    except RejectedError as error:
        raise UnsafeError(_OTHER) from error
    if members is None:
        raise UnsafeError(_OTHER)
    # PyTorch reads what does not begin as an archive in an older way: as a pickle.
    if min(map(directory.start_of, members.values()), default=0) > 0:
        raise UnsafeError("it does not begin with its archive")
    name = _the_pickle(members)
    entry = directory.unpacked(members[name])
    if max(entry.size, entry.stored) > MOST_BYTES:
        raise UnsafeError(f"its {name} is too large: at most {MOST_BYTES:,} bytes are read")
    file.seek(entry.start)
    window = file.read(min(entry.end - entry.start, MOST_BYTES + limits.MIB))
    data = directory.content(memoryview(window), 0, name, entry)
    if data is None:
        raise UnsafeError(f"its {name} is damaged")
    return data


def _the_pickle(members: Collection[str]) -> str:
    # PyTorch finds names whatever their case.
    pickles = [name for name in members if name.lower().endswith("/data.pkl")]
    folder, _, rest = next(iter(pickles), "").partition("/")
    if len(pickles) != 1 or rest != "data.pkl":
        raise UnsafeError(f"it has {len(pickles) or 'no'} data.pkl, and weights have one")
    for name in members:
        its_folder, _, inside = name.lower().partition("/")
        if its_folder != folder.lower():
            raise UnsafeError(f"it has {name[:80]!r} beside the folder of its weights")
        if inside == "constants.pkl" or inside.startswith("code/"):
            raise UnsafeError("it is a TorchScript archive, which holds code")
    return pickles[0]


class _Ends:
    """The beginning and the end of a file, as a file; what lies between is not kept."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._at = 0
        self._head, self._tail = io.BytesIO(), bytearray()

    def add(self, chunk: bytes) -> None:
        """Append the next bytes of the file."""
        self._head.write(chunk[: max(0, _HEAD_BYTES - self._head.tell())])
        self._tail += chunk
        if len(self._tail) > 2 * _TAIL_BYTES:
            del self._tail[:-_TAIL_BYTES]

    def seek(self, at: int) -> None:
        self._at = at

    def read(self, size: int) -> bytes:
        """Raise UnsafeError where the bytes are not kept."""
        at, self._at = self._at, self._at + size
        before = self._size - len(self._tail)
        if at >= before:
            return bytes(self._tail[at - before :][:size])
        if at + size > self._head.tell():
            raise UnsafeError(_OTHER)
        return self._head.getbuffer()[at : at + size].tobytes()
