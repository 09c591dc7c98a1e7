"""Live events of a job: state, metrics and log as server-sent events."""

import asyncio
import codecs
import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from fastapi.sse import ServerSentEvent

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

LOG_PART_BYTES = 64 * 2**10
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

    async def events(self) -> AsyncIterator[ServerSentEvent]:
        """Everything from the cursor on; ends when the job is finished and all was sent."""
        async with self._ctx.bus.subscribe(self._job_id) as subscription:
            while not self._ctx.bus.closed:
                seen = await self._ctx.reads.get(
                    (self._job_id, self._offset, self._newest), self._read
                )
                if seen is None:
                    yield self._event("end", {})
                    return
                for event in self._news(seen):
                    yield event
                job = seen.row.job
                finished = job.status in FINISHED
                caught_up = seen.part.next_offset >= job.log_size
                if output := self._log(seen.part, last=finished and caught_up):
                    yield output
                if not caught_up:
                    continue
                if finished:
                    yield self._event("end", {})
                    return
                await subscription.wait()
                late = self._ctx.lag.seconds
                await asyncio.sleep(min(LOOKS_APART * late, 1) if late > LATE_S else 0)

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

    def _news(self, seen: _Seen) -> list[ServerSentEvent]:
        events = []
        for item in seen.metrics:
            if item.at > self._had and self._sent.get(item.epoch) != item.at:
                self._newest = max(self._newest, item.at)
                events.append(self._event("metrics", MetricsOut.model_validate(item)))
            self._sent[item.epoch] = item.at
        self._had = EPOCH
        if seen.state != self._state:
            self._state = seen.state
            events.append(self._event("state", raw=seen.state))
        return events

    def _log(self, part: LogSlice, *, last: bool) -> ServerSentEvent | None:
        offset = self._text_offset
        text = self._decoder.decode(part.data, final=last)
        self._offset = part.next_offset
        pending = len(self._decoder.getstate()[0])
        self._text_offset = self._offset - pending
        if not text:
            return None
        data = {"offset": offset, "next_offset": self._text_offset, "text": text}
        return self._event("log", data)

    def _event(self, name: str, data: Any = None, *, raw: str | None = None) -> ServerSentEvent:
        cursor = str(Cursor(self._text_offset, self._newest))
        if raw is not None:
            return ServerSentEvent(event=name, raw_data=raw, id=cursor)
        return ServerSentEvent(event=name, data=data, id=cursor)
