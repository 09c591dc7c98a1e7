"""What users do with jobs."""

import hashlib
import json
import logging
from typing import NamedTuple

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.artifacts.repository import made_by
from backend.context import Context
from backend.datasets.service import get_ready
from backend.infra.database import new_id
from backend.infra.problems import Problem, not_found, wrong_field
from backend.jobs import repository, resources
from backend.jobs.repository import JobRow
from backend.jobs.schemas import JobCreate
from backend.orchestration.attempts import request_stop
from backend.state import object_keys
from backend.state.jobs import DeletedJob, Job
from backend.state.statuses import FINISHED, JobStatus

logger = logging.getLogger(__name__)


class Created(NamedTuple):
    row: JobRow
    new: bool


async def create(ctx: Context, body: JobCreate, idempotency_key: str | None) -> Created:
    """Accept a job; it starts as soon as Temporal drives it.

    Raises:
        Problem: 422 when the dataset or the config will not do, 409 when the key was used for
            another job.
    """
    # What was sent: defaults are another release's too.
    sent = body.model_dump(mode="json", exclude_unset=True)
    canonical = json.dumps(sent, sort_keys=True)
    request_sha256 = hashlib.sha256(canonical.encode()).hexdigest()
    if idempotency_key and (earlier := await _earlier(ctx, idempotency_key, request_sha256)):
        return Created(earlier, new=False)
    there = await resources.machine(ctx, body)
    try:
        async with ctx.db.transaction() as session:
            dataset = await get_ready(session, body.dataset_id)
            weights, model = await _weights(session, body, dataset.task)
            config = ctx.trainers.validate(body.trainer, model | body.config, task=dataset.task)
            resources.check_files(body, there)
            chosen = resources.asked(ctx, body, there)
            job = Job(
                id=new_id(),
                **body.model_dump(exclude={"config", "resources", "weights"}),
                task=dataset.task,
                config=config,
                weights=weights,
                resources=chosen.model_dump(),
                idempotency_key=idempotency_key,
                request_sha256=request_sha256,
            )
            session.add(job)
    except IntegrityError:
        # An equal request was faster.
        if idempotency_key and (earlier := await _earlier(ctx, idempotency_key, request_sha256)):
            return Created(earlier, new=False)
        raise
    await _start(ctx, job.id)
    return Created(JobRow(job, None), new=True)


async def _weights(
    session: AsyncSession, body: JobCreate, task: str
) -> tuple[dict[str, str] | None, dict[str, str]]:
    """Name, key and sha256 of what the job starts from, and the config's `model` that it needs."""
    if body.weights is None:
        return None, {}
    job_id, _, name = body.weights.removeprefix("job:").partition("/")
    made = await made_by(session, job_id, name := name or "best.pt")
    if made is None or made[1].sha256 is None:
        detail = f"No job {job_id!r} left a {name} behind. Name a finished job that has it."
        raise wrong_field("Weights not usable", "weights", detail)
    job, artifact = made
    model = {key: value for key, value in job.config.items() if key == "model"}
    ours = (body.trainer, task, (model | body.config).get("model"))
    for its, our in zip((job.trainer, job.task, model.get("model")), ours, strict=True):
        if its != our:
            detail = f"Job {job.id} trained for {its}, this job is for {our}. Start from another."
            raise wrong_field("Weights not usable", "weights", detail)
    key = object_keys.artifact(job.id, artifact.attempt, name)
    sha256 = str(artifact.sha256)
    return {"name": f"job:{job.id}/{name}", "key": key, "sha256": sha256}, model


async def _earlier(ctx: Context, key: str, request_sha256: str) -> JobRow | None:
    async with ctx.db.reading() as session:
        job = await repository.by_idempotency_key(session, key)
        if job is None:
            return None
        if job.request_sha256 != request_sha256:
            raise Problem(
                409,
                "Idempotency-Key used",
                f"This Idempotency-Key was used for job {job.id} with another body. "
                "Use a new key for a new job.",
            )
        return await existing(session, job.id)


