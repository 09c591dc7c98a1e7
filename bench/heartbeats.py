"""Heartbeats a second that one backend replica makes durable in PostgreSQL, beside MLflow.

Starts a PostgreSQL and a backend of its own with 10,000 running jobs. Each heartbeat carries what a
finished epoch does (`epoch`, three metrics, `seq`, `step`, `progress`); every connection sends its
next one when the last was answered. Runs in the backend's environment.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import httpx
import servers
from common import table
from replica import Target, backend, connect, seed

PROCESSES = 2
CONNECTIONS = 32
METRICS = ("train/box_loss", "train/cls_loss", "metrics/mAP50")


class Request(NamedTuple):
    path: str
    token: str
    body: bytes


def heartbeat(target: Target, turn: int) -> Request:
    body = {"epoch": turn, "metrics": dict.fromkeys(METRICS, 1 / (turn + 1)), "seq": turn}
    body |= {"step": turn * 10, "progress": min(1.0, turn / 1000), "phase": "training"}
    return Request(f"{target.path}/heartbeat", target.token, json.dumps(body).encode())


def log_batch(target: Target, turn: int) -> Request:
    now = int(time.time() * 1000)
    metrics = [
        {"key": name, "value": 1 / (turn + 1), "timestamp": now, "step": turn} for name in METRICS
    ]
    body = {"run_id": target.job_id, "metrics": metrics}
    return Request("/api/2.0/mlflow/runs/log-batch", "", json.dumps(body).encode())


class Load(NamedTuple):
    """What one process sends."""

    url: str
    make: Callable[[Target, int], Request]
    targets: list[Target]
    seconds: float


class Sent(NamedTuple):
    """Latencies and the whole time in seconds, and how many answers had which status."""

    latencies: list[float]
    seconds: float
    statuses: dict[int, int]


async def send(load: Load) -> Sent:
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    statuses = Counter[int]()
    begin = loop.time()

    async def one_connection(index: int) -> None:
        connection = await connect(load.url)
        turn = 0
        while True:
            for target in load.targets[index::CONNECTIONS]:
                sent_at = loop.time()
                if sent_at - begin >= load.seconds:
                    return
                answer = await connection.post(*load.make(target, turn))
                latencies.append(loop.time() - sent_at)
                statuses[answer.status] += 1
            turn += 1

    await asyncio.gather(*(one_connection(index) for index in range(CONNECTIONS)))
    return Sent(latencies, loop.time() - begin, statuses)


def run_one(load: Load) -> Sent:
    return asyncio.run(send(load))


class Measured(NamedTuple):
    per_second: float
    latencies: list[float]

    def row(self, name: str) -> list[str]:
        ms = [value * 1000 for value in self.latencies]
        p95 = statistics.quantiles(ms, n=20)[-1]
        return [name, f"{self.per_second:,.0f}", f"{statistics.median(ms):.1f}", f"{p95:.1f}"]


def measure(load: Load) -> Measured:
    """Split a load over processes and run it."""
    parts = [load._replace(targets=load.targets[index::PROCESSES]) for index in range(PROCESSES)]
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        results = pool.map(run_one, parts)
    latencies = [latency for sent in results for latency in sent.latencies]
    if any(sent.statuses.keys() != {200} for sent in results):
        raise SystemExit(f"Not every answer was 200: {[sent.statuses for sent in results]}")
    return Measured(len(latencies) / max(sent.seconds for sent in results), latencies)


def mlflow_runs(url: str, count: int) -> list[Target]:
    """Runs of a new experiment."""
    with httpx.Client(base_url=f"{url}/api/2.0/mlflow", timeout=30) as api:
        name = {"name": f"bench-{time.time_ns()}"}
        experiment = api.post("/experiments/create", json=name).raise_for_status().json()
        replies = [
            api.post("/runs/create", json=experiment | {"start_time": 0}).raise_for_status().json()
            for _ in range(count)
        ]
    return [Target(reply["run"]["info"]["run_id"], "") for reply in replies]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--mlflow", action="store_true", help="measure .tools/mlflow beside it")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder, servers.postgres() as address:
        database_url = f"postgresql+asyncpg://{address}/postgres"
        with backend(Path(folder), database_url):
            targets = asyncio.run(seed(database_url, options.jobs))
        # One that finds its jobs running, as after each upgrade.
        with backend(Path(folder), database_url) as (url, _):
            ours = measure(Load(url, heartbeat, targets, options.seconds))
            rows.append(ours.row("ours"))
        if options.mlflow:
            database_url = f"postgresql+psycopg://{address}/mlflow"
            servers.create_database(address, "mlflow")
            # With its default of 5 it answers 400 under this many connections.
            os.environ["MLFLOW_SQLALCHEMYSTORE_POOL_SIZE"] = "80"
            with servers.mlflow(Path(folder) / "mlflow", database_url) as url:
                runs = mlflow_runs(url, 2 * PROCESSES * CONNECTIONS)
                peer = measure(Load(url, log_batch, runs, options.seconds))
            rows.append(peer.row("MLflow log-batch"))
            ratio = f"{ours.per_second / peer.per_second:.1f}"
            rows.append(["ours ÷ MLflow (target ≥ 10)", ratio, "", ""])
    table(
        f"Heartbeats at most, {PROCESSES * CONNECTIONS} connections, {options.jobs:,} running jobs",
        ["", "a second", "median ms", "p95 ms"],
        rows,
    )


if __name__ == "__main__":
    main()
