"""Launching, stopping, ending and settling attempts.

Each function may be cut short anywhere and called again: what is done already is seen in the
database, or in what the executor lists, and is not done twice.
"""

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any
from weakref import WeakValueDictionary

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession
from trainyard_manifest import Resources

from backend.artifacts.service import drop_checkpoints, register_artifacts
from backend.callbacks import log_repository
from backend.context import Context
from backend.executors.base import (
    AttemptRef,
    AttemptSpec,
    ExecutorUnavailableError,
    LaunchError,
    Observation,
)
from backend.infra.database import PROMPT_S, utcnow
from backend.infra.metrics import ATTEMPTS_ENDED
from backend.infra.object_store import ObjectStoreError
from backend.infra.problems import Problem
from backend.orchestration import evaluation, repository
from backend.orchestration.attempt_env import attempt_env, free_port
from backend.state import object_keys, retry_policy
from backend.state.causes import CAUSE_RULES, Cause
from backend.state.datasets import Dataset
from backend.state.jobs import Attempt, Job
from backend.state.statuses import ACTIVE, FINISHED, JobStatus
from backend.state.store_access import attempt_keys
from backend.state.transitions import transition
from backend.temporal.workflows import Launched, Settled

logger = logging.getLogger(__name__)

# States from which the next step is a new attempt.
NOT_RUNNING = frozenset({JobStatus.QUEUED, JobStatus.RETRYING})

# Longer, the store is not waited for to say where the next attempt begins.
STORE_S = 5

_launching: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()


async def launch(ctx: Context, job_id: str) -> Launched | None:
    """Ensure that the job's current attempt is running; start the next one if it is due.

    Returns:
        The job's latest attempt; None when there is nothing (more) to run.

    Raises:
        ExecutorUnavailableError: it may or may not have been launched; call again.
        ObjectStoreError: it is not launched yet; call again.
    """
    # Serialised per job: a concurrent call would invalidate the first call's token.
    async with _launching.setdefault(job_id, asyncio.Lock()):
        try:
            return await _launch(ctx, job_id)
        except (ExecutorUnavailableError, ObjectStoreError) as error:
            await _tell(ctx, job_id, str(error), JobStatus.PREPARING)
            raise


async def _tell(ctx: Context, job_id: str, message: str, *statuses: JobStatus) -> None:
    async with ctx.db.transaction() as session:
        await repository.set_message(session, job_id, message, *statuses)
    await ctx.bus.publish(job_id)


async def _launch(ctx: Context, job_id: str) -> Launched | None:
    async with ctx.db.transaction() as session:
        job = await repository.locked_job(session, job_id)
        if job is None or job.status in FINISHED:
            return None
        begun = job.status in NOT_RUNNING
        number = job.attempt + 1 if begun else job.attempt
        ref = AttemptRef(job_id, number)
        if begun:
            attempt = await _begin(ctx, session, job, ref)
        else:
            attempt = await repository.existing_attempt(session, ref)
    if begun:
        await ctx.bus.publish(job_id)
    elif attempt.ended_at or attempt.launched_at:
        return Launched(number, ended=attempt.ended_at is not None)
    elif not await _launch_again(ctx, attempt):
        return await _launched(ctx, ref)
    async with ctx.db.transaction() as session:
        await repository.locked_job(session, job_id)  # before its attempt, as everywhere
        token = await repository.launch_token(session, ref)
    try:
        if token is not None:
            await ctx.executor.launch(await _spec(ctx, ref, token))
    except (LaunchError, Problem) as error:
        cause = error.cause if isinstance(error, LaunchError) else Cause.LAUNCH_FAILED
        refused = Observation(ref, "ended", cause=cause, message=str(error))
        if await end(ctx, refused, Attempt.launched_at.is_(None)):
            return Launched(number, ended=True)
    return await _launched(ctx, ref)


async def _begin(ctx: Context, session: AsyncSession, job: Job, ref: AttemptRef) -> Attempt:
    before = await session.get(Attempt, (ref.job_id, ref.number - 1))
    finishing = before and job.status == JobStatus.RETRYING and before.stop_cause == Cause.COMPLETED
    attempt = Attempt(
        job_id=ref.job_id,
        number=ref.number,
        executor=ctx.executor.name,
        token_sha256="",  # of no token
        debug_port=free_port() if job.debug else None,
        log_base=job.log_size,
        stop_cause=Cause.COMPLETED if finishing else None,
    )
    session.add(attempt)
    cleared = dict.fromkeys(("cause", "message", "finished_at", "first_step_at"))
    begun = {"attempt": ref.number, "mlflow_done": False, "workflow_started": True}
    await transition(session, ref.job_id, JobStatus.PREPARING, **cleared, **begun)
    return attempt


async def _launch_again(ctx: Context, attempt: Attempt) -> bool:
    """Whether to launch an attempt again whose launch an earlier call began and did not confirm."""
    ref = AttemptRef(attempt.job_id, attempt.number)
    if attempt.executor != ctx.executor.name:
        # TRAINING_MODE was changed before it ran. Should it run there all the same, its token is dead.
        async with ctx.db.transaction() as session:
            await repository.take_over(session, ref, ctx.executor.name)
    if any(known.ref == ref for known in await ctx.executor.list()):
        return False
    if attempt.stop_requested_at is not None:
        await end(ctx, Observation(ref, "ended"))
        return False
    return True


