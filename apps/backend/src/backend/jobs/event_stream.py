"""Live events of a job (state, metrics and log) and of the list of jobs, as server-sent events."""

import asyncio
import codecs
import json
import re
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial
from math import ceil, log2
from typing import Any, NamedTuple

from backend.callbacks import log_repository
from backend.context import Context
from backend.infra.database import EPOCH, from_microseconds, to_microseconds
from backend.infra.problems import wrong_fields
from backend.infra.wakeups import EVERY_JOB
from backend.jobs import repository
from backend.jobs.schemas import JobOut, JobQuery, MetricsOut
from backend.state.statuses import FINISHED

LOG_PART_BYTES = 64 * 2**10
METRICS_AT_ONCE = 200
# The first news after a while is shown at once. Then all viewers of a job look together, at times
# so far apart, and share what is read.
LOOK_S = 0.15
# A busy replica looks less often, a second apart at most: ten times as long as its loop usually is
# late. One peak, such as a scrape of its metrics, does not hold up what is live.
LATE_S = 0.02
LOOKS_APART = 10
# What was written earlier may be committed later: metrics are looked for from a little before the
# newest one seen.
OVERLAP = timedelta(seconds=5)
# All viewers of a page look together, so far apart, and share what is read.
LIST_LOOK_S = 1.0
MOST_DOUBLED = 4
_ID = r"([0-9]{1,18}):(-1|[0-9]{1,17})"
# Told in the document, judged by `Cursor.parse`, whose sentence says what to do.
CURSOR_PATTERN = f"^({_ID})?$"


class Cursor(NamedTuple):
    """How far a client has come; the `id` of every event."""

    log_offset: int
    # When the newest metrics were written that it has: it is told again of an epoch that a later
    # attempt repeats. Older versions had the epoch here, which is long ago: everything is told.
    metrics_at: datetime = EPOCH

    def __str__(self) -> str:
        return f"{self.log_offset}:{to_microseconds(self.metrics_at)}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Raise a Problem (422) unless `text` is the id of an event."""
        found = re.fullmatch(_ID, text)
        if found is None:
            how = "Send the id of the last event, or omit the header to start over."
            raise wrong_fields("Bad Last-Event-ID", {"Last-Event-ID": how})
        return cls(int(found[1]), from_microseconds(int(found[2])))


class _Position(NamedTuple):
    """How far a client has come. All who have come as far are told the same."""

    cursor: Cursor
    # Of the newest metrics, those that it has; None before the first look: what was written by
    # then, the client has.
    told: frozenset[tuple[int, datetime]] | None = None
    # As last told, but for the size of the log, which every part of it changes.
    state: str = ""


class _Look(NamedTuple):
    """What is new from a position on, as it is sent."""

    told: bytes
    position: _Position
    caught_up: bool = True
    ended: bool = True


async def metrics_list(ctx: Context, job_id: str) -> AsyncIterator[str]:
    """A `MetricsList` as JSON, in parts: of thousands of epochs it has many MiB."""
    async with ctx.db.reading() as session:
        epochs = sorted(dict(await repository.metrics_since(session, job_id, EPOCH)))
    yield '{"items":['
    for start in range(0, len(epochs), METRICS_AT_ONCE):
        async with ctx.db.reading() as session:
            some = epochs[start : start + METRICS_AT_ONCE]
            rows = await repository.metrics_of(session, job_id, some)
        items = (MetricsOut.model_validate(row) for row in sorted(rows, key=lambda row: row.epoch))
        yield "," * bool(start) + ",".join(item.model_dump_json() for item in items)
    yield "]}"


async def events(ctx: Context, job_id: str, cursor: Cursor) -> AsyncIterator[bytes]:
    """Everything from the cursor on, each look's events at once, if any; ends when the job is finished.

    No connection is held but while it is read.
    """
    position = _Position(cursor)
    async with ctx.bus.subscribe(job_id) as woken:
        while not ctx.bus.closed:
            look = await ctx.reads.get((job_id, position), partial(_look, ctx, job_id, position))
            position = look.position
            yield look.told
            if look.ended:
                return
            if look.caught_up:
                looked = time.monotonic()
                together_at = looked + LOOK_S - (looked + hash(job_id) % 97 / 97) % LOOK_S
                await woken()
                pause = min(LOOKS_APART * ctx.lag.usual, 1) if ctx.lag.usual > LATE_S else 0
                await asyncio.sleep(max(pause, together_at - time.monotonic()))


