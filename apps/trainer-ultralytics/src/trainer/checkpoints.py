"""A checkpoint is one uncompressed zip of what the next attempt needs to go on."""

import logging
import zipfile
from pathlib import Path

from trainer.client import Store
from trainer.contract import Attempt

log = logging.getLogger(__name__)
# Without best.pt and results.csv a resumed run that never beats its old best would have neither.
_MEMBERS = ("weights/last.pt", "weights/best.pt", "results.csv")


def pack(run: Path, target: Path) -> None:
    """Write the run's checkpoint to `target`, never seen half written."""
    temporary = target.with_suffix(".part")
    with zipfile.ZipFile(temporary, "w") as archive:
        for member in _MEMBERS:
            if (run / member).exists():
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
        return stored.epoch
    return None
