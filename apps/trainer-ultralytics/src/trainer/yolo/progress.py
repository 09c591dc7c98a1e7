"""Reports phases, steps, epochs and checkpoints to the supervisor, from Ultralytics' callbacks."""

import math
import time
from pathlib import Path
from typing import Any

import torch

from trainer import checkpoints
from trainer.messages import Report
from trainer.yolo.stop_signal import StopFlag

_STEP_INTERVAL_S = 0.5


class Progress:
    """Callbacks of one training."""

    def __init__(self, report: Report, stop: StopFlag, run_dir: Path) -> None:
        self._report = report
        self._stop = stop
        self._run_dir = run_dir
        self._steps = 0
        self._images = 0
        self._batches = 0
        self._reported_at = 0.0
        self._started_at = 0.0
        self._epoch_open = False
        self._saved = False

    def attach(self, trainer: Any) -> None:
        """Register with the trainer."""
        for event in (
            *("on_train_epoch_start", "on_train_batch_end", "on_train_epoch_end"),
            *("on_val_batch_end", "on_model_save", "on_fit_epoch_end"),
        ):
            trainer.add_callback(event, getattr(self, event))

    def on_train_epoch_start(self, trainer: Any) -> None:
        """An epoch begins; from the first one on a stop waits for the batch to end."""
        self._stop.defer()
        self._report("phase", phase="training")
        self._batches = self._images = 0
        self._started_at = time.monotonic()

    def on_train_batch_end(self, trainer: Any) -> None:
        """One batch is trained."""
        self._steps += 1
        self._batches += 1
        self._images += trainer.batch_size
        now = time.monotonic()
        last = self._batches == len(trainer.train_loader)
        if self._steps == 1 or last or now - self._reported_at >= _STEP_INTERVAL_S:
            self._reported_at = now
            done = trainer.epoch + self._batches / max(1, len(trainer.train_loader))
            fields = {
                "step": self._steps,
                "progress": min(1.0, done / trainer.epochs),
                "speed": self._images / max(1e-6, now - self._started_at),
            }
            if trainer.device.type == "cuda":
                fields["gpu_memory_bytes"] = float(torch.cuda.memory_reserved(trainer.device))
            self._report("step", **fields)
        self._stop.check()

    def on_train_epoch_end(self, trainer: Any) -> None:
        """All batches of the epoch are trained."""
        self._epoch_open = True
        self._report("phase", phase="validating")
        # Before the validation, which the last epoch is never without.
        trainer.stop |= trainer.agreed(self._stop.finish)

    def on_val_batch_end(self, validator: Any) -> None:
        """One batch is validated."""
        self._stop.check()

    def on_model_save(self, trainer: Any) -> None:
        """last.pt is written; it becomes a checkpoint once the epoch's metrics are reported."""
        self._stop.hold()
        self._saved = True

    def on_fit_epoch_end(self, trainer: Any) -> None:
        """The epoch is validated; the call after the final validation belongs to no epoch."""
        if not self._epoch_open:
            return
        self._epoch_open = False
        metrics = trainer.label_loss_items(trainer.tloss) | (trainer.metrics or {}) | trainer.lr
        numbers = {name: float(value) for name, value in metrics.items()}
        self._report(
            "epoch",
            epoch=trainer.epoch,
            progress=(trainer.epoch + 1) / trainer.epochs,
            # JSON has no NaN; a diverged value is shown as null rather than hidden
            metrics={n: v if math.isfinite(v) else None for n, v in numbers.items()},
        )
        if self._saved:
            self._saved = False
            target = self._run_dir.parent / f"checkpoint-{trainer.epoch}"
            checkpoints.snapshot(
                self._run_dir, target, best=trainer.best_fitness == trainer.fitness
            )
            self._report("checkpoint", path=str(target), epoch=trainer.epoch)
        self._stop.release()
        self._stop.check()
        trainer.stop |= trainer.agreed(self._stop.finish)
