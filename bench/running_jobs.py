"""One backend replica with 100, 1,000 and 10,000 running jobs, as Kubernetes Jobs.

Their trainers (trainers.py) send heartbeats and log lines, everything durable in a PostgreSQL of
its own. Beside them users list jobs and follow some of them live, and Prometheus scrapes. The
replica has one core for itself; PostgreSQL, trainers and users share the others. At last a process
that is always busy takes half of the replica's core. Kubernetes is a stub: it lists as many Jobs
and pods as run. Runs in the backend's environment.
"""

import argparse
import asyncio
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import httpx
import psutil
import servers
from common import ROOT, table
from replica import Target, backend, seed
from trainers import Sent, ms, now_us, train

SETTLE_S = 25
FOLLOWED = 50
LIST_S, SCRAPE_S, SAMPLE_S = 0.5, 15, 1
# After half of the core was taken: until all is as before, and how long it is then looked at.
RECOVERED_S, AFTER_S = 10, 15


class Samples(NamedTuple):
    """What users saw, in seconds; the replica's memory in bytes."""

    lists: list[float]
    lines: list[float]
    beats: list[float]
    memory: list[int]


async def look(url: str, targets: list[Target], process: psutil.Process, seconds: float) -> Samples:
    """Be the users and Prometheus for a while."""
    seen = Samples([], [], [], [])
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=30, limits=limits) as api:
        tasks = [asyncio.create_task(follow(api, target, seen)) for target in targets]
        tasks += [
            asyncio.create_task(repeat(api, "/api/v1/jobs", LIST_S, seen.lists)),
            asyncio.create_task(repeat(api, "/metrics", SCRAPE_S, [])),
        ]
        for _ in range(round(seconds / SAMPLE_S)):
            await asyncio.sleep(SAMPLE_S)
            seen.memory.append(process.memory_info().rss)
        for task in tasks:
            task.cancel()
        for error in await asyncio.gather(*tasks, return_exceptions=True):
            if not isinstance(error, asyncio.CancelledError):
                raise SystemExit(f"A user of the bench failed: {error!r}")
    return seen


async def repeat(api: httpx.AsyncClient, path: str, every_s: float, took: list[float]) -> None:
    while True:
        begin = time.perf_counter()
        (await api.get(path)).raise_for_status()
        took.append(time.perf_counter() - begin)
        await asyncio.sleep(every_s)


async def follow(api: httpx.AsyncClient, target: Target, seen: Samples) -> None:
    """Follow a job live; what was there at the start is not news."""
    async with api.stream("GET", f"{target.path}/events", timeout=None) as reply:
        begin, step = now_us(), 0
        async for name, data in events(reply):
            now = now_us()
            if name == "log":
                times = [int(line.split()[0]) for line in data["text"].splitlines()]
                seen.lines.extend((now - at) / 1e6 for at in times if at > begin)
            elif name == "state" and data["step"] and data["step"] > max(begin, step):
                step = data["step"]
                seen.beats.append((now - step) / 1e6)


