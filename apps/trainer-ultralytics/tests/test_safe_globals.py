"""The platform's judgement of weights, held against the loader that it stands for."""

import io
from pathlib import Path

import pytest
import torch
from trainer.yolo import safe_globals
from trainyard_datasets import pickled, weights
from ultralytics.models import RTDETR, YOLO
from ultralytics.nn.tasks import torch_safe_load

LIST = Path(pickled.__file__).with_name("weights_globals.txt")


def test_the_list_is_what_the_pinned_ultralytics_and_pytorch_load() -> None:
    if LIST.read_text() != safe_globals.listed():
        pytest.fail(str(safe_globals.__doc__))


@pytest.mark.parametrize(
    ("name", "task", "model"),
    [
        ("yolo11n", "detect", "yolo11n"),
        ("yolo26n-seg", "segment", "yolo26n"),
        ("yolov8n-cls", "classify", "yolov8n"),
        ("yolo11n-pose", "pose", "yolo11n"),
        ("yolo11n-obb", "obb", "yolo11n"),
        ("rtdetr-l", "detect", "rtdetr-l"),
    ],
)
def test_genuine_weights_pass(tmp_path: Path, name: str, task: str, model: str) -> None:
    made = RTDETR(f"{name}.yaml") if name.startswith("rtdetr") else YOLO(f"{name}.yaml")
    made.save(tmp_path / "best.pt")
    data = (tmp_path / "best.pt").read_bytes()
    assert weights.judge(io.BytesIO(data), len(data)) == (task, model)


class _Poison:
    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return exec, ("raise SystemExit",)


class _LooksUp:
    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return getattr, (torch.nn.Conv2d, "__init__")


@pytest.mark.parametrize("what", [_Poison(), _LooksUp(), torch.jit.script(torch.nn.ReLU())])
def test_what_the_loader_refuses_is_refused_by_both(tmp_path: Path, what: object) -> None:
    file = tmp_path / "best.pt"
    if isinstance(what, torch.nn.Module):
        torch.jit.save(what, file)
    else:
        torch.save({"model": what}, file)
    with pytest.raises(pickled.UnsafeError):
        weights.judge(io.BytesIO(file.read_bytes()), file.stat().st_size)
    with pytest.raises(
        Exception, match=r"TorchScript|supported Ultralytics checkpoint format|blocked"
    ):
        torch_safe_load(str(file), safe_only=True)  # type: ignore[no-untyped-call]
