"""How good a job's model is, as its evaluation.json tells."""

from contextlib import suppress
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from backend.callbacks.schemas import MAX_METRICS, Epoch, Name, Number, Numbers
from backend.context import Context
from backend.state import object_keys
from backend.state.artifacts import Artifact
from backend.state.jobs import Job

NAME = "evaluation.json"
MAX_BYTES = 2**20


class Best(BaseModel):
    epoch: Epoch | None = Field(description="That the model is of, counted from 0")
    metric: Name
    value: Number


class Evaluation(BaseModel):
    """What is read of it (docs/evaluation.schema.json)."""

    best: Best
    metrics: Numbers


async def result(ctx: Context, job_id: str) -> dict[str, Any]:
    """The job's columns `metrics` and `best` at its end, as far as they are known.

    Raises:
        ObjectStoreError: the file could not be read.
    """
    async with ctx.db.reading() as session:
        job = await session.get_one(Job, job_id)
        file = await session.get(Artifact, (job_id, NAME))
    if file is not None and file.size <= MAX_BYTES:
        key = object_keys.artifact(job_id, file.attempt, NAME)
        with suppress(ValidationError):
            document = await ctx.store.read(ctx.settings.models_bucket, key)
            told = Evaluation.model_validate_json(document)
            of = {} if told.best.epoch is None else {"best/epoch": told.best.epoch}
            metrics = dict([*told.metrics.items()][:MAX_METRICS]) | of
            return {"best": told.best.model_dump(), "metrics": metrics}
    for trainer in ctx.trainers.all():
        main = trainer.metrics.get(job.task)
        if trainer.name == job.trainer and main and main.main in job.metrics:
            value, epoch = job.metrics[main.main], job.metrics.get("best/epoch")
            return {"best": {"epoch": epoch, "metric": main.main, "value": value}}
    return {}
