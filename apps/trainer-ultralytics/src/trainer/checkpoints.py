"""Checkpoints: one uncompressed zip each, with what the next attempt needs to go on."""

import json
import logging
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from trainer.contract import Attempt, EpochMetrics
from trainer.object_store import ObjectStore

logger = logging.getLogger(__name__)
_LAST, _BEST, _RESULTS = "weights/last.pt", "weights/best.pt", "results.csv"
_EVALUATION = "evaluation.json"
# Part of the format: attempts of other versions read and write checkpoints of the same job.
_UNACKNOWLEDGED = "untold.json"
# Without best.pt and results.csv a resumed run that never beats its old best would have neither.
_MEMBERS = (_LAST, _BEST, _RESULTS, _EVALUATION)


def checkpoint_key(job_id: str, attempt: int) -> str:
    """Where the attempt's newest checkpoint is stored."""
    return f"{job_id}/{attempt}/checkpoint"


def snapshot(run_dir: Path, target: Path, *, best: bool) -> None:
    """Copy what the run's next save would overwrite into the folder `target`, atomically.

    The training waits for this, so last.pt is all that is copied; `best` says that last.pt is also
    the best so far.
    """
    temporary = target.with_suffix(".part")
    (temporary / _LAST).parent.mkdir(parents=True)
    shutil.copyfile(run_dir / _LAST, temporary / _LAST)
    # Where the last epoch is the best, its weights are kept once, as last.pt.
    newest_best = run_dir.parent / "best.pt"
    if best:
        newest_best.unlink(missing_ok=True)
        newest_best.hardlink_to(temporary / _LAST)
    elif (run_dir / _BEST).exists():
        if not newest_best.exists():  # it came with the checkpoint that was resumed
            shutil.copyfile(run_dir / _BEST, newest_best)
        (temporary / _BEST).hardlink_to(newest_best)
    for table in (_RESULTS, _EVALUATION):
        if (run_dir / table).exists():
            shutil.copyfile(run_dir / table, temporary / table)
    temporary.rename(target)


def pack(snapshot: Path, unacknowledged: Sequence[EpochMetrics] = ()) -> Path:
    """Write the snapshot as one zip beside it; returns the zip.

    `unacknowledged` are the metrics that the backend may not have: the next attempt, which does
    not repeat these epochs, sends them.
    """
    target = snapshot.with_suffix(".zip")
    with zipfile.ZipFile(target, "w") as archive:
        for member in _MEMBERS:
            if (snapshot / member).exists():
                archive.write(snapshot / member, member)
        archive.writestr(_UNACKNOWLEDGED, json.dumps(unacknowledged))
    return target


def artifacts(snapshot: Path) -> list[tuple[str, Path]]:
    """The snapshot's files that the job shows, each with its artifact's name."""
    last, best = snapshot / _LAST, snapshot / _BEST
    files = [best if best.exists() else last, last, snapshot / _RESULTS, snapshot / _EVALUATION]
    names = ("best.pt", "last.pt", _RESULTS, _EVALUATION)
    return [(name, file) for name, file in zip(names, files, strict=True) if file.exists()]


class Restored(NamedTuple):
    """`epoch`, from 0, is the last finished one; `unacknowledged` as it was packed."""

    epoch: int
    unacknowledged: list[EpochMetrics]


def restore(attempt: Attempt, object_store: ObjectStore, run_dir: Path) -> Restored | None:
    """Unpack the newest checkpoint of the job's earlier attempts into `run_dir`.

    Returns:
        None where there is no usable one.

    Raises:
        AttemptError: the object store is unreachable or refuses.
    """
    for number in range(attempt.number - 1, 0, -1):
        key = checkpoint_key(attempt.job_id, number)
        stored = object_store.find(attempt.models_bucket, key)
        if stored is None or stored.epoch is None:
            continue
        run_dir.mkdir(parents=True, exist_ok=True)
        archive = run_dir / "checkpoint.zip"
        if object_store.download(attempt.models_bucket, key, archive) != stored.sha256:
            logger.warning(
                "The checkpoint of attempt %d is damaged; looking for an earlier one.", number
            )
            continue
        with zipfile.ZipFile(archive) as source:
            for member in set(_MEMBERS) & set(source.namelist()):
                source.extract(member, run_dir)
            # Checkpoints of older versions lack it.
            packed = _UNACKNOWLEDGED in source.namelist()
            rows = json.loads(source.read(_UNACKNOWLEDGED)) if packed else []
        archive.unlink()
        if not (run_dir / _BEST).exists():
            shutil.copyfile(run_dir / _LAST, run_dir / _BEST)
        return Restored(stored.epoch, [row for row in rows if row["epoch"] <= stored.epoch])
    return None
