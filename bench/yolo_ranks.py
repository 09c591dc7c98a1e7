# SPDX-License-Identifier: AGPL-3.0-only
"""What torchrun runs: the library's trainer, with no more than ranks on CPUs need; the first prints when epochs end.

`torchrun … yolo_ranks.py PEERS CONFIG`: the file in which the ranks meet, and a trainer's settings as JSON.
"""

import json
import sys
import time

from trainer.yolo.torchvision_shim import install

install()

from trainer.yolo.distributed import Ranked  # noqa: E402
from ultralytics.models.yolo.detect import DetectionTrainer  # noqa: E402
from ultralytics.utils import RANK  # noqa: E402


class Trainer(Ranked, DetectionTrainer):  # type: ignore[misc]
    meeting = f"file://{sys.argv[1]}"


def mark(_trainer: object) -> None:
    if RANK == 0:
        print(f"epoch end at {time.time()}", file=sys.stderr, flush=True)


trainer = Trainer(overrides=json.loads(sys.argv[2]))
trainer.add_callback("on_fit_epoch_end", mark)
trainer.train()
