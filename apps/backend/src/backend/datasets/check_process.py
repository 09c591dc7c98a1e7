"""Has a dataset checked in a process of its own, and says in words how that ended."""

from typing import IO

from pydantic import BaseModel, ValidationError
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt
from trainyard_datasets import limits, process
from trainyard_datasets.problems import UnavailableError

from backend.context import Context
from backend.datasets.schemas import Report
from backend.infra.object_store import ObjectStoreError
from backend.state import object_keys
from backend.state.datasets import Dataset

_ATTEMPTS = 2


class Result(BaseModel):
    """What `trainyard_datasets.process.run_check` returns, validated."""

    accepted: bool
    sha256: str | None
    report: Report
    index_sha256: str | None = None


async def run(ctx: Context, dataset: Dataset, index_file: IO[bytes]) -> Result:
    """Check the dataset; a check that took too long or crashed twice rejects it.

    The index of a dataset that is accepted is written to `index_file`, which is left at its start.

    Raises:
        ObjectStoreError: the store does not answer.
    """
    attempts = AsyncRetrying(
        retry=retry_if_exception_type(process.CrashedError),
        stop=stop_after_attempt(_ATTEMPTS),
        reraise=True,
    )
    try:
        return await attempts(_run_once, ctx, dataset, index_file)
    except process.CrashedError as error:
        return _rejected(
            f"Checking this dataset crashed {_ATTEMPTS} times ({error}), most likely because it ran "
            "out of memory or a file is malformed. Push a smaller dataset, or see the backend's log."
        )
    except process.OverrunError:
        return _rejected(
            f"Checking this dataset took longer than {limits.WALL_S / 60:g} minutes. Split it into "
            "smaller datasets."
        )
    except UnavailableError as error:
        raise ObjectStoreError(
            f"Dataset {dataset.id} could not be read from the object store: {error}"
        ) from error


async def _run_once(ctx: Context, dataset: Dataset, index_file: IO[bytes]) -> Result:
    url = await ctx.store.presign_internal_get(
        ctx.settings.datasets_bucket, object_keys.dataset(dataset.id), lifetime_s=2 * limits.WALL_S
    )
    found = await process.run_check(url, dataset.size, dataset.sha256, dataset.task, index_file)
    try:
        return Result.model_validate(found)
    except ValidationError as error:
        raise process.CrashedError("no result") from error


def _rejected(message: str) -> Result:
    return Result(accepted=False, sha256=None, report=Report.of_error(message))
