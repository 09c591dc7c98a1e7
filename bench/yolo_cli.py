# SPDX-License-Identifier: AGPL-3.0-only
"""The `yolo` command with callbacks that print when batches and epochs end."""

import sys
import time
from typing import Any

from trainer.yolo.torchvision_shim import install

install()

from ultralytics.cfg import entrypoint  # noqa: E402
from ultralytics.utils import callbacks  # noqa: E402


def _mark(what: str) -> Any:
    def callback(_trainer: object) -> None:
        print(f"{what} end at {time.time()}", file=sys.stderr, flush=True)

    return callback


callbacks.default_callbacks["on_train_batch_end"].append(_mark("batch"))
callbacks.default_callbacks["on_fit_epoch_end"].append(_mark("epoch"))
sys.argv[0] = "yolo"
entrypoint()
