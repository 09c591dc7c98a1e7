"""What users do with jobs."""

import json
import secrets
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from trainyard_manifest import dataset_errors

from backend.artifacts.repository import left_by_a_job, models_left_by
from backend.context import Context
from backend.datasets.service import get_ready
from backend.executors.base import AttemptRef
from backend.infra import database
from backend.infra.asgi import ATTACHED_TOKEN
from backend.infra.database import PROMPT_S, count, find_by, new_id, utcnow
from backend.infra.problems import Problem, not_found, wrong_fields
from backend.jobs import repository, resources
from backend.jobs.repository import JobRow
from backend.jobs.schemas import JobAttach, JobAttached, JobCreate, JobEdit
from backend.models import service as models
from backend.orchestration.attempts import request_stop
from backend.orchestration.repository import ask_to_finish
from backend.state import object_keys
from backend.state.jobs import ATTACHED, Attempt, DeletedJob, Job
from backend.state.statuses import ACTIVE, FINISHED, JobStatus
from backend.state.tokens import sha256
from backend.state.transitions import require_unused
from backend.state.weights import Weights
from backend.weights.repository import find as find_weights
from backend.weights.repository import is_kept
from backend.weights.service import NotFetchedError, fetch


async def create(
    ctx: Context,
    body: JobCreate,
    idempotency_key: str | None,
    user: str | None,
    *,
    dry_run: bool = False,
    weights: str | None = None,
) -> tuple[JobRow, bool]:
    """Accept a job; it starts as soon as Temporal drives it. A dry run keeps and fetches nothing.

    `weights` are those that it starts from, where they are kept by another name than it asks for.

    Returns:
        The job, and whether it is new: the key may have been used for it before.

    Raises:
        Problem: 422 when the dataset or the config will not do, 409 when the key was used for
            another job, 429 when too many have not ended.
    """
    # What was sent: defaults are another release's too.
    sent = body.model_dump(mode="json", exclude_unset=True)
    request_sha256 = sha256(json.dumps(sent, sort_keys=True))
    if idempotency_key and (earlier := await _earlier(ctx, idempotency_key, request_sha256)):
        return earlier, False
    if body.weights and body.weights.startswith("model:"):
        weights = await models.file_of(ctx, body.weights.removeprefix("model:"))
    wanted = body.model_copy(update={"weights": weights or body.weights})
    there = await resources.gpus(ctx)
    try:
        async with ctx.db.transaction() as session:
            await _require_room(ctx, session, user)
            dataset = await get_ready(session, body.dataset_id)
            start, config = await _weights(ctx, session, wanted, dataset.task, fetches=not dry_run)
            if wrong := dataset_errors(ctx.trainers.get(body.trainer), config, dataset.report):
                raise wrong_fields("Invalid job", wrong)
            chosen = resources.asked(ctx, body, config, there)
            job = Job(
                id=new_id(),
                **body.model_dump(exclude={"config", "resources", "weights"}),
                task=dataset.task,
                config=config,
                weights=start,
                # Replicas of an older version do not know each word that may be none.
                resources=chosen.model_dump(exclude_unset=True, exclude_none=True),
                idempotency_key=idempotency_key,
                request_sha256=request_sha256,
                created_by=user,
            )
            session.add(job)
            if dry_run:
                await session.flush()  # for the defaults of its columns
                await session.rollback()
                return JobRow(job, None), False
    except NotFetchedError as missing:
        kept = await fetch(ctx, *missing.args)
        return await create(ctx, body, idempotency_key, user, weights=kept)
    except IntegrityError:
        # An equal request was faster.
        if idempotency_key and (earlier := await _earlier(ctx, idempotency_key, request_sha256)):
            return earlier, False
        raise
    await ctx.temporal.start_training(job.id)
    return JobRow(job, None), True


async def edit(ctx: Context, job_id: str, changes: JobEdit) -> JobRow:
    """Set name, notes and tags, those that are given. Raise a Problem (404) unless there is such a job."""
    async with ctx.db.transaction() as session:
        row = await existing(session, job_id)
        for name, value in changes.model_dump(exclude_unset=True).items():
            setattr(row.job, name, (sorted(set(value)) if name == "tags" else value) or None)
    await ctx.bus.publish(job_id)
    return row


