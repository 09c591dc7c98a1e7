"""Heartbeats a second that one backend replica makes durable in PostgreSQL, beside MLflow.

Starts a PostgreSQL and a backend of its own with 10,000 running jobs. Each heartbeat carries what a
finished epoch does (`epoch`, three metrics, `seq`, `step`, `progress`). "at most": every connection
sends its next heartbeat when the last was answered; "paced": heartbeats start on a clock, so the
time that one waits for its turn counts. Runs in the backend's environment.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import psutil
from backend.auth.service import sha256
from backend.db import Database, utcnow
from backend.jobs.models import Attempt, Job
from backend.jobs.states import JobStatus
from common import ROOT, table
from sqlalchemy import insert

sys.path.append(str(ROOT / "tests"))
import servers

PROCESSES = 2
METRICS = ("train/box_loss", "train/cls_loss", "metrics/mAP50")


class Request(NamedTuple):
    path: str
    token: str
    body: bytes


class Connection(asyncio.Protocol):
    """One kept-alive HTTP/1.1 connection; as little work for a request as Python can do."""

    def __init__(self, host: str) -> None:
        self._head = f"Host: {host}\r\nContent-Type: application/json\r\n"
        self._answer: asyncio.Future[int] | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found or self._answer is None:
            return
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        if len(body) >= length:
            self._buffer = b""
            self._answer.set_result(int(head[9:12]))

    def send(self, request: Request) -> "asyncio.Future[int]":
        """Post a request; the result is the answer's status."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(
            f"POST {request.path} HTTP/1.1\r\n{self._head}Authorization: Bearer {request.token}\r\n"
            f"Content-Length: {len(request.body)}\r\n\r\n".encode()
            + request.body
        )
        return self._answer


def heartbeat(target: str, turn: int) -> Request:
    job_id, _, token = target.partition(" ")
    body = {"epoch": turn, "metrics": dict.fromkeys(METRICS, 1 / (turn + 1)), "seq": turn}
    body |= {"step": turn * 10, "progress": min(1.0, turn / 1000), "phase": "training"}
    return Request(f"/api/v1/jobs/{job_id}/heartbeat", token, json.dumps(body).encode())


def log_batch(target: str, turn: int) -> Request:
    now = int(time.time() * 1000)
    metrics = [
        {"key": name, "value": 1 / (turn + 1), "timestamp": now, "step": turn} for name in METRICS
    ]
    body = {"run_id": target, "metrics": metrics}
    return Request("/api/2.0/mlflow/runs/log-batch", "", json.dumps(body).encode())


class Load(NamedTuple):
    """What one process sends: `rate` requests a second, or with 0 as many as are answered."""

    url: str
    make: Callable[[str, int], Request]
    targets: list[str]
    connections: int
    seconds: float
    rate: float
    first_turn: int


class Sent(NamedTuple):
    """Latencies and the whole time in seconds, and how many answers had which status."""

    latencies: list[float]
    seconds: float
    statuses: dict[int, int]


async def send(load: Load) -> Sent:
    loop = asyncio.get_running_loop()
    address = urlsplit(load.url)
    latencies: list[float] = []
    statuses: dict[int, int] = {}
    begin = loop.time()
    sent = 0

    async def one_connection(index: int) -> None:
        nonlocal sent
        _, connection = await loop.create_connection(
            lambda: Connection(address.netloc), address.hostname, address.port
        )
        mine = load.targets[index :: load.connections]
        turn = load.first_turn
        while True:
            for target in mine:
                due = loop.time()
                if load.rate:
                    due = begin + sent / load.rate
                    sent += 1
                    await asyncio.sleep(due - loop.time())
                if due - begin >= load.seconds:
                    return
                status = await connection.send(load.make(target, turn))
                latencies.append(loop.time() - due)
                statuses[status] = statuses.get(status, 0) + 1
            turn += 1

    await asyncio.gather(*(one_connection(index) for index in range(load.connections)))
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
    parts = [
        load._replace(targets=load.targets[index::PROCESSES], rate=load.rate / PROCESSES)
        for index in range(PROCESSES)
    ]
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        results = pool.map(run_one, parts)
    latencies = [latency for sent in results for latency in sent.latencies]
    if any(sent.statuses.keys() != {200} for sent in results):
        raise SystemExit(f"Not every answer was 200: {[sent.statuses for sent in results]}")
    return Measured(len(latencies) / max(sent.seconds for sent in results), latencies)


