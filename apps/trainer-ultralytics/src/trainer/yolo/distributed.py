"""What Ultralytics' trainers do otherwise when several ranks train together (yolo/ranks.py).

Upstream shares out batches, synchronises gradients and gathers what validation finds; it trains on
CPUs with one process only, shows the first rank's losses as everybody's, and validates the best
model on all ranks at the end.
"""

import os
import re
import sys
import threading
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any

import torch
from torch import distributed, nn
from ultralytics.engine.trainer import BaseTrainer
from ultralytics.utils import LOCAL_RANK, RANK, WORLD_SIZE
from ultralytics.utils.torch_utils import get_torch_device_backend

from trainer.contract import Attempt, AttemptError, Cause
from trainer.yolo.ranks import count

# A peer that hangs is given up; one that dies is noticed at once.
_TIMEOUT = timedelta(seconds=float(os.environ.get("RANK_TIMEOUT_S", "600")))
_TIMED_OUT = re.compile("time(d )?out", re.IGNORECASE)
# gloo's errors are plain ones, which begin with a place in its source; but for one.
_GLOO = re.compile("gloo|Application timeout caused pair closure")
# Ranks that wait for the same peer give up as long after each other as they came to wait.
_ANSWER_S = 10.0
# Each node fetches the dataset by itself.
_MEETING_TIMEOUT = timedelta(minutes=30)


def is_peers(error: BaseException) -> bool:
    """Whether the error is about another rank."""
    return isinstance(error, distributed.DistError) or bool(_GLOO.search(str(error)))


class Ranked(BaseTrainer):
    """A trainer that is one of several ranks; `meeting` is the file or address, as a URL, where they meet."""

    attempt: Attempt
    meeting: str
    validator: Any
    _peers: Any

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
        self._peers = _store(self.meeting)
        distributed.init_process_group(
            "nccl" if self.device.type == "cuda" else "gloo",
            store=self._peers,
            timeout=_TIMEOUT,
            rank=RANK,
            world_size=WORLD_SIZE,
        )

    def train(self) -> None:
        """Train as one of the ranks.

        Raises:
            AttemptError: others did not come to where this one waited; the message names them.
        """
        try:
            super().train()
        except Exception as error:
            # Ranks that have not met yet cannot tell each other who waits.
            have_met = distributed.is_initialized()
            if not (have_met and is_peers(error) and _TIMED_OUT.search(str(error))):
                raise
            raise AttemptError(Cause.STALLED, _no_answer(self._silent(), self.attempt)) from error

    def _silent(self) -> list[int]:
        """The ranks that did not wait for others, though each waits where another is missing."""
        silent = [0]  # which keeps what is told here

        def ask() -> None:
            nonlocal silent
            with suppress(RuntimeError):
                self._peers.set(f"waited-{RANK}", "")
                time.sleep(_ANSWER_S)
                ranks = range(WORLD_SIZE)
                silent = [rank for rank in ranks if not self._peers.check([f"waited-{rank}"])]

        # A store whose process hangs lets who asks it wait, whatever its timeout.
        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(2 * _ANSWER_S)
        return silent

    def agreed(self, wish: bool) -> bool:
        """Whether any rank wishes it: they leave an epoch's loop together or wait for each other."""
        wishes = torch.tensor(float(wish), device=self.device)
        if distributed.is_initialized():
            distributed.all_reduce(wishes)
        return bool(wishes.item())

    def _handle_nan_recovery(self, epoch: int) -> bool:
        # The first node alone has the last epoch's file. All give up, and the next attempt resumes.
        last = self.last
        if self.meeting.startswith("tcp:"):
            self.last = last.with_name("of no node but the first")
        try:
            return bool(super()._handle_nan_recovery(epoch))
        finally:
            self.last = last

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


def _no_answer(silent: list[int], attempt: Attempt) -> str:
    waited = f"for {_TIMEOUT.total_seconds():g} s"
    if not silent:
        return f"No rank was answered by another {waited}: check the network between them."
    here = count(attempt)
    names = [
        f"Rank {rank} of {WORLD_SIZE}" + (f" (node {rank // here})" if attempt.nodes > 1 else "")
        for rank in silent
    ]
    return f"{', '.join(names)} did not answer the others {waited}: hung, or out of their reach."


def _store(meeting: str) -> Any:
    kind, _, where = meeting.partition("://")
    if kind == "file":
        return distributed.FileStore(where, WORLD_SIZE)  # type: ignore[attr-defined]
    host, _, port = where.rpartition(":")
    return distributed.TCPStore(  # type: ignore[attr-defined]
        host, int(port), WORLD_SIZE, is_master=RANK == 0, timeout=_MEETING_TIMEOUT
    )


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
