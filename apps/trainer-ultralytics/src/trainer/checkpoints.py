"""A checkpoint is one uncompressed zip of what the next attempt needs to go on."""

import filecmp
import logging
import shutil
import zipfile
from pathlib import Path

from trainer.client import Store
from trainer.contract import Attempt

log = logging.getLogger(__name__)
_LAST, _BEST = "weights/last.pt", "weights/best.pt"
# Without best.pt and results.csv a resumed run that never beats its old best would have neither.
_MEMBERS = (_LAST, _BEST, "results.csv")


def pack(run: Path, target: Path) -> None:
    """Write the run's checkpoint to `target`, never seen half written.

    Where the last epoch is the best, its weights are in it once, as last.pt.
    """
    temporary = target.with_suffix(".part")
    members = [member for member in _MEMBERS if (run / member).exists()]
    if _BEST in members and filecmp.cmp(run / _LAST, run / _BEST, shallow=False):
        members.remove(_BEST)
    with zipfile.ZipFile(temporary, "w") as archive:
        for member in members:
            archive.write(run / member, member)
    temporary.replace(target)


def restore(attempt: Attempt, store: Store, run: Path) -> int | None:
    """Put the newest checkpoint of the job's earlier attempts into `run`.

    Returns:
        The epoch (from 0) that it has finished, or None where there is no usable one.

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
        archive.unlink()
        if not (run / _BEST).exists():
            shutil.copyfile(run / _LAST, run / _BEST)
        return stored.epoch
    return None
