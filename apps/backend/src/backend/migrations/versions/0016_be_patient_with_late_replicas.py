"""Know for how long an attempt may be silent that a late replica heard."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("attempts", sa.Column("patience_s", sa.Double()))
