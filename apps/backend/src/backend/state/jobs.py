"""Tables of jobs: the job, its attempts, its metrics and its log."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary, String, false, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.infra.database import Base, new_id, utcnow
from backend.infra.text import MAX_MESSAGE, Message
from backend.state.statuses import JobStatus

MAX_NOTES = 4000
_TAGGED = text("tags IS NOT NULL")


class Job(Base):
    """What the user asked for and how it stands. The row is also the outbox of its workflow."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_created", "created_at", "id"),
        Index("ix_jobs_name_created", "name", "created_at", "id"),
        Index("ix_jobs_status_created", "status", "created_at"),
        Index("ix_jobs_mlflow_done", "mlflow_done"),
        Index("ix_jobs_tagged", "created_at", "id", postgresql_where=_TAGGED, sqlite_where=_TAGGED),
    )

    id: Mapped[str] = mapped_column(String(12), primary_key=True, default=new_id)
    name: Mapped[str | None] = mapped_column(String(100))
    notes: Mapped[str | None] = mapped_column(String(MAX_NOTES))
    # None rather than an empty list, so that an index has those with tags only.
    tags: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    trainer: Mapped[str] = mapped_column(String(40))
    task: Mapped[str] = mapped_column(String(16))
    # No foreign key: a finished job outlives its dataset.
    dataset_id: Mapped[str] = mapped_column(String(12), index=True)
    config: Mapped[dict[str, Any]]
    # Name, key and sha256 of what it starts from; None: from scratch, or as its config says.
    weights: Mapped[dict[str, Any] | None]
    resources: Mapped[dict[str, Any]]
    debug: Mapped[bool] = mapped_column(default=False)
    max_attempts: Mapped[int]
    max_duration_s: Mapped[int | None]
    idempotency_key: Mapped[str | None] = mapped_column(String(255), unique=True)
    request_sha256: Mapped[str] = mapped_column(String(64))
    # The name of the API token that submitted it.
    created_by: Mapped[str | None] = mapped_column(String(63))

    status: Mapped[JobStatus] = mapped_column(String(16), default=JobStatus.QUEUED)
    cause: Mapped[str | None] = mapped_column(String(32))
    # Quotes its last attempt's, and says what follows.
    message: Mapped[str | None] = mapped_column(Message(2 * MAX_MESSAGE))
    attempt: Mapped[int] = mapped_column(default=0)
    # Attempts that do not count towards max_attempts: those before the user's retry, and those that
    # finished an epoch before they were evicted, preempted or lost.
    uncounted_attempts: Mapped[int] = mapped_column("attempts_before", default=0)
    epoch: Mapped[int | None]
    metrics: Mapped[dict[str, Any]] = mapped_column(default=dict)
    # At its end: the epoch of its best model, the main metric's name, and its value.
    best: Mapped[dict[str, Any] | None]
    log_size: Mapped[int] = mapped_column(BigInteger, default=0)
    mlflow_run_id: Mapped[str | None] = mapped_column(String(64))
    # Metrics up to this epoch, and the status during this attempt, are in MLflow; done: the final one too.
    mlflow_attempt: Mapped[int] = mapped_column(default=0)
    mlflow_epoch: Mapped[int] = mapped_column(default=-1)
    mlflow_done: Mapped[bool] = mapped_column(default=False)
    workflow_started: Mapped[bool] = mapped_column(default=False)
    # Its files are being deleted, or were when that was interrupted.
    deleting: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    updated_at: Mapped[datetime] = mapped_column(default=utcnow, onupdate=utcnow)
    # Of its trainings before the user's last retry, which sets `started_at` anew.
    earlier_duration_s: Mapped[float] = mapped_column(default=0, server_default="0")
    started_at: Mapped[datetime | None]
    first_step_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


# In place of an executor's name: the attempt runs in somebody's own script.
ATTACHED = "attached"


class DeletedJob(Base):
    """A job that is gone and whose run MLflow may still have."""

    __tablename__ = "deleted_jobs"

    id: Mapped[str] = mapped_column(String(12), primary_key=True)
    status: Mapped[JobStatus] = mapped_column(String(16))
    finished_at: Mapped[datetime | None]


class Attempt(Base):
    """One launch of a job's trainer. `ended_at` set: its token is dead."""

    __tablename__ = "attempts"
    __table_args__ = (
        Index("ix_attempts_open", "ended_at", "stop_requested_at"),
        Index("ix_attempts_unsettled", "cause", "ended_at"),
    )

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    executor: Mapped[str] = mapped_column(String(16))
    token_sha256: Mapped[str] = mapped_column(String(64))
    # Until the launch is confirmed: whoever launches it again gives its trainer the same one.
    launch_token: Mapped[str | None] = mapped_column(String(64))
    debug_port: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    launched_at: Mapped[datetime | None]

    seq: Mapped[int | None] = mapped_column(BigInteger)
    phase: Mapped[str | None] = mapped_column(String(16))
    epoch: Mapped[int | None]
    step: Mapped[int | None] = mapped_column(BigInteger)
    progress: Mapped[float | None]
    speed: Mapped[float | None]
    system: Mapped[dict[str, Any]] = mapped_column(default=dict)
    heartbeat_at: Mapped[datetime | None]
    # From then on it may be silent for this long: the replica that heard it was late.
    patience_s: Mapped[float | None]
    progress_at: Mapped[datetime | None]
    # Where this attempt's output begins in the job's log.
    log_base: Mapped[int] = mapped_column(BigInteger, default=0)
    # Of its last line that the executor has read, as its node says; None: it sends its output itself.
    log_time: Mapped[str | None] = mapped_column(String(64))

    reported_cause: Mapped[str | None] = mapped_column(String(32))
    reported_message: Mapped[str | None] = mapped_column(Message)
    stop_cause: Mapped[str | None] = mapped_column(String(32))
    stop_requested_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    # TRAINING_MODE changed while it ran: it does not count towards max_attempts.
    left_behind: Mapped[bool] = mapped_column(default=False, server_default=false())
    exit_code: Mapped[int | None]
    # What the executor knew for certain; `cause` is what was settled from all that is known.
    observed_cause: Mapped[str | None] = mapped_column(String(32))
    cause: Mapped[str | None] = mapped_column(String(32))
    message: Mapped[str | None] = mapped_column(Message)


class EpochMetrics(Base):
    """The metrics of one epoch; a later attempt that repeats the epoch replaces them."""

    __tablename__ = "epoch_metrics"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    attempt: Mapped[int]
    values: Mapped[dict[str, Any]]
    at: Mapped[datetime] = mapped_column(default=utcnow)


class LogChunk(Base):
    """Bytes of a job's log from `offset` on. Chunks of a job touch and never overlap."""

    __tablename__ = "log_chunks"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    offset: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)
