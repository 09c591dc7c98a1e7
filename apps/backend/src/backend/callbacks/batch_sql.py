"""One SQL statement for many callbacks: its only parameter is a JSON list of them.

The statement is prepared once however many there are, and is the same on both databases but for the
name of the function that unfolds the list. It reads them as the table `beat`.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from backend.infra.database import UtcDateTime

_BEATS = """
WITH beat AS (
  SELECT value->>'job_id' AS job_id, value->>'token' AS token,
    CAST(value->>'attempt' AS INTEGER) AS attempt,
    CAST(value->>'log_size' AS BIGINT) AS log_size, CAST(value->>'seq' AS BIGINT) AS seq, value->>'phase' AS phase,
    CAST(value->>'epoch' AS INTEGER) AS epoch, CAST(value->>'step' AS BIGINT) AS step,
    CAST(value->>'progress' AS DOUBLE PRECISION) AS progress,
    CAST(value->>'speed' AS DOUBLE PRECISION) AS speed,
    CAST(value->>'transferred' AS BIGINT) AS transferred,
    CAST(value->>'patience_s' AS DOUBLE PRECISION) AS patience_s,
    value->'system' AS system, value->'metrics' AS metrics,
    CAST(value->>'trains' AS INTEGER) AS trains, CAST(value->>'stepped' AS INTEGER) AS stepped
  FROM {unfold}(CAST(:beats AS {json})) AS unfolded
)
"""
_DIALECTS = {
    "postgresql": {"unfold": "json_array_elements", "json": "JSON"},
    "sqlite": {"unfold": "json_each", "json": "TEXT"},
}


async def run(
    session: AsyncSession,
    statement: str,
    beats: Sequence[Mapping[str, Any]],
    now: datetime | None = None,
    *columns: InstrumentedAttribute[Any],
) -> Sequence[Any]:
    """Run it; `columns`: what it returns."""
    words = _DIALECTS[session.get_bind().dialect.name]
    prepared: Any = text(_BEATS.format_map(words) + statement)
    parameters: dict[str, Any] = {"beats": json.dumps(beats)}
    if now is not None:
        prepared = prepared.bindparams(bindparam("now", type_=UtcDateTime))
        parameters["now"] = now
    if columns:
        prepared = prepared.columns(*columns)
    result = await session.execute(prepared, parameters)
    return result.all() if columns else []
