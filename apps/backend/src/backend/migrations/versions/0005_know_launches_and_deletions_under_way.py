"""Know the token of an attempt whose launch is under way, and the jobs that are being deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempts", sa.Column("launch_token", sa.String(64)))
    op.add_column(
        "jobs", sa.Column("deleting", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
