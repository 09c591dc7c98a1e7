"""Starts the workflows that are missing: Temporal was away, or has lost what it knew."""

import asyncio
from datetime import timedelta

from backend.context import Context
from backend.infra.database import utcnow
from backend.orchestration import repository
from backend.state.datasets import Dataset
from backend.state.jobs import Job

RECONCILE_S = 2.0
# Longer than any delay between two attempts: a job that waited so long has lost its workflow.
STALE_AFTER = timedelta(seconds=30)


async def reconcile_forever(ctx: Context) -> None:
    while True:
        await reconcile(ctx)
        await asyncio.sleep(RECONCILE_S)


async def reconcile(ctx: Context) -> None:
    """Start every missing workflow once; Temporal refuses those that do run."""
    stale = utcnow() - STALE_AFTER
    async with ctx.db.reading() as session:
        jobs = await repository.jobs_without_workflow(session, stale)
        datasets = await repository.datasets_without_workflow(session, stale)
    for job_id in jobs:
        if not await ctx.temporal.start_training(job_id):
            return
        await _mark(ctx, Job, job_id)
    for dataset_id in datasets:
        if not await ctx.temporal.start_preflight(dataset_id):
            return
        await _mark(ctx, Dataset, dataset_id)


async def _mark(ctx: Context, table: type[Job | Dataset], id_: str) -> None:
    async with ctx.db.transaction() as session:
        await repository.mark_workflow_started(session, table, id_)
