"""Configures Ultralytics for use without a network, and imports it.

Nothing here starts a thread, so a process that has called it can be forked.
"""

import inspect
import json
import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from trainer.yolo import torchvision_shim

_SETTINGS_VERSION = "0.0.8"
_OFF = ("sync", "clearml", "comet", "dvc", "mlflow", "raytune", "tensorboard", "wandb")


def prepare(home: Path) -> None:
    """Set the environment that Ultralytics reads when it is imported."""
    os.environ |= {
        "YOLO_OFFLINE": "1",
        "YOLO_AUTOINSTALL": "0",
        # A .pt is a pickle: without this, loading one runs whatever code its author put into it.
        "ULTRALYTICS_SAFE_LOAD": "1",
        "YOLO_CONFIG_DIR": str(home / "yolo"),
        "MPLCONFIGDIR": str(home / "yolo" / "matplotlib"),
        "MPLBACKEND": "agg",
    }
    config = home / "yolo" / "Ultralytics"
    config.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = {
        "settings_version": _SETTINGS_VERSION,
        "datasets_dir": str(home / "datasets"),
        "weights_dir": str(home / "weights"),
        "runs_dir": str(home / "runs"),
        "uuid": "0" * 64,
        "api_key": "",
        "openai_api_key": "",
        "vscode_msg": False,
        "openvino_msg": False,
        **dict.fromkeys(_OFF, False),
    }
    _replace(config / "settings.json", json.dumps(settings))
    matplotlib = find_spec("matplotlib")
    if matplotlib is None or matplotlib.origin is None:
        raise ModuleNotFoundError("matplotlib is missing from the trainer's environment")
    fonts = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf"
    for name in ("Arial.ttf", "Arial.Unicode.ttf"):
        if not (config / name).exists():
            temporary = config / f".{name}.{os.getpid()}"
            shutil.copyfile(fonts / "DejaVuSans.ttf", temporary)
            temporary.rename(config / name)


def _replace(path: Path, text: str) -> None:
    if path.exists() and path.read_text() == text:
        return
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_text(text)
    temporary.rename(path)


def load() -> None:
    """Import everything that the first batch needs; from then on nothing loads code."""
    torchvision_shim.install()
    import cv2  # noqa: F401, PLC0415
    import matplotlib.pyplot  # noqa: ICN001, F401, PLC0415
    import thop  # noqa: F401, PLC0415
    import torchvision  # noqa: F401, PLC0415
    from ultralytics.models.yolo import classify, detect, obb, pose, segment  # noqa: F401, PLC0415
    from ultralytics.utils.callbacks import platform  # noqa: F401, PLC0415

    from trainer.yolo import restricted  # noqa: PLC0415

    restricted.install()
    # Ultralytics looks at its own stack when it prints its arguments; the first look takes 0.1 s.
    inspect.getmodule(load)