async def seed(url: str, jobs: int) -> list[str]:
    """Running jobs with one attempt each; returns "JOB_ID TOKEN" of each."""
    names = [(f"{number:012x}", f"token-{number}") for number in range(jobs)]
    now = utcnow()
    shared: dict[str, Any] = {"trainer": "bench", "task": "detect", "dataset_id": "0" * 12}
    shared |= {"config": {}, "resources": {}, "max_attempts": 1, "request_sha256": "", "attempt": 1}
    shared |= {"status": JobStatus.RUNNING, "started_at": now, "workflow_started": True}
    database = Database(url)
    async with database.transaction() as session:
        await session.execute(insert(Job), [{"id": id_, **shared} for id_, _ in names])
        attempt = {"number": 1, "executor": "subprocess", "launched_at": now}
        await session.execute(
            insert(Attempt),
            [
                {"job_id": id_, "token_sha256": sha256(token), "heartbeat_at": now, **attempt}
                for id_, token in names
            ],
        )
    await database.close()
    return [f"{id_} {token}" for id_, token in names]


@contextmanager
def backend(folder: Path, database_url: str) -> Iterator[tuple[str, psutil.Process]]:
    """A migrated database and one replica, alone: nothing is behind its other addresses."""
    port = servers.free_port()
    nowhere = f"127.0.0.1:{servers.free_port()}"
    manifest = {"name": "bench", "version": "1", "description": "-", "image": "-", "command": ["-"]}
    manifest |= {"tasks": ["detect"], "config_schema": {"type": "object", "properties": {}}}
    (folder / "trainer.json").write_text(json.dumps(manifest))
    os.environ |= {
        "DATABASE_URL": database_url,
        "BACKEND_URL": f"http://127.0.0.1:{port}",
        "MINIO_ENDPOINT": f"http://{nowhere}",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "TEMPORAL_ADDRESS": nowhere,
        "TRAINERS_DIR": str(folder),
        "LAUNCHER_SOCKET": str(folder / "none.sock"),
    }
    command = [sys.executable, "-m", "backend"]
    subprocess.run([*command, "migrate"], check=True)
    log = folder / "backend.log"
    with servers.process([*command, "serve", "--port", str(port)], log) as child:
        servers.wait_for_port(port, child, log)
        yield f"http://127.0.0.1:{port}", psutil.Process(child.pid)


@contextmanager
def mlflow(program: Path, folder: Path, database_url: str) -> Iterator[str]:
    """An MLflow server on the same PostgreSQL, with one worker as we have one replica."""
    port = servers.free_port()
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    # With its default of 5 it answers 400 under this many connections.
    os.environ["MLFLOW_SQLALCHEMYSTORE_POOL_SIZE"] = "80"
    command = [str(program), "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", database_url]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    log = folder / "mlflow.log"
    with servers.process(command, log) as child:
        servers.wait_for_port(port, child, log)
        yield f"http://127.0.0.1:{port}"


def mlflow_runs(url: str, count: int) -> list[str]:
    """Runs of a new experiment."""
    with httpx.Client(base_url=f"{url}/api/2.0/mlflow", timeout=30) as api:
        name = {"name": f"bench-{time.time_ns()}"}
        experiment = api.post("/experiments/create", json=name).raise_for_status().json()
        return [
            api.post("/runs/create", json=experiment | {"start_time": 0})
            .raise_for_status()
            .json()["run"]["info"]["run_id"]
            for _ in range(count)
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, default=2000, help="paced: every job each 5 s")
    parser.add_argument("--connections", type=int, default=32, help="of each of two processes")
    parser.add_argument("--mlflow", type=Path, help="the program `mlflow`, to measure it beside")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder, servers.postgres() as address:
        database_url = f"postgresql+asyncpg://{address}/postgres"
        with backend(Path(folder), database_url) as (url, process):
            targets = asyncio.run(seed(database_url, options.jobs))
            load = Load(url, heartbeat, targets, options.connections, options.seconds, 0, 0)
            most = measure(load)
            rows.append(most.row("at most"))
            paced = measure(load._replace(rate=options.rate, first_turn=10**4))
            rows.append(paced.row(f"paced at {options.rate:,.0f}/s"))
            memory = process.memory_info().rss / 2**20
        if options.mlflow:
            database_url = f"postgresql+psycopg://{address}/mlflow"
            servers.create_database(address, "mlflow")
            with mlflow(options.mlflow, Path(folder), database_url) as url:
                runs = mlflow_runs(url, 2 * PROCESSES * options.connections)
                peer = measure(load._replace(url=url, make=log_batch, targets=runs))
            rows.append(peer.row("MLflow log-batch, at most"))
            ratio = f"{most.per_second / peer.per_second:.1f}"
            rows.append(["ours ÷ MLflow (target ≥ 10)", ratio, "", ""])
    table(
        f"Heartbeats of {options.jobs:,} running jobs, one replica of {memory:.0f} MiB "
        "(targets: p95 < 50 ms, < 512 MiB)",
        ["", "a second", "median ms", "p95 ms"],
        rows,
    )


if __name__ == "__main__":
    main()
