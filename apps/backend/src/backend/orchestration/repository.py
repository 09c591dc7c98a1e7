"""Orchestration's SQL: attempts, and the rows that need something done."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Float, and_, cast, exists, extract, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.executors.base import AttemptRef, Observation
from backend.infra.database import execute_guarded, utcnow
from backend.state.causes import Cause
from backend.state.datasets import Dataset, DatasetStatus
from backend.state.jobs import ATTACHED, Attempt, Job
from backend.state.statuses import ACTIVE, JobStatus
from backend.state.tokens import sha256

# A message while PREPARING means that the attempt is waiting for capacity.
WAITING = and_(Job.status == JobStatus.PREPARING, Job.message.is_not(None))
RUNNING = and_(Attempt.ended_at.is_(None), Attempt.launched_at.is_not(None))
# Nobody has sent any output: it is read, or there was none yet.
UNSENT = or_(Attempt.log_time.is_not(None), Job.log_size == Attempt.log_base)


async def locked_job(session: AsyncSession, job_id: str) -> Job | None:
    """The job, locked until the session's transaction ends."""
    return await session.get(Job, job_id, with_for_update=True)


async def existing_attempt(session: AsyncSession, ref: AttemptRef) -> Attempt:
    """The attempt as the database has it now; it must exist."""
    return await session.get_one(Attempt, (ref.job_id, ref.number), populate_existing=True)


async def last_epoch(session: AsyncSession, job_id: str, *, before: int) -> int:
    """The last epoch that an attempt with a number below `before` finished; -1: none."""
    query = select(func.max(Attempt.epoch)).where(Attempt.job_id == job_id)
    epoch = await session.scalar(query.where(Attempt.number < before))
    return -1 if epoch is None else epoch


async def launch_token(session: AsyncSession, ref: AttemptRef) -> str | None:
    """The token of an attempt to launch, the same for every replica; None: one of them has launched it."""
    attempt = await session.get_one(Attempt, ref, with_for_update=True, populate_existing=True)
    if attempt.launched_at or attempt.ended_at:
        return None
    if attempt.launch_token is None:
        attempt.launch_token = secrets.token_urlsafe(32)
        attempt.token_sha256 = sha256(attempt.launch_token)
    return attempt.launch_token


async def unsent_logs(session: AsyncSession, executor: str) -> dict[AttemptRef, str | None]:
    """Running attempts that no supervisor speaks for; up to where their output is stored."""
    unsent = UNSENT, RUNNING, Attempt.seq.is_(None), Attempt.executor == executor
    query = select(Attempt.job_id, Attempt.number, Attempt.log_time)
    rows = await session.execute(query.join(Job, Job.id == Attempt.job_id).where(*unsent))
    return {AttemptRef(job_id, number): time for job_id, number, time in rows}


async def is_unsent(session: AsyncSession, ref: AttemptRef) -> bool:
    """Whether the attempt goes on, and nobody has sent any of its output."""
    query = select(Attempt.number).join(Job, Job.id == Attempt.job_id).where(UNSENT)
    one = query.where(Job.id == ref.job_id, Attempt.number == ref.number)
    return await session.scalar(one.where(Attempt.ended_at.is_(None))) is not None


async def take_over(session: AsyncSession, ref: AttemptRef, executor: str) -> None:
    """Let another executor launch an attempt whose launch is not confirmed, with a new token."""
    guards = Attempt.launched_at.is_(None), Attempt.ended_at.is_(None)
    await _update_attempt(session, ref, *guards, executor=executor, launch_token=None)


async def set_message(
    session: AsyncSession, job_id: str, message: str | None, *statuses: JobStatus
) -> None:
    """Tell the user what a job that is in one of these states waits for."""
    waiting = update(Job).where(Job.id == job_id, Job.status.in_(statuses))
    await session.execute(waiting.values(message=message))


