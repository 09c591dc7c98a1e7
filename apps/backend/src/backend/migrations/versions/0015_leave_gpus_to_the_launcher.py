"""Leave the number of GPUs to the launcher where nobody named one."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    # 0 meant that nobody had named one; the next attempt of such a job, also of one that has ended
    # and is retried, would train on the CPU now.
    rest = "CAST(CAST(resources AS jsonb) - 'gpu' AS json)"
    if op.get_bind().dialect.name == "sqlite":
        rest = "json_remove(resources, '$.gpu')"
    unnamed = "CAST(resources ->> 'gpu' AS INTEGER) = 0"
    op.execute(f"UPDATE jobs SET resources = {rest} WHERE {unnamed}")  # noqa: S608 - of constants
