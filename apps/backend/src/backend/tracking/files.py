"""Copies of a job's files in MLflow; ADR 0046 says which, and why."""

import logging

from backend.context import Context
from backend.infra.mlflow import MlflowRefusedError
from backend.state import object_keys
from backend.tracking import repository

logger = logging.getLogger(__name__)

# Pictures, tables and reports are smaller.
SHOWN_BYTES = 5 * 2**20
LINK_S = 600


async def copy(ctx: Context, job_id: str, run_id: str) -> None:
    """Give the run what MLflow shows, and the model; what it has already is the same.

    Raises:
        MlflowAwayError: MLflow or the store does not answer.
    """
    async with ctx.db.reading() as session:
        files = await repository.files(session, job_id, SHOWN_BYTES)
    for file in files:
        key = object_keys.artifact(job_id, file.attempt, file.name)
        bucket = ctx.settings.models_bucket
        link = await ctx.store.presign_internal_get(bucket, key, lifetime_s=LINK_S)
        try:
            await ctx.mlflow.copy(link, run_id, file.name)
        except MlflowRefusedError as error:  # its name, as a rule
            logger.warning("job %s: MLflow does not take %s: %s", job_id, file.name, error)