async def record_waiting(session: AsyncSession, ref: AttemptRef, message: str | None) -> None:
    """Tell the user what a launched attempt waits for; None: it has started, and its timeouts begin."""
    await set_message(session, ref.job_id, message, JobStatus.PREPARING)
    # The wait before a job's first start is none of its max_duration_s.
    launched = select(Attempt.launched_at).filter_by(job_id=ref.job_id, number=ref.number)
    unstarted = or_(Job.started_at.is_(None), Job.started_at >= launched.scalar_subquery())
    job = update(Job).where(Job.id == ref.job_id, Job.status == JobStatus.PREPARING, unstarted)
    await session.execute(job.values(started_at=None if message else utcnow()))
    await _update_attempt(session, ref, Attempt.ended_at.is_(None), progress_at=utcnow())


async def confirm_launch(session: AsyncSession, ref: AttemptRef) -> None:
    await locked_job(session, ref.job_id)  # before its attempt, as everywhere
    launched = {"launched_at": utcnow(), "launch_token": None}
    await _update_attempt(session, ref, Attempt.launched_at.is_(None), **launched)
    attempt = await existing_attempt(session, ref)
    if attempt.progress_at is None or attempt.heartbeat_at is not None:
        # Else it says already what it waits for.
        await set_message(session, ref.job_id, None, JobStatus.PREPARING)
    unstarted = update(Job).where(Job.id == ref.job_id, Job.started_at.is_(None), ~WAITING)
    await session.execute(unstarted.values(started_at=utcnow()))


async def end_attempt(
    session: AsyncSession,
    seen: Observation,
    *guards: ColumnElement[bool],
    left_behind: bool = False,
) -> bool:
    """Record an end, once; the attempt's token is dead from here on."""
    told = {"exit_code": seen.exit_code, "observed_cause": seen.cause, "message": seen.message}
    ended = {"ended_at": utcnow(), "launch_token": None, "left_behind": left_behind}
    open_ = Attempt.ended_at.is_(None), *guards
    return await _update_attempt(session, seen.ref, *open_, **told, **ended)


async def stop_attempt(session: AsyncSession, ref: AttemptRef, cause: Cause) -> None:
    """Request a stop. The first request sets the time, the last one the reason."""
    asked = {"stop_requested_at": func.coalesce(Attempt.stop_requested_at, utcnow())}
    await _update_attempt(session, ref, Attempt.ended_at.is_(None), stop_cause=cause, **asked)


async def ask_to_finish(session: AsyncSession, ref: AttemptRef) -> bool:
    """Have the attempt end well after its epoch; False: it has ended, or is being stopped."""
    guards = Attempt.ended_at.is_(None), Attempt.stop_requested_at.is_(None)
    return await _update_attempt(session, ref, *guards, stop_cause=Cause.COMPLETED)


async def stop_silent(session: AsyncSession, before: datetime) -> None:
    """Stop attempts that send heartbeats on a clock (`seq`) and have sent none since `before`."""
    patient_until = cast(extract("epoch", Attempt.heartbeat_at), Float) + Attempt.patience_s
    silent = Attempt.heartbeat_at < before, func.coalesce(patient_until, 0) < utcnow().timestamp()
    await _stop_where(session, Cause.HEARTBEAT_LOST, Attempt.seq.is_not(None), *silent)


async def end_silent_scripts(session: AsyncSession, before: datetime) -> None:
    """End attached attempts that were asked to stop and have sent no heartbeat since `before`."""
    silent = func.coalesce(Attempt.heartbeat_at, Attempt.launched_at) < before
    script = update(Attempt).where(Attempt.executor == ATTACHED, Attempt.ended_at.is_(None), silent)
    stopped = script.where(Attempt.stop_requested_at.is_not(None))
    await session.execute(stopped.values(ended_at=utcnow(), exit_code=1))


