"""Keeps this process from running code of a file that it loads, whatever part of it loads the file."""

from typing import Any

import torch
from ultralytics.nn.tasks import _SafeLoad

_load = torch.load


def install() -> None:
    """Make every `torch.load` a restricted one, by the list of `safe_globals`.

    Ultralytics restricts what it loads as a model. At the end of a training it loads best.pt
    otherwise, which may have come from the store.
    """
    if not _SafeLoad.SUPPORTED:
        raise ImportError("PyTorch cannot restrict what it loads: install 2.6 or newer.")
    torch.load = _restricted


def _restricted(f: Any, *arguments: Any, weights_only: bool | None = None, **named: Any) -> Any:
    if weights_only:  # as a model: its caller has told what the file may name
        return _load(f, *arguments, weights_only=True, **named)
    with _SafeLoad.loading(f):
        return _load(f, *arguments, weights_only=True, **named)
