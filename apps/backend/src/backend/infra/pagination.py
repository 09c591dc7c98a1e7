"""Pages of lists, newest first, with opaque cursors that inserts do not shift."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy import Select, func, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from backend.infra.database import from_microseconds, to_microseconds
from backend.infra.problems import wrong_field

_CURSOR = r"([0-9]{1,16})-([0-9a-f]{12,64})"


class ListQuery(BaseModel):
    """Which rows of a list a request asks for."""

    id_prefix: str | None = Field(
        default=None, pattern="^[0-9a-f]{1,12}$", description="Only ids that begin with this"
    )
    name: str | None = Field(
        default=None,
        max_length=200,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        description="Only this very name",
    )
    limit: int = Field(default=50, ge=1, le=500)
    # Told in the document, judged by `page`, whose sentence says what to do.
    cursor: str = Field(
        default="", json_schema_extra={"pattern": f"^({_CURSOR})?$"}, description="`next_cursor`"
    )


async def page(
    session: AsyncSession, query: Select[Any], table: Any, wanted: ListQuery
) -> tuple[Sequence[Any], str | None]:
    """The rows of `query` that are `wanted`, and the cursor of the next page.

    Args:
        session: only reads.
        query: its rows begin with an instance of `table`.
        table: has `name`, `created_at` and `id`, and `status` if `wanted` has.
        wanted: its `cursor` is empty for the first page.

    Raises:
        Problem: 422, the cursor is not one that an earlier page returned.
    """
    query = narrow(query, table, wanted.id_prefix, wanted.name)
    if status := getattr(wanted, "status", None):
        query = query.where(table.status.in_(status))
    if wanted.cursor:
        query = query.where(tuple_(table.created_at, table.id) < tuple_(*_decode(wanted.cursor)))
    newest_first = query.order_by(table.created_at.desc(), table.id.desc())
    rows = (await session.execute(newest_first.limit(wanted.limit + 1))).all()
    if len(rows) <= wanted.limit:
        return rows, None
    last = rows[wanted.limit - 1][0]
    return rows[: wanted.limit], f"{to_microseconds(last.created_at)}-{last.id}"


def narrow(query: Select[Any], table: Any, id_prefix: str | None, name: str | None) -> Select[Any]:
    """Only the rows whose id begins so, and that have this name; None: any."""
    if id_prefix is not None and len(id_prefix) == 1:
        # A sixteenth of all rows: the newest of them are found sooner by age than sorted.
        query = query.where(func.substr(table.id, 1, 1) == id_prefix)
    elif id_prefix is not None:
        # As a range, which an index serves in every database and collation.
        query = query.where(table.id.between(id_prefix.ljust(12, "0"), id_prefix.ljust(64, "f")))
    if name is not None:
        query = query.where(table.name == name)
    return query


def _decode(cursor: str) -> tuple[datetime, str]:
    found = re.fullmatch(_CURSOR, cursor)
    if found is None:
        detail = "Invalid cursor. Omit it to start from the first page."
        raise wrong_field("Bad cursor", "cursor", detail)
    return from_microseconds(int(found[1])), found[2]
