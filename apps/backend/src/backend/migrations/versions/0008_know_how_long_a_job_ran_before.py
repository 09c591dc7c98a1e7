"""Know how long a job ran before it was retried."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "jobs", sa.Column("earlier_duration_s", sa.Double(), server_default="0", nullable=False)
    )
