"""Mirrors jobs to MLflow: one run per job, its status the job's status.

The mirror is the only writer to MLflow. While MLflow is down the watermark on the job stands
still; no job waits for it and nothing is lost.
"""

import asyncio
import json
import logging
import time
from collections import Counter

from backend.context import Context
from backend.infra import metrics
from backend.infra.mlflow import VALUE_LENGTH, MlflowAwayError, MlflowRefusedError, Point
from backend.state import object_keys
from backend.state.datasets import Dataset
from backend.state.jobs import Job
from backend.state.statuses import FINISHED, JobStatus
from backend.tracking import files, repository

logger = logging.getLogger(__name__)

MIRROR_S = 2.0
AWAY_S = 10.0
POSTPONE_S = 60.0
# Of a finished job whose run MLflow refuses.
TRIES = 20
JOBS_AT_ONCE = 100
EPOCHS_AT_ONCE = 200
RUNS_AT_ONCE = 4
_LOCK = 0x6D6C666C6F77

RUN_STATUS = {
    JobStatus.SUCCEEDED: "FINISHED",
    JobStatus.FAILED: "FAILED",
    JobStatus.CANCELLED: "KILLED",
}


async def mirror_forever(ctx: Context) -> None:
    mirror = Mirror(ctx)
    while True:
        reached = await mirror.catch_up()
        await asyncio.sleep(MIRROR_S if reached else AWAY_S)


class Mirror:
    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._postponed: dict[str, float] = {}
        self._refused: Counter[str] = Counter()

    async def catch_up(self) -> bool:
        """Send what MLflow lacks, a part of each job at a time; False: MLflow is down.

        One replica at a time, because MLflow has no call that creates a run only if it is missing.
        """
        async with self._ctx.db.try_advisory_lock(_LOCK) as alone:
            try:
                if alone:
                    await self._catch_up()
                    await self._remove_deleted()
            except MlflowAwayError as error:
                logger.warning("MLflow at MLFLOW_TRACKING_URI is away: %s", error)
                return False
        return True

    async def _catch_up(self) -> None:
        now = time.monotonic()
        self._postponed = {job: until for job, until in self._postponed.items() if until > now}
        async with self._ctx.db.reading() as session:
            jobs = await repository.due(session, self._postponed, JOBS_AT_ONCE)
        for start in range(0, len(jobs), RUNS_AT_ONCE):
            some = jobs[start : start + RUNS_AT_ONCE]
            results = await asyncio.gather(*map(self._mirror, some), return_exceptions=True)
            for job, error in zip(some, results, strict=True):
                if isinstance(error, MlflowRefusedError):
                    self._postponed[job.id] = now + POSTPONE_S
                    await self._refuse(job, error)
                elif error is not None:
                    raise error

    async def _remove_deleted(self) -> None:
        """Close and remove the runs of deleted jobs, also those made while the job was deleted."""
        async with self._ctx.db.reading() as session:
            jobs = await repository.deleted(session, JOBS_AT_ONCE)
        for job in jobs:
            try:
                if run_id := await self._ctx.mlflow.find(job.id):
                    tags = {"trainyard.status": job.status}
                    status = RUN_STATUS[job.status]
                    await self._ctx.mlflow.set_status(run_id, status, job.finished_at, tags)
                    await self._ctx.mlflow.delete(run_id)
            except MlflowRefusedError as error:
                logger.warning("job %s was deleted; MLflow keeps its run: %s", job.id, error)
                metrics.STEPS_GIVEN_UP.labels("mirror").inc()
            async with self._ctx.db.transaction() as session:
                await session.delete(job)

    async def _refuse(self, job: Job, error: MlflowRefusedError) -> None:
        """Try again later, but not for ever: the run's tag `trainyard.refused` says what is missing."""
        metrics.STEP_FAILURES.labels("mirror").inc()
        self._refused[job.id] += 1
        logger.warning("job %s: MLflow refuses its run: %s", job.id, error)
        if job.status in FINISHED and self._refused[job.id] >= TRIES:
            logger.error("job %s: its MLflow run stays as it is", job.id)
            metrics.STEPS_GIVEN_UP.labels("mirror").inc()
            del self._refused[job.id]
            async with self._ctx.db.transaction() as session:
                await repository.set_done(session, job)

    async def _mirror(self, job: Job) -> None:
        async with self._ctx.db.reading() as session:
            epochs = await repository.missing_epochs(session, job, EPOCHS_AT_ONCE)
        run_id = job.mlflow_run_id or await self._make_run(job)
        points: list[Point] = [(row.epoch, row.at, row.values) for row in epochs]
        done = job.status in FINISHED and len(epochs) < EPOCHS_AT_ONCE
        last = epochs[-1].epoch if epochs else job.mlflow_epoch
        if done and (job.best or job.epoch is None):
            # A model's, of no epoch, as an export's. MLflow shows the last step. After a retry that
            # one is the next epoch's, too.
            points.append((last + 1, job.finished_at or job.updated_at, job.metrics))
        try:
            await self._ctx.mlflow.log(run_id, points)
        except MlflowRefusedError as error:
            if job.status in FINISHED:
                await self._show_status(job, run_id, missing=str(error))
            raise
        if done or job.mlflow_attempt != job.attempt:
            await self._show_status(job, run_id)
        async with self._ctx.db.transaction() as session:
            await repository.note(session, job.id, mlflow_attempt=job.attempt, mlflow_epoch=last)
        if done:
            await files.copy(self._ctx, job.id, run_id)
            async with self._ctx.db.transaction() as session:
                await repository.set_done(session, job)

    async def _make_run(self, job: Job) -> str:
        async with self._ctx.db.reading() as session:
            dataset = await session.get(Dataset, job.dataset_id)
        settings = self._ctx.settings
        data = _input(settings.datasets_bucket, dataset) if dataset else None
        tags = {
            "trainyard.dataset": data["name"] if data else job.dataset_id,
            "trainyard.trainer": job.trainer,
            "trainyard.weights": job.weights["name"] if job.weights else "none",
            "trainyard.files": f"s3://{settings.models_bucket}/{object_keys.job(job.id)}",
        }
        began, name = job.started_at or job.created_at, job.name or job.id
        run_id = await self._ctx.mlflow.find_or_create(job.id, name, began, tags, job.config)
        if data:
            await self._ctx.mlflow.post(
                "runs/log-inputs", run_id=run_id, datasets=[{"dataset": data}]
            )
        async with self._ctx.db.transaction() as session:
            await repository.note(session, job.id, mlflow_run_id=run_id)
        return run_id

    async def _show_status(self, job: Job, run_id: str, missing: str = "") -> None:
        tags = {"trainyard.status": job.status, "trainyard.cause": job.cause or ""}
        tags["trainyard.refused"] = missing[:VALUE_LENGTH]
        status = RUN_STATUS.get(job.status, "RUNNING")
        await self._ctx.mlflow.set_status(run_id, status, job.finished_at, tags)


def _input(bucket: str, dataset: Dataset) -> dict[str, str]:
    """The dataset as MLflow shows it, whose digests have room for half of a sha256."""
    source = {"uri": f"s3://{bucket}/{object_keys.dataset(dataset.id)}"}
    told = {"id": dataset.id, "sha256": dataset.sha256}
    shown = {"name": f"{dataset.name}@{dataset.version}", "digest": str(dataset.sha256)[:36]}
    return shown | {"source_type": "s3", "source": json.dumps(source), "profile": json.dumps(told)}
