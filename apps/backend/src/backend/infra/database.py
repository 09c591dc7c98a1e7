"""The database: one engine for SQLite (WAL) and PostgreSQL."""

import asyncio
import math
import secrets
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, ClassVar, TypeVar

from sqlalchemy import JSON, DateTime, Dialect, MetaData, UpdateBase, event, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.sql import ColumnElement
from sqlalchemy.types import TypeDecorator

from backend.infra.problems import not_found

READ_ONLY = "trainyard_read_only"
_DISK_FULL = "53100"  # PostgreSQL's code
# Of PostgreSQL. A connection that a failover has left dead would say nothing for 15 minutes.
CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 30.0
# Longer, whoever is to be answered at once does not wait for the database.
PROMPT_S = 2.0
LOCK_EVERY_S = 0.2
# For so long after it took no more: trainers send anew within it.
FULL_S = 30.0
EPOCH = datetime.fromtimestamp(0, UTC)


class _Clock:
    """What this process's clock lacks to the database's, by which all replicas go."""

    offset = timedelta()


def utcnow() -> datetime:
    """The time by the database's clock, as it was last read."""
    return datetime.now(UTC) + _Clock.offset


def to_microseconds(at: datetime) -> int:
    """Since 1970, exactly."""
    return (at - EPOCH) // timedelta(microseconds=1)


def from_microseconds(number: int) -> datetime:
    return EPOCH + timedelta(microseconds=number)


def new_id() -> str:
    """12 lower-case hexadecimal digits: fits a Kubernetes name, short enough to type."""
    return secrets.token_hex(6)


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC times; SQLite drops the zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: JSON, list[Any]: JSON}  # noqa: RUF012


Transaction = AbstractAsyncContextManager[AsyncSession]
Row = TypeVar("Row", bound=Base)


class Database:
    """An engine and its sessions."""

    _full_at: ClassVar = -math.inf

    def __init__(self, url: str, *, migrates: bool = False) -> None:
        """`migrates`: a statement may take as long as it needs."""
        sqlite = url.startswith("sqlite")
        self.engine: AsyncEngine = create_async_engine(
            url,
            hide_parameters=True,  # errors are logged, and parameters may be secret
            **({} if sqlite else _postgresql(None if migrates else ANSWER_TIMEOUT_S)),
        )
        if sqlite:
            event.listen(self.engine.sync_engine, "connect", _configure_sqlite)
            event.listen(self.engine.sync_engine, "begin", _begin)
        else:
            event.listen(self.engine.sync_engine, "connect", _read_clock)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        readers = self.engine.execution_options(**{READ_ONLY: True})
        self._reading = async_sessionmaker(readers, expire_on_commit=False)

    def transaction(self, within_s: float | None = None) -> Transaction:
        """A session that commits at the end of the block and rolls back on any error.

        Raises:
            TimeoutError: it is not done `within_s`.
        """
        return self._begun(self._sessions, within_s)

    def reading(self, within_s: float | None = None) -> Transaction:
        """A session that only reads: on SQLite it neither waits for a writer nor holds one up.

        Raises:
            TimeoutError: it is not done `within_s`.
        """
        return self._begun(self._reading, within_s)

    @asynccontextmanager
    async def _begun(
        self, sessions: async_sessionmaker[AsyncSession], within_s: float | None = None
    ) -> AsyncIterator[AsyncSession]:
        try:
            async with asyncio.timeout(within_s), sessions.begin() as session:
                await session.connection()  # the first one reads the clock
                yield session
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", "") == _DISK_FULL or "is full" in str(error.orig):
                Database._full_at = time.monotonic()
            raise
        except TimeoutError:
            # Assume that all pooled connections are dead; do not wait to close them.
            await self.engine.dispose(close=False)
            raise

    @classmethod
    def is_full(cls) -> bool:
        """Whether the database has lately refused this process something for want of space."""
        return time.monotonic() < cls._full_at + FULL_S

    async def read_clock(self) -> None:
        """Go by the database's clock from here on, whatever happened to this machine's."""
        if self.engine.dialect.name == "sqlite":  # one machine
            return
        async with self.reading() as session:
            await (await session.connection()).run_sync(lambda sync: _read_clock(sync.connection))

    @asynccontextmanager
    async def try_advisory_lock(self, work: int) -> AsyncIterator[bool]:
        """Whether no other replica is in such a block with the same `work`, a number of its own."""
        if self.engine.dialect.name == "sqlite":  # one process
            yield True
            return
        # The lock goes with the transaction, and so with a replica that dies.
        async with self._reading.begin() as session:
            yield bool(await session.scalar(select(func.pg_try_advisory_xact_lock(work))))

    @asynccontextmanager
    async def advisory_lock(self, work: int) -> AsyncIterator[None]:
        """Wait until nobody, here or in another replica, is in such a block with the same `work`."""
        async with self._locks[work]:  # one that asks the database, however many wait here
            while True:
                async with self.try_advisory_lock(work) as alone:
                    if alone:
                        yield
                        return
                await asyncio.sleep(LOCK_EVERY_S)

    async def close(self) -> None:
        await self.engine.dispose()


