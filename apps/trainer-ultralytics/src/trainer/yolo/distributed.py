"""What Ultralytics' trainers do otherwise when several ranks train together (yolo/ranks.py).

Upstream shares out batches, synchronises gradients and gathers what validation finds; it trains on
CPUs with one process only, shows the first rank's losses as everybody's, and validates the best
model on all ranks at the end.
"""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed, nn
from ultralytics.engine.trainer import BaseTrainer
from ultralytics.utils import LOCAL_RANK, RANK, WORLD_SIZE
from ultralytics.utils.torch_utils import get_torch_device_backend

# A peer that hangs is given up; one that dies is noticed at once.
_TIMEOUT = timedelta(minutes=10)


class Ranked(BaseTrainer):
    """A trainer that is one of several ranks; `peers` is the file in which they meet."""

    peers: Path
    validator: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.world_size = WORLD_SIZE
        self.ddp = False  # would start ranks by itself
        self.add_callback("on_train_epoch_end", Ranked._share_losses)

    def _setup_ddp(self) -> None:
        if self.device.type == "cuda":
            index = int(str(self.args.device).split(",")[LOCAL_RANK])
            self.device = torch.device("cuda", index)
            self.accelerator = get_torch_device_backend(self.device)
            torch.cuda.set_device(index)
        else:
            nn.parallel.DistributedDataParallel = _CpuParallel  # type: ignore[assignment,misc]
        distributed.init_process_group(
            "nccl" if self.device.type == "cuda" else "gloo",
            init_method=f"file://{self.peers}",
            timeout=_TIMEOUT,
            rank=RANK,
            world_size=WORLD_SIZE,
        )

    def _share_losses(self) -> None:
        """Make each rank's mean training loss that of all ranks."""
        losses: dict[str, torch.Tensor] = self.tloss or {}
        for value in losses.values():
            distributed.all_reduce(value)
            value.div_(WORLD_SIZE)

    def get_validator(self) -> Any:
        """A validator whose loss is the mean of all ranks' batches, of which they may have unequally many."""
        validator = super().get_validator()
        gather = validator.gather_stats

        def gather_with_losses() -> None:
            if distributed.is_initialized():
                first = torch.tensor(float(len(validator.dataloader)), device=self.device)
                everybody = first.clone()
                distributed.broadcast(first, 0)
                distributed.all_reduce(everybody)
                # Upstream takes the mean over ranks, and divides it by the first one's batches.
                share = (WORLD_SIZE * first / everybody).item()
                validator.loss = {name: value * share for name, value in validator.loss.items()}
            gather()

        validator.gather_stats = gather_with_losses
        return validator

    def final_eval(self) -> None:
        """Validate the best model on the first rank, as one that trains alone would."""
        distributed.barrier()
        distributed.destroy_process_group()
        if RANK == 0:
            _become_alone()
            batch = 2 * max(1, self.batch_size // WORLD_SIZE)  # as upstream's, of the whole split
            split = self.data[self.args.split]
            self.test_loader = self.get_dataloader(split, batch_size=batch, rank=-1, mode="val")
            self.validator.dataloader = self.test_loader
            super().final_eval()


class _CpuParallel(nn.parallel.DistributedDataParallel):
    """Takes the device that upstream names for each rank, and a CPU has none of."""

    def __init__(self, module: nn.Module, device_ids: Any = None, **kwargs: Any) -> None:
        super().__init__(module, **kwargs)


def _become_alone() -> None:
    """Have Ultralytics' modules, each of which holds a copy of its rank, take this one as the only one."""
    for name, module in list(sys.modules.items()):
        if name.startswith("ultralytics"):
            for rank in {"RANK", "LOCAL_RANK"} & vars(module).keys():
                setattr(module, rank, -1)