async def _launched(ctx: Context, ref: AttemptRef) -> Launched:
    async with ctx.db.transaction() as session:
        await repository.confirm_launch(session, ref)
        attempt = await repository.existing_attempt(session, ref)
        if attempt.debug_port is not None and attempt.ended_at is None:
            await _tell_of_debugger(ctx, session, ref, attempt.debug_port)
    await ctx.bus.publish(ref.job_id)
    if attempt.stop_requested_at is not None and attempt.ended_at is None:
        await try_now(ref, "stopped", ctx.executor.stop(ref, ctx.settings.stop_grace_s))
    return Launched(ref.number, ended=attempt.ended_at is not None)


async def _tell_of_debugger(
    ctx: Context, session: AsyncSession, ref: AttemptRef, port: int
) -> None:
    again = " again" if ref.number > 1 else ""
    text = f"Attempt {ref.number} opens a debug port and waits{again}:"
    detail = f"attach a debugger to 127.0.0.1:{port} where it runs, or cancel the job."
    await repository.set_message(session, ref.job_id, f"{text} {detail}", JobStatus.PREPARING)
    await log_repository.note(session, ref.job_id, text, detail, ctx.settings.log_limit_bytes)


async def _spec(ctx: Context, ref: AttemptRef, token: str) -> AttemptSpec:
    async with ctx.db.reading() as session:
        job = await session.get_one(Job, ref.job_id)
        attempt = await repository.existing_attempt(session, ref)
        dataset = await session.get(Dataset, job.dataset_id)
    manifest = ctx.trainers.get(job.trainer)
    keys = await attempt_keys(ctx.store, ctx.settings, job, ref.number)
    return AttemptSpec(
        ref=ref,
        image=manifest.image,
        command=manifest.command,
        env=attempt_env(ctx.settings, job, attempt, dataset, token) | {**keys},
        resources=Resources.model_validate(job.resources),
        queued_at=job.created_at.timestamp(),
        trainer=job.trainer,
        name=job.name,
    )


async def request_stop(ctx: Context, job_id: str) -> bool:
    """Cancel a job: at once if nothing runs, otherwise as soon as its trainer has exited.

    Returns:
        False: there is no such job, or it is finished.

    Raises:
        TimeoutError: the database does not answer; nothing was changed.
    """
    async with ctx.db.transaction(within_s=PROMPT_S) as session:
        job = await repository.locked_job(session, job_id)
        if job is None or job.status in FINISHED:
            return False
        ref = AttemptRef(job_id, job.attempt)
        waiting = job.status in NOT_RUNNING
        if waiting:
            await _finish(session, job, Cause.CANCELLED, CAUSE_RULES[Cause.CANCELLED].sentence)
        else:
            told = f"The trainer has {ctx.settings.stop_grace_s:g} s to exit."
            await transition(session, job_id, JobStatus.CANCELLING, message=told)
            await repository.stop_attempt(session, ref, Cause.CANCELLED)
    await ctx.bus.publish(job_id)
    if waiting:
        await ctx.temporal.cancelled(job_id)
    else:
        await try_now(ref, "stopped", ctx.executor.stop(ref, ctx.settings.stop_grace_s))
    return True


async def try_now(ref: AttemptRef, done: str, call: Awaitable[None]) -> None:
    """Make a call to the executor, which may be away: the repairs repeat what was not done in time."""
    try:
        async with asyncio.timeout(PROMPT_S):
            await call
    except (ExecutorUnavailableError, TimeoutError) as error:
        logger.warning("job %s: attempt %d is %s later: %r", *ref, done, error)


async def end(
    ctx: Context, seen: Observation, *guards: ColumnElement[bool], left_behind: bool = False
) -> bool:
    """Record an attempt's end and signal its workflow; the repairs repeat the signal until it is settled."""
    async with ctx.db.transaction() as session:
        recorded = await repository.end_attempt(session, seen, *guards, left_behind=left_behind)
    if recorded:
        await ctx.bus.publish(seen.ref.job_id)
        await ctx.temporal.attempt_ended(*seen.ref)
    return recorded


async def leave_behind(ctx: Context, ref: AttemptRef) -> None:
    """End an attempt on an executor that is not the configured one any more."""
    async with ctx.db.reading() as session:
        attempt = await repository.existing_attempt(session, ref)
    await end(ctx, _left_behind(attempt), left_behind=True)


def _left_behind(attempt: Attempt) -> Observation:
    changed = f"TRAINING_MODE={attempt.executor}, which was changed"
    if attempt.epoch is None and attempt.step is None:
        cause, message = Cause.LAUNCH_FAILED, f"It was launched with {changed} before it ran."
    else:
        cause, message = Cause.PREEMPTED, f"It ran with {changed}."
    ref = AttemptRef(attempt.job_id, attempt.number)
    return Observation(ref, "ended", cause=cause, message=message)


