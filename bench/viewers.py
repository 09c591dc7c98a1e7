"""50 viewers of one job that prints ten log parts a second: the backend's core, and how soon each sees a line.

One replica on PostgreSQL. Its core without a viewer is taken in the same run and subtracted.
"""

import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import servers
from replica import Connection, Target, backend, connect, seed

VIEWERS = 50
PARTS_A_SECOND = 10
SECONDS = 20
WARM_UP_S = 3
BEAT_S = 2.0


async def view(url: str, target: Target, delays: list[float]) -> None:
    """Follow the job; take down how old each line of its log is when it arrives."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(f"GET {target.path}/events HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
    async for line in reader:
        if line.startswith(b"data: ") and b'"text"' in line:
            printed = json.loads(line[6:])["text"].splitlines()
            delays += [time.time() - float(one.split()[0]) for one in printed]


async def beat(connection: Connection, target: Target) -> None:
    number = 0
    while True:
        number += 1
        body = {"seq": number, "step": number, "phase": "training"}
        await connection.post(f"{target.path}/heartbeat", target.token, json.dumps(body).encode())
        await asyncio.sleep(BEAT_S)


class Printer:
    """Sends a progress line as a log part, ten times a second."""

    def __init__(self, connection: Connection, target: Target) -> None:
        self._connection, self._target = connection, target
        self._offset = 0

    async def print_for(self, seconds: float) -> None:
        for _ in range(int(seconds * PARTS_A_SECOND)):
            began = time.monotonic()
            line = f"{time.time()} 3/100 0G 1.234 2.345 1.111 27 640: 100%|####| 128/128\n".encode()
            path = f"{self._target.path}/logs?offset={self._offset}"
            answer = await self._connection.post(path, self._target.token, line)
            assert answer.status == 200, answer
            self._offset += len(line)
            await asyncio.sleep(max(0, 1 / PARTS_A_SECOND - (time.monotonic() - began)))


async def core(printer: Printer, process: psutil.Process) -> float:
    """The share of a core that the replica uses while the job prints."""
    await printer.print_for(WARM_UP_S)
    before, began = sum(process.cpu_times()[:2]), time.monotonic()
    await printer.print_for(SECONDS)
    return float(sum(process.cpu_times()[:2]) - before) / (time.monotonic() - began)


async def measure(url: str, target: Target, process: psutil.Process) -> None:
    printer = Printer(await connect(url), target)
    beating = asyncio.create_task(beat(await connect(url), target))
    alone = await core(printer, process)
    delays = list[float]()
    viewing = [asyncio.create_task(view(url, target, delays)) for _ in range(VIEWERS)]
    await asyncio.sleep(WARM_UP_S)  # the lines of before, which are late
    delays.clear()
    viewed = await core(printer, process)
    for task in (beating, *viewing):
        task.cancel()
    await asyncio.gather(beating, *viewing, return_exceptions=True)
    p95 = statistics.quantiles(delays, n=20)[-1]
    print(
        f"{VIEWERS} viewers of a job with {PARTS_A_SECOND} log parts a second: "
        f"{viewed - alone:.0%} of a core ({viewed:.0%}; {alone:.0%} without a viewer), "
        f"a line is seen after {statistics.median(delays):.2f} s (p95 {p95:.2f} s)"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, servers.postgres() as address:
        servers.create_database(address, "viewers")
        url = f"postgresql+asyncpg://{address}/viewers"
        with backend(Path(folder), url) as (api, process):
            [target] = asyncio.run(seed(url, 1))
            asyncio.run(measure(api, target, process))


if __name__ == "__main__":
    main()
