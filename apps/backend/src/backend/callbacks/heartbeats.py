"""Heartbeat ingest, the hot path: heartbeats share a transaction; each is answered after its commit."""

import time
from collections.abc import Mapping
from itertools import islice
from typing import Any

from backend.callbacks import log_repository, repository
from backend.callbacks.batching import WriteBatcher
from backend.callbacks.schemas import MAX_METRICS, Command, HeartbeatAccepted, HeartbeatIn
from backend.callbacks.sender import Sender, live_attempt
from backend.context import Context
from backend.infra import metrics
from backend.infra.database import utcnow

MAX_BATCH = 500
# About a third of what one replica can write: the rest is for logs, users and bursts.
WANTED_PER_S = 1000
SHORTEST_S = 2.0
# A loop that runs what is due later than this gets fewer: at twice this a half, then a third.
LATE_S = 0.05
# While it is late, at most so many times the timeout.
LONGEST_WINDOWS = 3
# How many of its intervals a trainer may be silent.
PATIENCE = 1.5
# Logs give way before heartbeats do.
LOGS_LATE_S = 0.03
LONGEST_OF_LOGS_S = 10.0


class HeartbeatIngest:
    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        # In each of these windows every living trainer has sent one.
        self._window_s = ctx.settings.heartbeat_timeout_s
        self._window_ends = 0.0
        self._senders: set[str] = set()
        self._senders_before = 0
        self._batcher = WriteBatcher(self._commit, MAX_BATCH, ctx.lag)
        self.run = self._batcher.run

    async def write(self, sender: Sender, beat: HeartbeatIn) -> HeartbeatAccepted:
        """Write a heartbeat.

        Returns:
            What the trainer is to do, and when to send the next one.

        Raises:
            Problem: 401 or 409 as the contract says.
        """
        interval_s = self.interval_s
        # What it is told counts, should it come late: for this replica, and for all others.
        row = _row(sender, beat) | {"patience_s": max(self._window_s, PATIENCE * interval_s)}
        command = await self._batcher.write(sender.job_id, row)
        if command is not None:
            self._count(sender.job_id)
            for what, numbers in (("metrics", beat.metrics), ("`system` values", beat.system)):
                if len(numbers) > MAX_METRICS:
                    await self._tell_of_left_out(sender.job_id, what, len(numbers))
            await self._ctx.bus.publish(sender.job_id)
            return HeartbeatAccepted(command=command, interval_s=interval_s)
        # Not written: the token is wrong or dead, or this `seq` was seen before.
        async with self._ctx.db.reading() as session:
            attempt = await live_attempt(session, sender)
        return HeartbeatAccepted(command=repository.command(attempt), interval_s=interval_s)

    async def _tell_of_left_out(self, job_id: str, what: str, count: int) -> None:
        text = f"Of more than {MAX_METRICS} {what} in a heartbeat the first {MAX_METRICS} are kept."
        limit = self._ctx.settings.log_limit_bytes
        async with self._ctx.db.transaction() as session:
            await log_repository.note(session, job_id, text, f"This one had {count}.", limit)

    @property
    def interval_s(self) -> float:
        """When a trainer is to send its next heartbeat: the more send to this replica, the later.

        Two fit into the timeout, so that one may be lost. While the replica is late, it may be more
        than the timeout, which then waits as long as the attempt's `patience_s` says.
        """
        strain = self._ctx.lag.strain(LATE_S)
        longest = self._window_s * (LONGEST_WINDOWS if strain else 0.5)
        return min(max(SHORTEST_S, self._spread_s * (1 + strain)), longest)

    @property
    def log_interval_s(self) -> float:
        """How long a trainer is to gather output before it sends more."""
        wanted = self._spread_s * self._ctx.lag.strain(LOGS_LATE_S)
        return round(min(wanted, LONGEST_OF_LOGS_S), 1)

    @property
    def _spread_s(self) -> float:
        return max(self._senders_before, len(self._senders)) / WANTED_PER_S

    def _count(self, job_id: str) -> None:
        now = time.monotonic()
        if now >= self._window_ends:
            self._window_ends = now + self._window_s
            self._senders_before, self._senders = len(self._senders), set()
        self._senders.add(job_id)

    async def _commit(self, beats: Mapping[str, dict[str, Any]]) -> dict[str, Command]:
        async with self._ctx.db.transaction() as session:
            commands, latencies = await repository.write_beats(session, beats, utcnow())
        metrics.HEARTBEAT_BATCH.observe(len(beats))
        for seconds in latencies:
            metrics.START_LATENCY.observe(seconds)
        return commands


def _row(sender: Sender, beat: HeartbeatIn) -> dict[str, Any]:
    row = beat.model_dump(exclude_none=True)
    for numbers in ("metrics", "system"):
        row[numbers] = dict(islice(row[numbers].items(), MAX_METRICS))
        if not row[numbers]:
            del row[numbers]
    stepped = beat.epoch is not None or (beat.step or 0) >= 1
    trains = stepped or beat.phase == "training"
    flags = {"stepped": int(stepped), "trains": int(trains)}
    return row | flags | {"job_id": sender.job_id, "token": sender.token_sha256}