async def settle(ctx: Context, job_id: str, number: int) -> Settled:
    """Decide what an ended attempt leads to, and show it."""
    start = await _start_of_next(ctx, AttemptRef(job_id, number))
    async with ctx.db.transaction() as session:
        job = await repository.locked_job(session, job_id)
        if job is None or job.attempt != number or job.status in FINISHED:
            return Settled(delay_s=0)
        attempt = await repository.existing_attempt(session, AttemptRef(job_id, number))
        if attempt.ended_at is None:
            return Settled()
        cause = retry_policy.settled_cause(attempt)
        if cause == Cause.PREEMPTED and attempt.executor != ctx.executor.name:
            # Recorded by the backend of before, which could not know why its executor left.
            seen = _left_behind(attempt)
            attempt.observed_cause, attempt.message = seen.cause, seen.message
            attempt.left_behind = True
            cause = retry_policy.settled_cause(attempt)
        if attempt.cause is None:
            attempt.message = retry_policy.detail_of(attempt, cause)
            attempt.cause = cause
            ATTEMPTS_ENDED.labels(cause).inc()
        epoch_before = await repository.last_epoch(session, job_id, before=number)
        delay = retry_policy.retry_delay(job, attempt, cause, epoch_before)
        if delay is None:
            return Settled(final=True)
        if job.status != JobStatus.RETRYING:
            is_free = not retry_policy.counts(attempt, cause, epoch_before)
            message = retry_policy.retry_message(attempt, delay, start)
            ended: dict[str, Any] = {"attempt": number, "cause": cause, "message": message}
            ended["uncounted_attempts"] = job.uncounted_attempts + is_free
            await transition(session, job_id, JobStatus.RETRYING, **ended)
    await ctx.bus.publish(job_id)
    return Settled(delay_s=delay)


async def _start_of_next(ctx: Context, ref: AttemptRef) -> str:
    """Where an attempt after this one begins, by the checkpoint that it will find."""
    async with ctx.db.reading() as session:
        attempt = await session.get(Attempt, ref)
    if attempt is None or retry_policy.settled_cause(attempt) == Cause.COMPLETED:
        return ""
    try:
        async with asyncio.timeout(STORE_S):
            for number in range(ref.number, 0, -1):
                key = object_keys.checkpoint(ref.job_id, number)
                found = await ctx.store.head(ctx.settings.models_bucket, key)
                if found is not None and found.metadata.get("epoch", "").isdecimal():
                    return f"resuming after epoch {int(found.metadata['epoch']) + 1}"
    except (ObjectStoreError, TimeoutError) as error:
        logger.warning("job %s: its checkpoint is not known: %s", ref.job_id, error)
        return "resuming from its last checkpoint, if it has one"
    return "starting over"


async def finalize(ctx: Context, job_id: str, number: int) -> None:
    """Give the job its final status, once its artifacts are known.

    Raises:
        ObjectStoreError: the artifacts could not be listed; the job stays as it was.
    """
    try:
        notes = await register_artifacts(ctx, job_id)
        judged = await evaluation.result(ctx, job_id)
    except ObjectStoreError as error:
        await _tell(ctx, job_id, f"Its end waits for its files: {error}", *ACTIVE)
        raise
    async with ctx.db.transaction() as session:
        job = await repository.locked_job(session, job_id)
        if job is None or job.attempt != number or job.status in FINISHED | NOT_RUNNING:
            return
        attempt = await repository.existing_attempt(session, AttemptRef(job_id, number))
        for text, detail in notes.items():
            await log_repository.note(session, job_id, text, detail, ctx.settings.log_limit_bytes)
        cause = retry_policy.final_cause(job, attempt)
        message = retry_policy.final_message(job, attempt, cause)
        await _finish(session, job, cause, message, **judged)
    await ctx.bus.publish(job_id)
    if cause == Cause.COMPLETED:
        await drop_checkpoints(ctx, job_id, number)


async def give_up(ctx: Context, job_id: str, reason: str) -> None:
    """End a job with which the platform cannot go on; `reason` is for the user."""
    async with ctx.db.transaction() as session:
        job = await repository.locked_job(session, job_id)
        if job is None or job.status in FINISHED:
            return
        cause = Cause.CANCELLED if job.status == JobStatus.CANCELLING else Cause.LAUNCH_FAILED
        if job.attempt:
            ref = AttemptRef(job_id, job.attempt)
            # Should it run, the repairs stop it, as any whose end is recorded.
            await repository.end_attempt(session, Observation(ref, "ended", cause=cause))
            attempt = await repository.existing_attempt(session, ref)
            attempt.cause = attempt.cause or cause
            cause = retry_policy.final_cause(job, attempt)
        await _finish(session, job, cause, f"{CAUSE_RULES[cause].sentence} {reason}")
    await ctx.bus.publish(job_id)


async def _finish(
    session: AsyncSession, job: Job, cause: Cause, message: str, **columns: Any
) -> None:
    """Give the job, which the session has locked, its final status."""
    status = retry_policy.FINAL_STATUS.get(cause, JobStatus.FAILED)
    columns |= {"cause": cause, "message": message, "finished_at": utcnow()}
    await transition(session, job.id, status, **columns)
