"""Keep a job's notes and tags."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("notes", sa.String(4000)))
    op.add_column("jobs", sa.Column("tags", sa.JSON()))
    where = sa.text("tags IS NOT NULL")
    op.create_index(
        "ix_jobs_tagged", "jobs", ["created_at", "id"], postgresql_where=where, sqlite_where=where
    )
