"""A checkpoint is one uncompressed zip of what the next attempt needs to go on."""

import json
import logging
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from trainer.contract import Attempt, EpochMetrics
from trainer.object_store import ObjectStore

log = logging.getLogger(__name__)
_LAST, _BEST, _RESULTS = "weights/last.pt", "weights/best.pt", "results.csv"
_UNTOLD = "untold.json"
# Without best.pt and results.csv a resumed run that never beats its old best would have neither.
_MEMBERS = (_LAST, _BEST, _RESULTS)


def snapshot(run: Path, target: Path, *, best: bool) -> None:
    """Put aside what the run's next save would overwrite: in the folder `target`, not half written.

    The training waits for this, so that last.pt is all that is copied; `best` says that it is the
    best so far, too.
    """
    temporary = target.with_suffix(".part")
    (temporary / _LAST).parent.mkdir(parents=True)
    shutil.copyfile(run / _LAST, temporary / _LAST)
    # Where the last epoch is the best, its weights are kept once, as last.pt.
    newest_best = run.parent / "best.pt"
    if best:
        newest_best.unlink(missing_ok=True)
        newest_best.hardlink_to(temporary / _LAST)
    elif (run / _BEST).exists():
        if not newest_best.exists():  # it came with the checkpoint that was resumed
            shutil.copyfile(run / _BEST, newest_best)
        (temporary / _BEST).hardlink_to(newest_best)
    if (run / _RESULTS).exists():
        shutil.copyfile(run / _RESULTS, temporary / _RESULTS)
    temporary.rename(target)


def pack(snapshot: Path, untold: Sequence[EpochMetrics] = ()) -> Path:
    """Make the snapshot one file, beside it.

    `untold` are the metrics that the backend has not acknowledged: the next attempt, which does
    not repeat these epochs, sends them.
    """
    target = snapshot.with_suffix(".zip")
    with zipfile.ZipFile(target, "w") as archive:
        for member in _MEMBERS:
            if (snapshot / member).exists():
                archive.write(snapshot / member, member)
        archive.writestr(_UNTOLD, json.dumps(untold))
    return target


class Restored(NamedTuple):
    """`epoch`, from 0, is the last that the checkpoint has finished; `untold` as it was packed."""

    epoch: int
    untold: list[EpochMetrics]


def restore(attempt: Attempt, store: ObjectStore, run: Path) -> Restored | None:
    """Put the newest checkpoint of the job's earlier attempts into `run`.

    Returns:
        None where there is no usable one.

    Raises:
        AttemptError: the store is unreachable or refuses.
    """
    for number in range(attempt.number - 1, 0, -1):
        key = f"{attempt.job_id}/{number}/checkpoint"
        stored = store.find("models", key)
        if stored is None or stored.epoch is None:
            continue
        run.mkdir(parents=True, exist_ok=True)
        archive = run / "checkpoint.zip"
        if store.download("models", key, archive) != stored.sha256:
            log.warning(
                "The checkpoint of attempt %d is damaged; looking for an earlier one.", number
            )
            continue
        with zipfile.ZipFile(archive) as source:
            for member in set(_MEMBERS) & set(source.namelist()):
                source.extract(member, run)
            # An attempt of an older version, before an upgrade, has left none.
            untold = json.loads(source.read(_UNTOLD)) if _UNTOLD in source.namelist() else []
        archive.unlink()
        if not (run / _BEST).exists():
            shutil.copyfile(run / _LAST, run / _BEST)
        return Restored(stored.epoch, [row for row in untold if row["epoch"] <= stored.epoch])
    return None
