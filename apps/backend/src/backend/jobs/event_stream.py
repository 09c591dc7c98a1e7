"""Live events of a job: state, metrics and log as server-sent events."""

import asyncio
import codecs
import json
import re
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import NamedTuple

from backend.callbacks import log_repository
from backend.callbacks.log_repository import LogSlice
from backend.context import Context
from backend.infra.database import EPOCH, from_microseconds, to_microseconds
from backend.infra.problems import wrong_field
from backend.jobs import repository
from backend.jobs.repository import JobRow
from backend.jobs.schemas import JobOut, MetricsOut
from backend.state.jobs import EpochMetrics
from backend.state.statuses import FINISHED

# A client takes a stream that is silent for long for broken.
PING_S = 15.0
LOG_PART_BYTES = 64 * 2**10
# The first news after a while is shown at once. Then all viewers of a job look together, at times
# so far apart, and share what is read.
LOOK_S = 0.15
# A busy replica looks less often, a second apart at most: ten times as long as its loop is late.
LATE_S = 0.02
LOOKS_APART = 10
# What was written earlier may be committed later: metrics are looked for from a little before the
# newest one seen.
OVERLAP = timedelta(seconds=5)
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
            raise wrong_field(
                "Bad Last-Event-ID",
                "Last-Event-ID",
                "Send the id of the last event, or omit the header to start over.",
            )
        return cls(int(found[1]), from_microseconds(int(found[2])))


class _Seen(NamedTuple):
    """One look at a job from a cursor on, the same for all who have come as far."""

    row: JobRow
    state: str
    metrics: list[EpochMetrics]
    part: LogSlice


class JobEventStream:
    """One client's live view of one job. Holds no connection but while it reads."""

    def __init__(self, ctx: Context, job_id: str, cursor: Cursor) -> None:
        self._ctx = ctx
        self._job_id = job_id
        self._offset, self._newest = cursor
        self._state = ""
        # Until the first look: what was written by then, the client has.
        self._had = self._newest
        self._sent: dict[int, datetime] = {}
        # Bytes of a character whose end is still to come are behind `_offset` but not yet sent.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._text_offset = self._offset

    async def events(self) -> AsyncIterator[bytes]:
        """Everything from the cursor on, each look's events at once; ends when the job is finished."""
        async with self._ctx.bus.subscribe(self._job_id) as subscription:
            ping_at = time.monotonic() + PING_S
            while not self._ctx.bus.closed:
                seen = await self._ctx.reads.get(
                    (self._job_id, self._offset, self._newest), self._read
                )
                if seen is None:
                    yield self._event("end", "{}")
                    return
                job = seen.row.job
                caught_up = seen.part.next_offset >= job.log_size
                ended = caught_up and job.status in FINISHED
                told = self._news(seen) + self._log(seen.part, last=ended)
                if ended:
                    told += self._event("end", "{}")
                if told or time.monotonic() >= ping_at:
                    yield told or b": ping\n\n"
                    ping_at = time.monotonic() + PING_S
                if ended:
                    return
                if caught_up:
                    looked = time.monotonic()
                    together_at = looked + LOOK_S - (looked + hash(self._job_id) % 97 / 97) % LOOK_S
                    await subscription.wait()
                    late = self._ctx.lag.seconds
                    pause = min(LOOKS_APART * late, 1) if late > LATE_S else 0
                    await asyncio.sleep(max(pause, together_at - time.monotonic()))

    async def _read(self) -> _Seen | None:
        async with self._ctx.db.reading() as session:
            row = await repository.find(session, self._job_id)
            if row is None:
                return None
            rows = await repository.metrics(session, self._job_id, since=self._newest - OVERLAP)
            part = await log_repository.read(session, row.job, self._offset, LOG_PART_BYTES)
        # As they were written: a client that leaves in between has all up to its cursor.
        metrics = sorted(rows, key=lambda item: item.at)
        return _Seen(row, JobOut.of(row).model_dump_json(), metrics, part)

    def _news(self, seen: _Seen) -> bytes:
        events = b""
        for item in seen.metrics:
            if item.at > self._had and self._sent.get(item.epoch) != item.at:
                self._newest = max(self._newest, item.at)
                data = MetricsOut.model_validate(item).model_dump_json()
                events += self._event("metrics", data)
            self._sent[item.epoch] = item.at
        self._had = EPOCH
        if seen.state != self._state:
            self._state = seen.state
            events += self._event("state", seen.state)
        return events

    def _log(self, part: LogSlice, *, last: bool) -> bytes:
        offset = self._text_offset
        text = self._decoder.decode(part.data, final=last)
        self._offset = part.next_offset
        pending = len(self._decoder.getstate()[0])
        self._text_offset = self._offset - pending
        if not text:
            return b""
        data = {"offset": offset, "next_offset": self._text_offset, "text": text}
        return self._event("log", json.dumps(data, ensure_ascii=False))

    def _event(self, name: str, data: str) -> bytes:
        """`data` is JSON on one line."""
        cursor = Cursor(self._text_offset, self._newest)
        return f"event: {name}\ndata: {data}\nid: {cursor}\n\n".encode()