async def list_events(ctx: Context, wanted: JobQuery) -> AsyncIterator[bytes]:
    """The page, then what changes in it, each look's, if any; ends only with the backend."""

    async def read() -> tuple[dict[str, str], dict[str, Any]]:
        found = await repository.page(ctx.db, wanted)
        jobs = {row[0].id: JobOut.of(row).model_dump_json() for row in found.items}
        return jobs, {"ids": list(jobs), **found.model_dump(exclude={"items"})}

    told: tuple[dict[str, str], dict[str, Any]] = {}, {}
    async with ctx.bus.subscribe(EVERY_JOB) as woken:
        while not ctx.bus.closed:
            looked = time.monotonic()
            jobs, rest = now = await ctx.reads.get(wanted.model_dump_json(), read)
            # What takes long to find is looked for less often: every second, two, four, … seconds, so
            # that all look together.
            apart = (time.monotonic() - looked) * LOOKS_APART / LIST_LOOK_S
            pause = LIST_LOOK_S * 2 ** min(ceil(log2(max(apart, 1))), MOST_DOUBLED)
            changed = ",".join(text for id_, text in jobs.items() if told[0].get(id_) != text)
            news = f'event: jobs\ndata: {{"items": [{changed}], {json.dumps(rest)[1:]}\n\n'
            yield news.encode() if now != told else b""
            told = now
            await woken()
            await asyncio.sleep(pause - time.monotonic() % pause)


async def _look(ctx: Context, job_id: str, position: _Position) -> _Look:
    (offset, newest), had, state = position
    async with ctx.db.reading() as session:
        row = await repository.find(session, job_id)
        if row is None:
            return _Look(_event("end", "{}", position.cursor), position)
        written = await repository.metrics_since(session, job_id, newest - OVERLAP)
        new = [one for one in written if (one[1] > newest if had is None else one not in had)]
        later = frozenset(new[METRICS_AT_ONCE:])
        epochs = [epoch for epoch, _ in new[:METRICS_AT_ONCE]]
        rows = await repository.metrics_of(session, job_id, epochs) if epochs else []
        part = await log_repository.read(session, row.job, offset, LOG_PART_BYTES)
    told, cursor = b"", position.cursor
    # As they were written: a client that leaves in between has all up to its cursor.
    for item in sorted(rows, key=lambda item: item.at):
        cursor = cursor._replace(metrics_at=max(cursor.metrics_at, item.at))
        told += _event("metrics", MetricsOut.model_validate(item).model_dump_json(), cursor)
    job = JobOut.of(row)
    if (now := job.model_dump_json(exclude={"log_size"})) != state:
        told += _event("state", job.model_dump_json(), cursor)
    caught_up = part.next_offset >= job.log_size and not later
    ended = caught_up and job.status in FINISHED
    # A character whose end is still to come is left for the next look.
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    left_out = part.next_offset > offset + len(part.data)
    text = decoder.decode(part.data, final=ended or left_out)
    cursor = cursor._replace(log_offset=part.next_offset - len(decoder.getstate()[0]))
    if text:
        data = {"offset": offset, "next_offset": cursor.log_offset, "text": text}
        told += _event("log", json.dumps(data, ensure_ascii=False), cursor)
    if ended:
        told += _event("end", "{}", cursor)
    has = frozenset(one for one in written if one[1] >= cursor.metrics_at - OVERLAP) - later
    return _Look(told, _Position(cursor, has, now), caught_up, ended)


def _event(name: str, data: str, cursor: Cursor) -> bytes:
    """`data` is JSON on one line."""
    return f"event: {name}\ndata: {data}\nid: {cursor}\n\n".encode()
