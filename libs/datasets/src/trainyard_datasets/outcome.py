"""Has an archive checked in a process of its own, and says in words how that ended."""

from typing import IO, Self

from pydantic import BaseModel, ValidationError
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt

from trainyard_datasets import limits, process
from trainyard_datasets.report import Report

_ATTEMPTS = 2
# So long a link to an archive must be good for its check, in seconds.
LINK_S = (_ATTEMPTS + 1) * limits.WALL_S


class Outcome(BaseModel):
    """What `process.run_check` returns, validated."""

    accepted: bool
    sha256: str | None
    report: Report
    index_sha256: str | None = None

    @classmethod
    def rejected(cls, message: str) -> Self:
        """Of a dataset that could not be checked, and why."""
        return cls(accepted=False, sha256=None, report=Report.of_error(message))


async def check_archive(
    url: str, size: int, sha256: str | None, task: str, index_file: IO[bytes]
) -> Outcome:
    """Check the archive at `url`; a check that took too long or crashed twice rejects it.

    The index of a dataset that is accepted is written to `index_file`, which is left at its start.

    Args:
        url: a link that is good for `LINK_S`.
        size: of the archive in bytes.
        sha256: of the archive, where it is known.
        task: of the dataset.
        index_file: a file of the caller's, whose content goes.

    Raises:
        UnavailableError: the store does not answer.
    """
    attempts = AsyncRetrying(
        retry=retry_if_exception_type(process.CrashedError),
        stop=stop_after_attempt(_ATTEMPTS),
        reraise=True,
    )
    try:
        return await attempts(_check_once, url, size, sha256, task, index_file)
    except process.CrashedError as error:
        return Outcome.rejected(
            f"Checking this dataset crashed {_ATTEMPTS} times ({error}), most likely because it ran "
            "out of memory or a file is malformed. Push a smaller dataset, or see the backend's log."
        )
    except process.OverrunError:
        return Outcome.rejected(
            f"Checking this dataset took longer than {limits.WALL_S / 60:g} minutes. Split it into "
            "smaller datasets."
        )


async def _check_once(
    url: str, size: int, sha256: str | None, task: str, index_file: IO[bytes]
) -> Outcome:
    found = await process.run_check(url, size, sha256, task, index_file)
    try:
        return Outcome.model_validate(found)
    except ValidationError as error:
        raise process.CrashedError("no result") from error
