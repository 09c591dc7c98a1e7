"""The tables of schema 0015, which a database may still have before it is migrated."""

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from backend.infra.database import Base
from sqlalchemy import Connection


def _job_id() -> sa.Column[str]:
    job = sa.ForeignKey("jobs.id", ondelete="CASCADE")
    return sa.Column("job_id", sa.String(12), job, primary_key=True)


def create(connection: Connection) -> None:
    """Make them in an empty database."""
    context = MigrationContext.configure(connection, opts={"target_metadata": Base.metadata})
    op = Operations(context)
    op.create_table(
        "api_tokens",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("token_sha256", sa.String(64), nullable=False, unique=True),
        sa.Column("access", sa.String(16), nullable=False, server_default="admin"),
        sa.Column("created_by", sa.String(63)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "datasets",
        sa.Column("id", sa.String(12), primary_key=True),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("task", sa.String(16), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64)),
        sa.Column("index_sha256", sa.String(64)),
        sa.Column("upload_id", sa.String()),
        sa.Column("workflow_started", sa.Boolean(), nullable=False),
        sa.Column("report", sa.JSON()),
        sa.Column("created_by", sa.String(63)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("name", "version"),
    )
    op.create_index("ix_datasets_created", "datasets", ["created_at", "id"])
    op.create_index("ix_datasets_name_created", "datasets", ["name", "created_at", "id"])
    op.create_table(
        "deleted_jobs",
        sa.Column("id", sa.String(12), primary_key=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(12), primary_key=True),
        sa.Column("name", sa.String(100)),
        sa.Column("trainer", sa.String(40), nullable=False),
        sa.Column("task", sa.String(16), nullable=False),
        sa.Column("dataset_id", sa.String(12), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("weights", sa.JSON()),
        sa.Column("resources", sa.JSON(), nullable=False),
        sa.Column("debug", sa.Boolean(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("max_duration_s", sa.Integer()),
        sa.Column("idempotency_key", sa.String(255), unique=True),
        sa.Column("request_sha256", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("cause", sa.String(32)),
        sa.Column("message", sa.String()),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("attempts_before", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer()),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("best", sa.JSON()),
        sa.Column("notes", sa.String(4000)),
        sa.Column("tags", sa.JSON()),
        sa.Column("created_by", sa.String(63)),
        sa.Column("log_size", sa.BigInteger(), nullable=False),
        sa.Column("mlflow_run_id", sa.String(64)),
        sa.Column("mlflow_attempt", sa.Integer(), nullable=False),
        sa.Column("mlflow_epoch", sa.Integer(), nullable=False),
        sa.Column("mlflow_done", sa.Boolean(), nullable=False),
        sa.Column("workflow_started", sa.Boolean(), nullable=False),
        sa.Column("deleting", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("earlier_duration_s", sa.Double(), nullable=False, server_default="0"),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("first_step_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_jobs_created", "jobs", ["created_at", "id"])
    op.create_index("ix_jobs_dataset_id", "jobs", ["dataset_id"])
    op.create_index("ix_jobs_mlflow_done", "jobs", ["mlflow_done"])
    op.create_index("ix_jobs_name_created", "jobs", ["name", "created_at", "id"])
    op.create_index("ix_jobs_status_created", "jobs", ["status", "created_at"])
    tagged = sa.text("tags IS NOT NULL")
    op.create_index(
        "ix_jobs_tagged", "jobs", ["created_at", "id"], postgresql_where=tagged, sqlite_where=tagged
    )
    op.create_table(
        "weights",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("task", sa.String(16)),
        sa.Column("model", sa.String(100)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "artifacts",
        _job_id(),
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64)),
    )
    op.create_table(
        "attempts",
        _job_id(),
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("executor", sa.String(16), nullable=False),
        sa.Column("token_sha256", sa.String(64), nullable=False),
        sa.Column("launch_token", sa.String(64)),
        sa.Column("debug_port", sa.Integer()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("launched_at", sa.DateTime(timezone=True)),
        sa.Column("seq", sa.BigInteger()),
        sa.Column("phase", sa.String(16)),
        sa.Column("epoch", sa.Integer()),
        sa.Column("step", sa.BigInteger()),
        sa.Column("progress", sa.Double()),
        sa.Column("speed", sa.Double()),
        sa.Column("system", sa.JSON(), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True)),
        sa.Column("progress_at", sa.DateTime(timezone=True)),
        sa.Column("log_base", sa.BigInteger(), nullable=False),
        sa.Column("log_time", sa.String(64)),
        sa.Column("reported_cause", sa.String(32)),
        sa.Column("reported_message", sa.String()),
        sa.Column("stop_cause", sa.String(32)),
        sa.Column("stop_requested_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("left_behind", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("exit_code", sa.Integer()),
        sa.Column("observed_cause", sa.String(32)),
        sa.Column("cause", sa.String(32)),
        sa.Column("message", sa.String()),
    )
    op.create_index("ix_attempts_open", "attempts", ["ended_at", "stop_requested_at"])
    op.create_index("ix_attempts_unsettled", "attempts", ["cause", "ended_at"])
    op.create_table(
        "epoch_metrics",
        _job_id(),
        sa.Column("epoch", sa.Integer(), primary_key=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "log_chunks",
        _job_id(),
        sa.Column("offset", sa.BigInteger(), primary_key=True),
        sa.Column("data", sa.LargeBinary(), nullable=False),
    )
    version = op.create_table("alembic_version", sa.Column("version_num", sa.String(32)))
    op.bulk_insert(version, [{"version_num": "0015"}])
