"""The workflows' activities, by the names that `workflow.py` calls them."""

from collections.abc import Callable, Sequence
from typing import Any

from temporalio import activity

from backend.context import Context
from backend.datasets.service import run_preflight
from backend.orchestration import attempts
from backend.temporal.workflows import Launched, Settled


def activities(ctx: Context) -> Sequence[Callable[..., Any]]:
    @activity.defn
    async def launch(job_id: str) -> Launched | None:
        return await attempts.launch(ctx, job_id)

    @activity.defn
    async def settle(job_id: str, number: int) -> Settled:
        return await attempts.settle(ctx, job_id, number)

    @activity.defn
    async def finalize(job_id: str, number: int) -> None:
        await attempts.finalize(ctx, job_id, number)

    @activity.defn
    async def preflight(dataset_id: str) -> None:
        await run_preflight(ctx, dataset_id)

    return [launch, settle, finalize, preflight]
