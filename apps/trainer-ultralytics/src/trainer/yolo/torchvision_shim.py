"""Lets torchvision import where its compiled operators do not load.

A CPU build of torch beside a torchvision built for CUDA has no `torchvision::nms`, and torchvision
cannot be imported without one.
"""

import importlib.util
from pathlib import Path

import torch


def install() -> None:
    """Define the missing operators; does nothing where torchvision's own load."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None or _kept:
        return
    for library in Path(spec.origin).parent.glob("_C*.so"):
        try:
            torch.ops.load_library(library)
        except OSError:
            continue
        return
    operators = torch.library.Library("torchvision", "DEF")
    operators.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    operators.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    operators.impl("nms", nms, "CompositeExplicitAutograd")
    operators.impl("qnms", nms, "CompositeExplicitAutograd")
    _kept.append(operators)
    import torchvision.extension  # noqa: PLC0415 - it cannot be imported before

    torchvision.extension._has_ops = lambda: True  # noqa: SLF001 - it looks for the library only


_kept: list[torch.library.Library] = []  # a library's operators live as long as it does


def nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Indices of the boxes (n × 4: x1, y1, x2, y2) that no better-scored one overlaps, best first."""
    if boxes.numel() == 0:
        return torch.empty(0, dtype=torch.long, device=boxes.device)
    order = scores.argsort(descending=True, stable=True)
    boxes = boxes[order]
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    alive = torch.ones(len(boxes), dtype=torch.bool, device=boxes.device)
    for index in range(len(boxes)):
        if not alive[index]:
            continue
        rest = boxes[index + 1 :]
        size = (
            torch.minimum(boxes[index, 2:], rest[:, 2:])
            - torch.maximum(boxes[index, :2], rest[:, :2])
        ).clamp(min=0)
        inter = size[:, 0] * size[:, 1]
        iou = inter / (area[index] + area[index + 1 :] - inter)
        alive[index + 1 :] &= ~(iou > iou_threshold)
    return order[alive]
