"""Copies of a job's files in MLflow; ADR 0046 says which, and why."""

import logging
from contextlib import suppress

from backend.context import Context
from backend.infra.mlflow import MlflowRefusedError
from backend.state import object_keys
from backend.state.artifacts import BEST
from backend.tracking import repository

logger = logging.getLogger(__name__)

# Pictures, tables and reports are smaller.
SHOWN_BYTES = 5 * 2**20
# Four at once fit into the folder where MLflow keeps what it receives.
MODEL_BYTES = 200 * 2**20
LINK_S = 600


async def copy(ctx: Context, job_id: str, run_id: str) -> None:
    """Give the run what MLflow shows, and the model; what it has already is the same.

    Raises:
        MlflowRefusedError: a file does not get there.
    """
    folder = await ctx.mlflow.files_of(run_id)
    if folder is None:
        return
    async with ctx.db.reading() as session:
        files = await repository.files(session, job_id, SHOWN_BYTES, MODEL_BYTES)
    for file in files:
        key = object_keys.artifact(job_id, file.attempt, file.name)
        bucket = ctx.settings.models_bucket
        link = await ctx.store.presign_internal_get(bucket, key, lifetime_s=LINK_S)
        if not await ctx.mlflow.copy(link, folder, file.name):
            logger.warning("job %s: MLflow gets no %s: it is gone, or refused", job_id, file.name)


async def folder_of_model(ctx: Context, job_id: str, run_id: str) -> str | None:
    """The URI of the run's files; None: the model is not among them, and cannot be copied there."""
    if folder := await ctx.mlflow.files_of(run_id):
        for _ in range(2):
            listed = await ctx.mlflow.call("GET", "artifacts/list", params={"run_id": run_id})
            if BEST in {one["path"] for one in listed.get("files", [])}:
                return folder
            # Told of the job's end before there were copies, or it did not take them then.
            with suppress(MlflowRefusedError):
                await copy(ctx, job_id, run_id)
    return None
