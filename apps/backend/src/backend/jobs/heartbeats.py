"""Heartbeats, the hot path: those that arrive while a transaction is under way are written
together in the next one, and each is answered after its commit.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from backend import metrics
from backend.context import Context
from backend.db import utcnow
from backend.jobs import callback_repository
from backend.jobs.callback_repository import Accepted
from backend.jobs.callback_schemas import HeartbeatIn

log = logging.getLogger(__name__)

MAX_BATCH = 500
# The answers of one batch bring the next: without a moment's wait the first would go alone.
GATHER_S = 0.002
# A transaction costs as much as ten heartbeats in it.
BETWEEN_S = 0.01
# About a third of what one replica can write: the rest is for logs, users and bursts.
WANTED_PER_S = 1000
SHORTEST_S = 2.0


class _Waiting(NamedTuple):
    beat: dict[str, Any]
    answer: "asyncio.Future[Accepted | None]"


class Heartbeats:
    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        # In each of these windows every living trainer has sent one.
        self._window_s = ctx.settings.heartbeat_timeout_s
        self._window_ends = 0.0
        self._senders: set[str] = set()
        self._senders_before = 0
        self._waiting: list[_Waiting] = []
        self._arrived = asyncio.Event()

    async def write(self, job_id: str, token_sha256: str, beat: HeartbeatIn) -> bool:
        """Write a heartbeat.

        Returns:
            Whether the trainer is to stop.

        Raises:
            Problem: 401, 404 or 409 as the contract says.
        """
        waiting = _Waiting(
            _row(job_id, token_sha256, beat), asyncio.get_running_loop().create_future()
        )
        self._waiting.append(waiting)
        self._arrived.set()
        accepted = await waiting.answer
        if accepted is not None:
            self._count(job_id)
            await self._ctx.bus.publish(job_id)
            return accepted.stop
        # Not written: the token is wrong or dead, or this `seq` was seen before.
        async with self._ctx.db.reading() as session:
            _, attempt = await callback_repository.live_attempt(session, job_id, token_sha256)
        return attempt.stop_requested_at is not None

    @property
    def interval_s(self) -> float:
        """When a trainer is to send its next heartbeat: the more send to this replica, the later.

        Two fit into the timeout, so that one may be lost.
        """
        senders = max(self._senders_before, len(self._senders))
        return min(max(SHORTEST_S, senders / WANTED_PER_S), self._window_s / 2)

    def _count(self, job_id: str) -> None:
        now = time.monotonic()
        if now >= self._window_ends:
            self._window_ends = now + self._window_s
            self._senders_before, self._senders = len(self._senders), set()
        self._senders.add(job_id)

    async def run(self) -> None:
        """Write what waits, for ever."""
        earliest = 0.0
        while True:
            await self._arrived.wait()
            await asyncio.sleep(max(GATHER_S, earliest - time.monotonic()))
            earliest = time.monotonic() + BETWEEN_S
            self._arrived.clear()
            batch = self._take()
            try:
                accepted = await self._commit({job_id: one.beat for job_id, one in batch.items()})
            except BaseException as error:
                for one in batch.values():
                    _answer(one, error)
                if not isinstance(error, Exception):
                    raise
                log.warning("%d heartbeats were not written: %s", len(batch), error)
            else:
                for job_id, one in batch.items():
                    _answer(one, accepted.get(job_id))

    def _take(self) -> dict[str, _Waiting]:
        """The next batch: one heartbeat of each job, for one UPDATE changes a row once."""
        batch: dict[str, _Waiting] = {}
        rest = []
        for one in self._waiting:
            job_id = one.beat["job_id"]
            if len(batch) < MAX_BATCH and job_id not in batch:
                batch[job_id] = one
            else:
                rest.append(one)
        self._waiting = rest
        if rest:
            self._arrived.set()
        return batch

    async def _commit(self, beats: Mapping[str, dict[str, Any]]) -> dict[str, Accepted]:
        async with self._ctx.db.transaction() as session:
            accepted, started = await callback_repository.write_beats(session, beats, utcnow())
        metrics.HEARTBEAT_BATCH.observe(len(beats))
        for one in started:
            if one.attempt == 1:
                metrics.START_LATENCY.observe(one.seconds)
        return accepted


def _row(job_id: str, token_sha256: str, beat: HeartbeatIn) -> dict[str, Any]:
    row = beat.model_dump(exclude_none=True)
    for numbers in ("metrics", "system"):
        if not row[numbers]:
            del row[numbers]
    stepped = beat.epoch is not None or (beat.step or 0) >= 1
    trains = stepped or beat.phase == "training"
    return row | {
        "job_id": job_id,
        "token": token_sha256,
        "stepped": int(stepped),
        "trains": int(trains),
    }


def _answer(one: _Waiting, answer: Accepted | BaseException | None) -> None:
    if one.answer.done():  # its client has gone
        return
    if isinstance(answer, BaseException):
        one.answer.set_exception(answer)
    else:
        one.answer.set_result(answer)
