"""Simulates the trainers of many running jobs in one process, with the requests of the real one.

Each has a connection of its own, sends heartbeats as often as the backend asks for, finishes an
epoch every EPOCH_S and prints a line every LINE_S. All of them start spread over SPREAD_S.
"""

import asyncio
import json
import random
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from multiprocessing.connection import Connection as Pipe
from typing import Any, NamedTuple

import uvloop
from replica import Answer, Connection, Target, connect

EPOCH_S = 60
LINE_S = 30
SPREAD_S = 10
CONNECTING = 50
METRICS = (
    "train/box_loss",
    "train/cls_loss",
    "train/dfl_loss",
    "metrics/mAP50",
    "metrics/mAP50-95",
)
SYSTEM = {"cpu_percent": 187.5, "memory_percent": 41.2, "rss_bytes": 1_234_567_890.0}


class Sent(NamedTuple):
    """Seconds from when each was due to its answer, by kind; how late they left; the statuses."""

    latencies: dict[str, list[float]]
    late: list[float]
    statuses: dict[int, int]

    def copy(self) -> "Sent":
        latencies = {kind: list(values) for kind, values in self.latencies.items()}
        return Sent(latencies, list(self.late), dict(self.statuses))

    def clear(self) -> None:
        for values in self:
            values.clear()


class Trainer:
    """One job's. `seq` and `step` count microseconds, so that a reader knows when it was sent."""

    def __init__(self, target: Target, connection: Connection, sent: Sent) -> None:
        self._target = target
        self._connection = connection
        self._sent = sent
        self._free = asyncio.Lock()
        self._offset = 0

    async def beat(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + random.uniform(0, SPREAD_S)
        epoch, epoch_due = -1, due + random.uniform(0, EPOCH_S)
        while True:
            await asyncio.sleep(due - loop.time())
            body: dict[str, Any] = {"seq": now_us(), "step": now_us(), "phase": "training"}
            body |= {"progress": 0.5, "speed": 55.5, "system": SYSTEM}
            if due >= epoch_due:
                epoch, epoch_due = epoch + 1, epoch_due + EPOCH_S
                body |= {"epoch": epoch, "metrics": dict.fromkeys(METRICS, 1 / (epoch + 1))}
            answer = await self._post("heartbeat", json.dumps(body).encode(), due)
            pause = json.loads(answer.body)["interval_s"] * random.uniform(0.8, 1)
            due = max(loop.time(), min(due + pause, epoch_due))

    async def print_lines(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + SPREAD_S + random.uniform(0, LINE_S)
        while True:
            await asyncio.sleep(due - loop.time())
            line = (
                f"{now_us()} 3/100 0G 1.234 2.345 1.111 27 640: 100%|████████| 128/128\n".encode()
            )
            await self._post(f"logs?offset={self._offset}", line, due)
            self._offset += len(line)
            due += LINE_S

    async def _post(self, path: str, body: bytes, due: float) -> Answer:
        loop = asyncio.get_running_loop()
        async with self._free:
            self._sent.late.append(loop.time() - due)
            answer = await self._connection.post(
                f"{self._target.path}/{path}", self._target.token, body
            )
        self._sent.latencies[path.partition("?")[0]].append(loop.time() - due)
        self._sent.statuses[answer.status] += 1
        if answer.status in {401, 404, 422}:
            raise RuntimeError(f"{path}: {answer.status} {answer.body.decode()}")
        return answer


def now_us() -> int:
    return time.time_ns() // 1000


async def _train(url: str, targets: Sequence[Target], settle_s: float, pipe: Pipe) -> Sent:
    loop = asyncio.get_running_loop()
    few = asyncio.Semaphore(CONNECTING)
    sent = Sent(defaultdict(list), [], Counter())

    async def trainer(target: Target) -> Trainer:
        async with few:
            return Trainer(target, await connect(url), sent)

    trainers = await asyncio.gather(*map(trainer, targets))
    tasks = [asyncio.create_task(one.beat()) for one in trainers]
    tasks += [asyncio.create_task(one.print_lines()) for one in trainers]
    await asyncio.sleep(settle_s)
    sent.clear()
    pipe.send("settled")
    while await loop.run_in_executor(None, pipe.recv) == "so far":
        pipe.send(sent.copy())
        sent.clear()
    for task in tasks:
        task.cancel()
    for error in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(error, asyncio.CancelledError):
            raise SystemExit(f"A trainer of the bench failed: {error!r}")
    return sent


def train(url: str, targets: Sequence[Target], settle_s: float, pipe: Pipe) -> None:
    """Say "settled" into the pipe; train until it says "enough", and put what was sent into it.

    At "so far" put into it what was sent since the last time.
    """
    pipe.send(uvloop.run(_train(url, targets, settle_s, pipe)).copy())


def ms(values: Sequence[float]) -> str:
    """Median and 95th percentile in milliseconds."""
    scaled = [value * 1000 for value in values]
    if len(scaled) < 20:
        return "too few"
    return f"{statistics.median(scaled):.1f}, {statistics.quantiles(scaled, n=20)[-1]:.1f}"
