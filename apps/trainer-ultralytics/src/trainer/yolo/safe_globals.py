"""What weights may name: the list of libs/datasets, by which the platform judges a file before any job.

`python -m trainer.yolo.safe_globals > libs/datasets/src/trainyard_datasets/weights_globals.txt`
writes it after an upgrade of PyTorch or Ultralytics.
"""

import importlib
import pkgutil
import sys
from collections import defaultdict
from types import ModuleType

import torch
import ultralytics.nn.modules
from torch._weights_only_unpickler import _get_allowed_globals
from ultralytics.nn import distill_model, tasks
from ultralytics.utils import loss, tal

from trainer.yolo import torchvision_shim

torchvision_shim.install()

import torchvision.transforms.transforms as tvt  # noqa: E402 - it needs the shim
from torchvision.transforms.functional import InterpolationMode  # noqa: E402

_LAYERS = (torch.nn.modules, ultralytics.nn.modules)
_TRANSFORMS = (tvt.Compose, tvt.Normalize, tvt.Resize, tvt.CenterCrop, tvt.ToTensor)
# As files that Python 2 could read have them.
_RENAMED = {"builtins": "__builtin__"}


def names() -> set[str]:
    """All that PyTorch's and Ultralytics' restricted loading takes, as `tasks._SafeLoad` has it."""
    found = set(_get_allowed_globals()) | set(tasks._SafeLoad._build())  # noqa: SLF001
    found |= {f"{one.__module__}.{one.__qualname__}" for one in (*_TRANSFORMS, InterpolationMode)}
    inside = [
        importlib.import_module(f"{package.__name__}.{part.name}")
        for package in _LAYERS
        for part in pkgutil.iter_modules(package.__path__)
    ]
    for module in (*_LAYERS, *inside, tasks):
        found |= {f"{module.__name__}.{name}" for name in _classes(module, torch.nn.Module)}
    for module in (distill_model, loss, tal):
        own = _classes(module, object)
        found |= {
            f"{module.__name__}.{name}"
            for name in own
            if vars(module)[name].__module__ == module.__name__
        }
    return found


def listed() -> str:
    """A line for each module: its name, and the names in it that weights may name."""
    by_module = defaultdict(set)
    for one in names():
        module, _, name = one.rpartition(".")
        by_module[module].add(name)
    for module, earlier in _RENAMED.items():
        by_module[earlier] = by_module[module]
    return "".join(
        f"{module} {' '.join(sorted(by_module[module]))}\n" for module in sorted(by_module)
    )


def _classes(module: ModuleType, kind: type) -> set[str]:
    return {
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, kind)
    }


if __name__ == "__main__":
    sys.stdout.write(listed())
