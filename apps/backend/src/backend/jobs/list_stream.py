"""Live events of the list of jobs: a page of it, as server-sent events."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

from backend.context import Context
from backend.infra.wakeups import EVERY_JOB
from backend.jobs import repository
from backend.jobs.event_stream import PING_S
from backend.jobs.schemas import JobOut, JobQuery

# All viewers of a page look together, so far apart, and share what is read.
LOOK_S = 1.0


async def events(ctx: Context, wanted: JobQuery) -> AsyncIterator[bytes]:
    """The page, then what changes in it; ends only with the backend."""

    async def read() -> tuple[dict[str, str], str | None]:
        rows, next_cursor = await repository.page(ctx.db, wanted)
        return {row[0].id: JobOut.of(row).model_dump_json() for row in rows}, next_cursor

    told: dict[str, str] | None = None
    async with ctx.bus.subscribe(EVERY_JOB) as woken:
        ping_at = time.monotonic() + PING_S
        while not ctx.bus.closed:
            page, next_cursor = await ctx.reads.get(wanted.model_dump_json(), read)
            # Compared in order: a job that is new or gone moves the others.
            if told is None or list(page.items()) != list(told.items()):
                known = told or {}
                changed = ",".join(text for id_, text in page.items() if known.get(id_) != text)
                rest = json.dumps({"ids": list(page), "next_cursor": next_cursor})[1:]
                news = f'event: jobs\ndata: {{"items": [{changed}], {rest}\n\n'
            else:
                news = ": ping\n\n" if time.monotonic() >= ping_at else ""
            told = page
            if news:
                yield news.encode()
                ping_at = time.monotonic() + PING_S
            await woken()
            await asyncio.sleep(LOOK_S - time.monotonic() % LOOK_S)