async def events(reply: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    name = ""
    async for line in reply.aiter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


@contextmanager
def kubernetes(folder: Path, jobs: int) -> Iterator[dict[str, str]]:
    """The stub, and the backend's settings for it."""
    port = servers.free_port()
    named = {"name": "bench"}
    kubeconfig = {
        "current-context": "bench",
        "contexts": [named | {"context": {"cluster": "bench", "user": "bench"}}],
        "clusters": [named | {"cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [named | {"user": {}}],
    }
    (folder / "kubeconfig").write_text(json.dumps(kubeconfig))
    spec = {"template": {"spec": {"containers": [{"name": "trainer"}]}}}
    job = {"metadata": {"namespace": "bench"}, "spec": spec}
    (folder / "job.yaml").write_text(json.dumps(job))
    command = [sys.executable, str(ROOT / "bench/kubernetes_stub.py"), str(port), str(jobs)]
    log = folder / "kubernetes.log"
    with servers.process(command, log) as child:
        servers.wait_for_port(port, child, log)
        yield {
            "TRAINING_MODE": "kubernetes",
            "KUBECONFIG": str(folder / "kubeconfig"),
            "TRAINER_JOB_TEMPLATE": str(folder / "job.yaml"),
        }


class Measured(NamedTuple):
    """`lost`: jobs that were stopped or ended; `after`: what was sent RECOVERED_S later and on."""

    seconds: float
    sent: Sent
    seen: Samples
    cpu: float
    lost: dict[str, int]
    after: Sent | None

    def column(self) -> list[str]:
        beats, lines = (self.sent.latencies[kind] for kind in ("heartbeat", "logs"))
        return [
            f"{len(beats) / self.seconds:,.0f}",
            f"{len(lines) / self.seconds:,.0f}",
            ms(beats),
            ms(lines),
            ms(self.seen.lists),
            ms(self.seen.lines),
            ms(self.seen.beats),
            f"{max(self.seen.memory) / 2**20:.0f}",
            f"{self.cpu:.0%}",
            ms(self.sent.late),
            f"{sum(self.lost.values())}",
            ms(self.after.latencies["heartbeat"]) if self.after else "",
        ]


ROWS = [
    "heartbeats a second",
    "log lines a second",
    "heartbeat, ms (p95 < 50)",
    "log line stored, ms",
    "job list, ms",
    "log line → seen live, ms (p95 < 500)",
    "heartbeat → seen live, ms",
    "memory of the replica, MiB (< 512)",
    "its core in use",
    "trainers late by themselves, ms",
    "jobs named lost",
    f"heartbeat from {RECOVERED_S} s after it, ms (p95 < 50)",
]


@contextmanager
def half_taken(core: str, log: Path) -> Iterator[None]:
    """A process that is always busy, on this core: the scheduler gives half of it to each."""
    with servers.process(["taskset", "-c", core, sys.executable, "-c", "while True: pass"], log):
        yield


def measure(
    folder: Path, address: str, jobs: int, seconds: float, core: str, *, halved: bool = False
) -> Measured:
    name = f"jobs{jobs}{'halved' if halved else ''}"
    servers.create_database(address, name)
    database_url = f"postgresql+asyncpg://{address}/{name}"
    mine, theirs = multiprocessing.get_context("spawn").Pipe()
    with backend(folder, database_url):
        pass  # makes the tables
    # As after each upgrade, the replica finds its jobs running.
    targets = asyncio.run(seed(database_url, jobs, "kubernetes"))
    with (
        kubernetes(folder, jobs) as settings,
        backend(folder, database_url, ["taskset", "-c", core], settings) as (url, process),
    ):
        trainers = multiprocessing.get_context("spawn").Process(
            target=train, args=(url, targets, SETTLE_S, theirs), daemon=True
        )
        trainers.start()
        theirs.close()
        mine.recv()
        before, begin = sum(process.cpu_times()[:2]), time.perf_counter()
        with half_taken(core, folder / "busy.log") if halved else nullcontext():
            seen = asyncio.run(look(url, targets[:: max(1, jobs // FOLLOWED)], process, seconds))
        used, passed = sum(process.cpu_times()[:2]) - before, time.perf_counter() - begin
        sent = so_far(mine)
        if halved:
            time.sleep(RECOVERED_S)
            so_far(mine)
            time.sleep(AFTER_S)
        mine.send("enough")
        after: Sent = mine.recv()
        trainers.join()
        lost = asyncio.run(find_lost(address, name))
    if sent.statuses.keys() != {200} or lost:
        raise SystemExit(f"Jobs named lost: {lost}. Answers by status: {sent.statuses}.")
    return Measured(passed, sent, seen, used / passed, lost, after if halved else None)


def so_far(pipe: Connection) -> Sent:
    pipe.send("so far")
    sent: Sent = pipe.recv()
    return sent


async def find_lost(address: str, name: str) -> dict[str, int]:
    """How many attempts were stopped or ended, by what is said of them."""
    connection = await asyncpg.connect(f"postgresql://{address}/{name}")
    rows = await connection.fetch(
        "SELECT concat_ws(' ', stop_cause, observed_cause, message) AS said, count(*) AS jobs "
        "FROM attempts WHERE stop_requested_at IS NOT NULL OR ended_at IS NOT NULL GROUP BY said"
    )
    await connection.close()
    return {row["said"]: row["jobs"] for row in rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    cores = psutil.Process().cpu_affinity() or [0]
    if len(cores) < 2:
        raise SystemExit("This bench needs two cores: one for the replica, one for all else.")
    psutil.Process().cpu_affinity(cores[1:])
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as folder, servers.postgres() as address:
        core = str(cores[0])
        columns = [
            measure(Path(folder), address, jobs, options.seconds, core).column()
            for jobs in options.jobs
        ]
        most_jobs = max(options.jobs)
        columns.append(
            measure(Path(folder), address, most_jobs, options.seconds, core, halved=True).column()
        )
    table(
        f"One replica with running jobs, {options.seconds:.0f} s each (pairs: median, p95)",
        ["", *(f"{jobs:,} jobs" for jobs in options.jobs), f"{most_jobs:,} jobs, half a core"],
        [list(row) for row in zip(ROWS, *columns, strict=True)],
    )


if __name__ == "__main__":
    main()