async def attach(ctx: Context, body: JobAttach, user: str | None) -> JobAttached:
    """Accept a job whose only attempt runs already, where no executor looks.

    Raises:
        Problem: 422 when the config will not do.
    """
    config = ctx.trainers.validate(body.trainer, body.config, task=body.task)
    none: dict[str, Any] = {"dataset_id": "", "resources": {}, "max_attempts": 1}
    now = {"status": JobStatus.PREPARING, "attempt": 1, "started_at": utcnow(), "created_by": user}
    about = body.model_dump() | none | now | {"config": config, "request_sha256": ""}
    job, token = Job(id=new_id(), **about), ATTACHED_TOKEN + secrets.token_urlsafe(32)
    attempt = Attempt(job_id=job.id, number=1, executor=ATTACHED, token_sha256=sha256(token))
    attempt.launched_at = utcnow()
    async with ctx.db.transaction() as session:
        await _require_room(ctx, session, user)
        session.add(job)
        await session.flush()  # the attempt's foreign key
        session.add(attempt)
    await ctx.temporal.start_training(job.id)
    return JobAttached(id=job.id, token=token)


async def _require_room(ctx: Context, session: AsyncSession, user: str | None) -> None:
    """Raise a Problem (429) while as many jobs of the same token as may have not ended."""
    own = Job.created_by.is_not_distinct_from(user)
    if await count(session, Job.status.in_(ACTIVE), own) >= (most := ctx.settings.max_open_jobs):
        detail = f"{most:,} of your jobs have not ended, and no more may (MAX_OPEN_JOBS)."
        raise Problem(429, "Too many jobs", f"{detail} Wait for some, or cancel them.")


async def _weights(
    ctx: Context, session: AsyncSession, body: JobCreate, task: str, *, fetches: bool
) -> tuple[dict[str, str] | None, dict[str, Any]]:
    """What the job starts from, and its config: with the model of that, unless it has another."""
    config = ctx.trainers.validate(body.trainer, body.config, task=task)
    manifest = ctx.trainers.get(body.trainer)
    pretrained, maker = manifest.pretrained.get(task), manifest.needs_weights_of
    if maker and body.weights in {None, "none"}:
        raise _unusable(f"{body.trainer} works on weights of {maker}. Name some.")
    asked = body.weights or str(pretrained).replace("{model}", str(config.get("model")))
    is_a_jobs = asked.startswith("job:")
    look = left_by_a_job if is_a_jobs else find_weights
    found = await look(session, asked) if is_a_jobs or pretrained or maker else None
    official = ctx.trainers.get(maker or body.trainer).assets.get(asked)
    if found is None and official and ctx.settings.weights_download:
        if fetches:
            raise NotFetchedError(Weights(name=asked, **official))
        found = dict[str, Any](**{"model": None} | official, name=asked, key="", sha256="")
    if found is None and body.weights in {None, "none"}:
        return None, config
    none = "" if maker else ", or none"
    if found is None:
        kept = ["kept weights"] if pretrained or maker else []
        there = await models_left_by(session, asked) or [*kept, "an ended job's model"]
        push = f" `yard weights push {asked}` puts them there once." if official else ""
        why = "There are no" if kept or is_a_jobs else f"{body.trainer} takes no kept"
        raise _unusable(f"{why} weights {asked!r}. Name {', '.join(there)}{none}.{push}")
    if found["model"] and not maker:
        named = {"model": found["model"]} | body.config
        config = ctx.trainers.validate(body.trainer, named, task=task)
    ours: dict[str, Any] = {"trainer": maker or body.trainer, "task": task}
    model = config.get("model")
    # A model that is told as text takes what fits of any weights.
    ours |= {} if maker or "\n" in str(model) else {"model": model}
    for name, our in ours.items():
        if found.get(name) not in {None, our}:
            its = f"{found['name']} is for {str(found[name])[:60]}, this job is for {our}"
            raise _unusable(f"{its}. Name others{none}.")
    return {name: found[name] for name in ("name", "key", "sha256")}, config


def _unusable(detail: str) -> Problem:
    return wrong_fields("Weights not usable", {"weights": detail})


async def _earlier(ctx: Context, key: str, request_sha256: str) -> JobRow | None:
    async with ctx.db.reading() as session:
        job = await find_by(session, Job, idempotency_key=key)
        if job is None:
            return None
        if job.request_sha256 != request_sha256:
            detail = f"This key was used for job {job.id} with another body. Use a new one."
            raise Problem(409, "Idempotency-Key used", detail)
        return await existing(session, job.id)