async def cancel(ctx: Context, job_id: str) -> JobRow:
    """Ask for the end of a job; on one that is being cancelled already it changes nothing.

    Raises:
        Problem: 404, or 409 when the job is finished.
    """
    stopped = await request_stop(ctx, job_id)
    row = await get(ctx, job_id)
    if not stopped:
        raise Problem(
            409,
            "Job finished",
            f"Job {job_id} has ended already ({row.job.status}); there is nothing to cancel.",
        )
    return row


async def finish_early(ctx: Context, job_id: str) -> JobRow:
    """Have the job end well after its current epoch; repeating it changes nothing.

    Raises:
        Problem: 404, or 409 when it has not begun, is being stopped, or is finished.
    """
    async with ctx.db.transaction() as session:
        row = await existing(session, job_id)
        asked = await repository.ask_to_finish(session, row.job)
    if not asked:
        detail = f"Job {job_id} is {row.job.status}: only a training can be ended after its epoch."
        raise Problem(409, "Job not training", f"{detail} `cancel` ends any job.")
    return row


async def retry(ctx: Context, job_id: str) -> JobRow:
    """Queue a failed or cancelled job again; it resumes from its last checkpoint.

    Raises:
        Problem: 404, or 409 unless it has failed or was cancelled and can still be trained.
    """
    async with ctx.db.transaction() as session:
        row = await existing(session, job_id)
        if row.job.status in FINISHED:
            try:
                await get_ready(session, row.job.dataset_id)
                ctx.trainers.get(row.job.trainer)
            except Problem as error:
                raise Problem(409, "Job not to be retried", error.detail) from error
        queued = await repository.requeue(session, job_id)
        await session.refresh(row.job)
    if not queued:
        if row.job.deleting:
            detail = f"Job {job_id} is being deleted; its checkpoint is gone. Delete it again."
            raise Problem(409, "Job not to be retried", detail)
        raise Problem(
            409,
            "Job not to be retried",
            f"Job {job_id} is {row.job.status}; only a failed or cancelled job can be retried."
            + (" Submit a new job." if row.job.status == JobStatus.SUCCEEDED else ""),
        )
    await ctx.bus.publish(job_id)
    await _start(ctx, job_id)
    return row


async def delete(ctx: Context, job_id: str) -> None:
    """Delete a finished job with its metrics, log, checkpoints and artifacts; MLflow's run follows.

    Raises:
        Problem: 404, or 409 unless it is finished.
        ObjectStoreError: the store could not be reached; the job is still there.
    """
    async with ctx.db.transaction() as session:
        # From here on it cannot be retried: it would find no checkpoint.
        marked = await repository.mark_deleting(session, job_id)
        row = await existing(session, job_id)
    if not marked:
        raise _unfinished(row.job)
    # The store first: what fails between the two can be tried again as long as there is a row.
    await ctx.store.delete_prefix(ctx.settings.models_bucket, object_keys.job(job_id))
    async with ctx.db.transaction() as session:
        deleted = await repository.delete_finished(session, job_id)
        if deleted and ctx.settings.mlflow_tracking_uri:
            job = row.job
            session.add(DeletedJob(id=job_id, status=job.status, finished_at=job.finished_at))
    if not deleted:
        raise _unfinished((await get(ctx, job_id)).job)
    await ctx.bus.publish(job_id)


async def get(ctx: Context, job_id: str) -> JobRow:
    """Raise a Problem (404) unless there is such a job."""
    async with ctx.db.reading() as session:
        return await existing(session, job_id)


async def existing(session: AsyncSession, job_id: str) -> JobRow:
    """As `get`, within the caller's session."""
    row = await repository.find(session, job_id)
    if row is None:
        raise not_found("Job", job_id)
    return row


def _unfinished(job: Job) -> Problem:
    return Problem(
        409,
        "Job not finished",
        f"Job {job.id} is {job.status}. Cancel it and wait for its end, then delete it.",
    )


async def _start(ctx: Context, job_id: str) -> None:
    if not await ctx.temporal.start_training(job_id):
        logger.warning("job %s stays queued until Temporal is back", job_id)