async def existing(session: AsyncSession, table: type[Row], id_: str, lock: Any = None) -> Row:
    """The row, `lock`ed as `with_for_update` has it. Raise a Problem (404) unless there is one."""
    row = await session.get(table, id_, with_for_update=lock)
    if row is None:
        raise not_found(table.__name__, id_)
    return row


async def find_by(session: AsyncSession, table: type[Row], **columns: Any) -> Row | None:
    return await session.scalar(select(table).filter_by(**columns))


async def count(session: AsyncSession, *where: ColumnElement[bool]) -> int:
    """How many rows are so."""
    return await session.scalar(select(func.count()).where(*where)) or 0


async def execute_guarded(session: AsyncSession, statement: UpdateBase) -> bool:
    """Run an UPDATE or DELETE whose WHERE says what it may change; False: there was nothing."""
    result: Any = await session.execute(statement.execution_options(synchronize_session=False))
    return bool(result.rowcount)


def _postgresql(answer_timeout_s: float | None) -> dict[str, Any]:
    return {
        "pool_size": 10,
        "pool_pre_ping": True,
        "connect_args": {
            "timeout": CONNECT_TIMEOUT_S,
            "command_timeout": answer_timeout_s,
            # What is in use is in memory. With the default of 4, for disks that turn, a few
            # heartbeats are looked up by reading all jobs that there ever were.
            "server_settings": {"random_page_cost": "1.1"},
        },
    }


def _read_clock(connection: Any, _record: object = None) -> None:
    cursor = connection.cursor()
    before = datetime.now(UTC)
    cursor.execute("SELECT clock_timestamp()")
    [at] = cursor.fetchone()
    after = datetime.now(UTC)
    cursor.close()
    connection.rollback()
    # It was read at some moment in between: an answer that was slow moves nothing that may be right.
    _Clock.offset = min(max(_Clock.offset, at - after), at - before)


def _configure_sqlite(connection: Any, _record: object) -> None:
    # The driver must not open transactions by itself, or BEGIN IMMEDIATE comes too late.
    connection.isolation_level = None
    cursor = connection.cursor()
    pragmas = "journal_mode=WAL synchronous=NORMAL busy_timeout=10000 foreign_keys=ON"
    for pragma in pragmas.split():
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    # SQLite's own knows ASCII alone.
    connection.create_function("lower", 1, lambda text: text and text.lower(), deterministic=True)
    # A cancelled statement's connection is stopped twice, and the second time was awaited forever.
    connection.driver_connection.stop = cache(connection.driver_connection.stop)


def _begin(connection: Any) -> None:
    # A read that becomes a write in mid-transaction fails at once under WAL instead of waiting.
    read_only = connection.get_execution_options().get(READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