async def cancel(ctx: Context, job_id: str) -> JobRow:
    """Ask for the end of a job; on one that is being cancelled already it changes nothing.

    Raises:
        Problem: 404, or 409 when the job is finished.
    """
    stopped = await request_stop(ctx, job_id)
    async with ctx.db.reading(within_s=PROMPT_S) as session:
        row = await existing(session, job_id)
    if not stopped:
        detail = f"Job {job_id} has ended already ({row.job.status}); there is nothing to cancel."
        raise Problem(409, "Job finished", detail)
    return row


async def finish_early(ctx: Context, job_id: str) -> JobRow:
    """Have the job end well after its current epoch; repeating it changes nothing.

    Raises:
        Problem: 404, or 409 when it has not begun, is being stopped, or is finished.
    """
    async with ctx.db.transaction() as session:
        row = await existing(session, job_id)
        asked = await ask_to_finish(session, AttemptRef(job_id, row.job.attempt))
    if not asked:
        detail = f"Job {job_id} is {row.job.status}: only a training can be ended after its epoch."
        cure = "" if row.job.status in FINISHED else " `cancel` ends it, too."
        raise Problem(409, "Job not training", detail + cure)
    return row


async def retry(ctx: Context, job_id: str) -> JobRow:
    """Queue a failed or cancelled job again; it resumes from its last checkpoint.

    Raises:
        Problem: 404, or 409 unless it has failed or was cancelled and can still be trained.
        ObjectStoreError: its weights are gone, and the store does not tell whether it needs them.
    """
    async with ctx.db.transaction() as session:
        row = await existing(session, job_id)
        if row.job.status in FINISHED:
            await _require_room(ctx, session, row.job.created_by)
            try:
                await get_ready(session, row.job.dataset_id)
                ctx.trainers.get(row.job.trainer)
                await _require_start(ctx, session, row.job)
            except Problem as error:
                raise Problem(409, "Job not to be retried", error.detail) from error
        queued = await repository.requeue(session, job_id)
        await session.refresh(row.job)
    if not queued:
        detail = f"Job {job_id} is {row.job.status}; only a failed or cancelled job can be retried."
        if row.job.deleting:
            detail = f"Job {job_id} is being deleted; its checkpoint is gone. Delete it again."
        elif row.job.status == JobStatus.SUCCEEDED:
            detail += " Submit a new job."
        raise Problem(409, "Job not to be retried", detail)
    await ctx.bus.publish(job_id)
    await ctx.temporal.start_training(job_id)
    return row


async def _require_start(ctx: Context, session: AsyncSession, job: Job) -> None:
    """Raise a Problem unless there are the job's weights, or a checkpoint, which needs none."""
    if job.weights is None or await is_kept(session, job.weights):
        return
    stored = await ctx.store.list(ctx.settings.models_bucket, object_keys.job(job.id))
    if not any(item.key.endswith("/checkpoint") for item in stored):
        detail = f"Its weights {job.weights['name']} were deleted, and it has no checkpoint."
        raise Problem(404, "Weights not found", f"{detail} Submit a new job with others.")


async def delete(ctx: Context, job_id: str) -> None:
    """Delete a finished job with its metrics, log, checkpoints and artifacts; MLflow's run follows.

    Raises:
        Problem: 404, or 409 unless it is finished, and so are those that start from its files.
        ObjectStoreError: the store could not be reached; the job is still there.
    """
    await models.require_unregistered(ctx, (await get(ctx, job_id)).job)
    async with ctx.db.transaction() as session:
        # From here on it cannot be retried, nor started from: its files go.
        (await _locked_finished(session, job_id)).deleting = True
        files = Job.weights["key"].as_string().startswith(object_keys.job(job_id))
        await require_unused(session, "Job", files)
    # The store first: what fails between the two can be tried again as long as there is a row.
    await ctx.store.delete_prefix(ctx.settings.models_bucket, object_keys.job(job_id))
    async with ctx.db.transaction() as session:
        job = await _locked_finished(session, job_id)
        await session.delete(job)
        if ctx.settings.mlflow_tracking_uri:
            session.add(DeletedJob(id=job_id, status=job.status, finished_at=job.finished_at))
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


async def _locked_finished(session: AsyncSession, job_id: str) -> Job:
    """Raise a Problem unless there is such a job (404), and it is finished (409)."""
    job = await database.existing(session, Job, job_id, lock=True)
    if job.status not in FINISHED:
        detail = f"Job {job.id} is {job.status}. Cancel it and wait for its end, then delete it."
        raise Problem(409, "Job not finished", detail)
    return job
