"""The database's schema: bringing it to the newest version, and waiting until it is there."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from backend.infra.database import Base, Database
from backend.infra.retry import forever

# Every table must be known to the metadata before they are made.
from backend.state import artifacts, datasets, jobs, tokens, weights  # noqa: F401

# Any number that only we use: replicas that migrate at once take turns.
_LOCK = 7_246_245


# Between two tries heartbeats are written, for up to 2 s.
LOCK_TIMEOUT_MS = 500
_LOCK_NOT_AVAILABLE = "55P03"
# By dialect: writes to the disk, and changes nothing.
_WRITING = {
    "sqlite": ["PRAGMA user_version = 0"],
    # Rows that do not fit into this memory go to a file beside the tables.
    "postgresql": ["SET LOCAL work_mem = '64kB'", "SELECT count(*) FROM generate_series(1, 10000)"],
}


class _LockedError(Exception):
    """Others hold a lock that the migration needs; nothing was changed."""


class SchemaError(ValueError):
    """The schema is not what this backend needs; the text says what to do."""


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, for `alembic` in code."""
    made = Config(attributes={"connection": connection})
    made.set_main_option("script_location", str(Path(__file__).parents[1] / "migrations"))
    return made


async def migrate(database: Database) -> None:
    """Bring the schema, or an empty database, to the newest version; harmless at the same time on several replicas.

    Raises:
        SchemaError: a newer version made it, or one that is too old.
    """

    def upgrade(connection: Connection) -> None:
        # SQLite's BEGIN IMMEDIATE is such a lock by itself.
        if connection.dialect.name == "postgresql":
            # Every heartbeat waits behind a migration that waits, for a backup as a rule.
            connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        current, known = _current(connection), _known()
        if current is None:
            Base.metadata.create_all(connection, checkfirst=False)
            command.stamp(config(connection), "head")
        elif current in known:
            command.upgrade(config(connection), "head")
        else:
            raise SchemaError(_foreign(current, newest=known[0], oldest=known[-1]))

    async def once() -> None:
        try:
            async with database.engine.begin() as connection:
                await connection.run_sync(upgrade)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            raise _LockedError("a backup or another migration holds it") from error

    await forever("waiting for a lock on the tables", _LockedError, once)


def _foreign(current: str, *, newest: str, oldest: str) -> str:
    if current < oldest:
        return (
            f"An older version of Trainyard made it (schema {current}, oldest here {oldest}). "
            f"Bring it to {oldest} with a version in between, or name another database."
        )
    return (
        f"A newer version of Trainyard made it (schema {current}, newest here {newest}). "
        "Go on with that version, or name another database."
    )


async def check(database: Database) -> None:
    """Raise unless the database answers, can be written, and has this backend's schema or a newer one.

    Raises:
        SchemaError: it answers, but was not migrated.
        OSError, sqlalchemy.exc.DBAPIError: it does not answer.
    """
    async with database.transaction() as session:
        connection = await session.connection()
        current = await connection.run_sync(_current)
        if current is None or current < _known()[0]:
            raise SchemaError(
                "The database's schema is not the newest. Run `python -m backend migrate`."
            )
        # On a full disk it is still read. Neither of these waits for a lock on a table.
        for statement in _WRITING[database.engine.dialect.name]:
            await session.execute(text(statement))


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _known() -> list[str]:
    """The versions of the schema, newest first."""
    return [script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()]


async def wait(database: Database) -> None:
    """Return once `check` passes, saying meanwhile what is waited for."""
    missing = (SchemaError, OSError, DBAPIError)
    await forever("waiting for the database (DATABASE_URL)", missing, check, database)