async def stop_stalled(session: AsyncSession, before: datetime) -> None:
    progressed = func.coalesce(Attempt.progress_at, Attempt.launched_at)
    waiting = exists().where(Job.id == Attempt.job_id, WAITING)
    await _stop_where(session, Cause.STALLED, progressed < before, ~waiting)


async def stop_overdue(session: AsyncSession) -> None:
    deadline = cast(extract("epoch", Job.started_at), Float) + Job.max_duration_s
    overdue = exists().where(
        Job.id == Attempt.job_id, Job.max_duration_s.is_not(None), deadline < utcnow().timestamp()
    )
    await _stop_where(session, Cause.DEADLINE_EXCEEDED, overdue)


async def stopping(session: AsyncSession, executor: str) -> Sequence[tuple[AttemptRef, datetime]]:
    """Attempts that were asked to stop and have not ended, and since when."""
    query = select(Attempt.job_id, Attempt.number, Attempt.stop_requested_at)
    asked = RUNNING, Attempt.stop_requested_at.is_not(None), Attempt.executor == executor
    rows = await session.execute(query.where(*asked))
    return [(AttemptRef(job_id, number), since) for job_id, number, since in rows if since]


async def unsettled(session: AsyncSession, before: datetime) -> Sequence[AttemptRef]:
    """Attempts that ended before `before` and are not settled by their workflow."""
    query = select(Attempt.job_id, Attempt.number).order_by(Attempt.ended_at).limit(200)
    rows = await session.execute(query.where(Attempt.cause.is_(None), Attempt.ended_at < before))
    return [AttemptRef(*row) for row in rows]


async def open_attempts(session: AsyncSession) -> dict[AttemptRef, tuple[str, datetime | None]]:
    """Every attempt of executors that has not ended: the executor's name, and when it was launched."""
    query = select(Attempt.job_id, Attempt.number, Attempt.executor, Attempt.launched_at)
    going_on = Attempt.ended_at.is_(None), Attempt.executor != ATTACHED
    rows = await session.execute(query.where(*going_on))
    return {AttemptRef(job_id, number): (name, at) for job_id, number, name, at in rows}


async def jobs_without_workflow(session: AsyncSession, stale: datetime) -> Sequence[str]:
    """Jobs whose next step is a workflow's, and that have none or have not moved since `stale`."""
    latest = and_(Attempt.job_id == Job.id, Attempt.number == Job.attempt)
    lost = or_(and_(Job.status == JobStatus.QUEUED, ~Job.workflow_started), Job.updated_at < stale)
    query = select(Job.id).outerjoin(Attempt, latest).where(Job.status.in_(ACTIVE), ~RUNNING, lost)
    return (await session.scalars(query.order_by(Job.created_at).limit(200))).all()


async def datasets_without_workflow(session: AsyncSession, stale: datetime) -> Sequence[str]:
    lost = or_(~Dataset.workflow_started, Dataset.updated_at < stale)
    query = select(Dataset.id).where(Dataset.status == DatasetStatus.CHECKING, lost)
    return (await session.scalars(query.limit(200))).all()


async def mark_workflow_started(
    session: AsyncSession, table: type[Job | Dataset], id_: str
) -> None:
    row = update(table).where(table.id == id_)
    await session.execute(row.values(workflow_started=True, updated_at=utcnow()))


async def _stop_where(session: AsyncSession, cause: Cause, *late: ColumnElement[bool]) -> None:
    # A trainer under a debugger may stand still for any time.
    debugged = exists().where(Job.id == Attempt.job_id, Job.debug)
    those = update(Attempt).where(RUNNING, Attempt.stop_requested_at.is_(None), ~debugged, *late)
    await execute_guarded(session, those.values(stop_cause=cause, stop_requested_at=utcnow()))


async def _update_attempt(
    session: AsyncSession, ref: AttemptRef, *guards: ColumnElement[bool], **values: object
) -> bool:
    attempt = update(Attempt).filter_by(job_id=ref.job_id, number=ref.number).where(*guards)
    return await execute_guarded(session, attempt.values(**values))
