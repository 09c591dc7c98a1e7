"""The workflows' activities, by the names that `workflows.py` calls them.

Temporal repeats an activity that failed. Here is the bound: a step that goes on failing is given up,
and its job or dataset ends in a state that says why.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy.exc import OperationalError
from temporalio import activity
from trainyard_datasets.problems import UnavailableError

from backend.context import Context
from backend.datasets import service as datasets
from backend.executors.base import ExecutorUnavailableError
from backend.infra import metrics
from backend.orchestration import attempts
from backend.temporal.workflows import ACTIVITY_HEARTBEAT_TIMEOUT, Launched, Settled

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

# Something is away and will be back. With 5 s between two tries, this is a day.
PASSING = OSError, OperationalError, UnavailableError, ExecutorUnavailableError
PASSING_TRIES = 17_000
# Of a step that fails otherwise; about a minute.
TRIES = 20

# The failures of this process' steps, by step, id and whether they pass.
_failures: Counter[tuple[str, str, bool]] = Counter()


async def _bounded(
    step: str, id_: str, work: Awaitable[Result], give_up: Callable[[str], Awaitable[Result]]
) -> Result:
    """The result of `work`; of `give_up`, called with the reason, where it has failed too often."""
    beats = asyncio.create_task(_beat())
    try:
        result = await work
    except Exception as error:
        metrics.STEP_FAILURES.labels(step).inc()
        passing = isinstance(error, PASSING) or getattr(error, "connection_invalidated", False)
        _failures[step, id_, passing] += 1
        tries = _failures[step, id_, passing]
        if tries < (PASSING_TRIES if passing else TRIES):
            raise
        logger.exception("%s of %s is given up after %d tries", step, id_, tries)
        result = await give_up(_reason(step, tries, error))
        metrics.STEPS_GIVEN_UP.labels(step).inc()
    finally:
        beats.cancel()
    for passing in (True, False):
        _failures.pop((step, id_, passing), None)
    return result


async def _beat() -> None:
    """Send heartbeats of this activity, so that those of a killed worker are soon repeated."""
    while True:
        await asyncio.sleep(ACTIVITY_HEARTBEAT_TIMEOUT.total_seconds() / 4)
        activity.heartbeat()


def activities(ctx: Context) -> Sequence[Callable[..., Any]]:
    async def of_job(step: str, job_id: str, work: Awaitable[Result], given_up: Result) -> Result:
        async def give_up(reason: str) -> Result:
            await attempts.give_up(ctx, job_id, reason)
            return given_up

        return await _bounded(step, job_id, work, give_up)

    @activity.defn
    async def launch(job_id: str) -> Launched | None:
        return await of_job("launch", job_id, attempts.launch(ctx, job_id), None)

    @activity.defn
    async def settle(job_id: str, number: int) -> Settled:
        work = attempts.settle(ctx, job_id, number)
        return await of_job("settle", job_id, work, Settled(delay_s=0))

    @activity.defn
    async def finalize(job_id: str, number: int) -> None:
        await of_job("finalize", job_id, attempts.finalize(ctx, job_id, number), None)

    @activity.defn
    async def preflight(dataset_id: str) -> None:
        async def give_up(reason: str) -> None:
            await datasets.give_up(ctx, dataset_id, f"{reason} Push it again.")

        await _bounded("preflight", dataset_id, datasets.run_check(ctx, dataset_id), give_up)

    return [launch, settle, finalize, preflight]


def _reason(step: str, tries: int, error: Exception) -> str:
    line = (str(error).splitlines() or [""])[0][:300]
    return (
        f"The platform gave up after {tries} tries of the step {step}: {type(error).__name__}: "
        f"{line} The backend's log has more."
    )
