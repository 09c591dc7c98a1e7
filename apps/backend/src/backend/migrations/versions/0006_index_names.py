"""Index jobs by name, and datasets by age and name: both are looked up, however many there are."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_jobs_name_created", "jobs", ["name", "created_at", "id"])
    op.create_index("ix_datasets_created", "datasets", ["created_at", "id"])
    op.create_index("ix_datasets_name_created", "datasets", ["name", "created_at", "id"])
