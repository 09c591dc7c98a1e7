"""Know who made what, and let tokens end."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    # Those that there are could do everything.
    access = sa.Column("access", sa.String(16), nullable=False, server_default="admin")
    op.add_column("api_tokens", access)
    for name in ("expires_at", "revoked_at", "last_used_at"):
        op.add_column("api_tokens", sa.Column(name, sa.DateTime(timezone=True)))
    for table in ("api_tokens", "datasets", "jobs"):
        op.add_column(table, sa.Column("created_by", sa.String(63)))
