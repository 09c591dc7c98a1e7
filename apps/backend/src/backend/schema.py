"""The database's schema: bringing it to the newest version, and waiting until it is there."""

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential

# Every table must be known to the metadata before Alembic compares.
from backend.auth import models as _auth  # noqa: F401
from backend.datasets import models as _datasets  # noqa: F401
from backend.db import Database
from backend.jobs import models as _jobs  # noqa: F401
from backend.models import models as _models  # noqa: F401

log = logging.getLogger(__name__)

# Any number that only we use: replicas that migrate at once take turns.
_LOCK = 7_246_245


class SchemaError(Exception):
    """The schema is not what this backend needs; the text says what to do."""


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, for `alembic` in code."""
    made = Config(attributes={"connection": connection})
    made.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return made


async def migrate(database: Database) -> None:
    """Bring the schema to the newest version; harmless at the same time on several replicas."""

    def upgrade(connection: Connection) -> None:
        # SQLite's BEGIN IMMEDIATE is such a lock by itself.
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        command.upgrade(config(connection), "head")

    async with database.engine.begin() as connection:
        await connection.run_sync(upgrade)


async def check(database: Database) -> None:
    """Raise unless the database answers and its schema is this backend's or a newer one.

    Raises:
        SchemaError: it answers, but was not migrated.
        OSError, sqlalchemy.exc.DBAPIError: it does not answer.
    """
    async with database.reading() as session:
        connection = await session.connection()
        current = await connection.run_sync(
            lambda sync: MigrationContext.configure(sync).get_current_revision()
        )
    known = [script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()]
    if current is None or current in known[1:]:
        raise SchemaError(
            "The database's schema is not the newest. Run `python -m backend migrate`."
        )


async def wait(database: Database) -> None:
    """Return once `check` passes, saying meanwhile what is waited for."""

    def say(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning("waiting for the database (DATABASE_URL): %s", error)

    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type((SchemaError, OSError, DBAPIError)),
        wait=wait_exponential(multiplier=0.1, max=2),
        before_sleep=say,
    ):
        with attempt:
            await check(database)
