"""A connection to Temporal that never ends by itself: jobs go on soon after Temporal is back."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import servers
from api_support import get_attempt
from backend.context import Context
from backend.executors.base import AttemptRef
from backend.state.statuses import JobStatus
from backend.temporal.client import TemporalUnavailableError
from servers import S3Server
from tcp_proxy import TcpProxy
from training_support import (
    ScriptedExecutor,
    add_job,
    make_context,
    running,
    settings,
    until,
    until_running,
    until_status,
)


class Behind(NamedTuple):
    """A backend that reaches Temporal, which listens on `port`, through `proxy`."""

    ctx: Context
    executor: ScriptedExecutor
    proxy: TcpProxy
    port: int

    async def start_a_job(self) -> AttemptRef:
        ref = AttemptRef(await add_job(self.ctx), 1)
        await until_running(self.ctx, ref)
        return ref

    async def until_unavailable(self, reason: str) -> None:
        async def unavailable() -> bool:
            try:
                await self.ctx.temporal.check()
            except TemporalUnavailableError as error:
                return reason in str(error)
            return False

        await until(unavailable, reason)


@pytest.fixture
async def behind(sqlite_template: Path, store: S3Server, tmp_path: Path) -> AsyncIterator[Behind]:
    database = shutil.copy(sqlite_template, tmp_path)
    port = servers.free_port()
    proxy = await TcpProxy.open("127.0.0.1", port)
    address = f"127.0.0.1:{proxy.port}"
    executor = ScriptedExecutor()
    ctx = await make_context(settings(f"sqlite+aiosqlite:///{database}", store, address), executor)
    async with running(ctx):
        yield Behind(ctx, executor, proxy, port)
        await proxy.shut()
    await ctx.db.close()


async def test_a_connection_that_leads_to_another_server(behind: Behind, tmp_path: Path) -> None:
    """As where a proxy answers while Temporal's pod is away: such a connection lasts for ever."""
    other = servers.free_port()
    master = [str(servers.SCRIPTS / "weed"), "master", f"-mdir={tmp_path}", "-ip=127.0.0.1"]
    master += [f"-port={servers.free_port()}", f"-port.grpc={other}", "-telemetry=false"]
    with servers.process(master, tmp_path / "other.log") as child:
        servers.wait_for_port(other, child, tmp_path / "other.log")
        with servers.temporal(tmp_path / "first", behind.port):
            ref = await behind.start_a_job()
            behind.proxy.target = ("127.0.0.1", other)
        behind.executor.finish(ref)
        await behind.until_unavailable("unknown service")
        with servers.temporal(tmp_path / "second", behind.port):
            behind.proxy.target = ("127.0.0.1", behind.port)
            await until_status(behind.ctx, ref.job_id, JobStatus.SUCCEEDED)


async def test_a_connection_to_a_server_that_says_nothing(behind: Behind, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with servers.temporal(tmp_path / "first", behind.port):
            ref = await behind.start_a_job()
            behind.proxy.target = silent.getsockname()
        behind.executor.finish(ref)
        await behind.until_unavailable("nothing came back")
        with servers.temporal(tmp_path / "second", behind.port):
            behind.proxy.target = ("127.0.0.1", behind.port)
            await until_status(behind.ctx, ref.job_id, JobStatus.SUCCEEDED)


async def test_an_address_that_swallows_connections(behind: Behind, tmp_path: Path) -> None:
    """As a pod's does once the pod is gone; the kernel itself tries again 11, 19 and 35 s later."""
    with servers.temporal(tmp_path / "server", behind.port):
        ref = await behind.start_a_job()
        await behind.proxy.shut()
        with swallowing(behind.proxy.port):
            # The kernel's own next try is then 15 s away, too late for this test.
            await asyncio.sleep(20)
        behind.executor.finish(ref)
        await behind.proxy.reopen()
        await until_status(behind.ctx, ref.job_id, JobStatus.SUCCEEDED, seconds=12)


@contextmanager
def swallowing(port: int) -> Iterator[None]:
    """A port of loopback that answers no connection: its queue of those not accepted is full."""
    with (
        socket.create_server(("127.0.0.1", port), backlog=0),
        socket.create_connection(("127.0.0.1", port)),
    ):
        yield


async def test_ends_are_recorded_at_once_while_temporal_says_nothing(
    behind: Behind, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with servers.temporal(tmp_path / "server", behind.port):
            refs = [AttemptRef(await add_job(behind.ctx), 1) for _ in range(20)]
            await asyncio.gather(*(until_running(behind.ctx, ref) for ref in refs))
            behind.proxy.target = silent.getsockname()
        for ref in refs:
            behind.executor.finish(ref)

        async def recorded() -> bool:
            return all([(await get_attempt(behind.ctx, *ref)).ended_at for ref in refs])

        await until(recorded, "every end is recorded", seconds=10)


async def test_a_workflow_that_takes_no_signal_any_more(
    sqlite_template: Path, store: S3Server, tmp_path: Path
) -> None:
    url = f"sqlite+aiosqlite:///{shutil.copy(sqlite_template, tmp_path)}"
    executor = ScriptedExecutor()
    limit = "history.maximumSignalsPerExecution=3"
    with servers.temporal(tmp_path / "server", settings=[limit]) as address:
        ctx = await make_context(settings(url, store, address), executor)
        async with running(ctx):
            refs = [AttemptRef(await add_job(ctx), 1) for _ in range(2)]
            for ref in refs:
                await until_running(ctx, ref)
            for _ in range(3):
                assert await ctx.temporal.attempt_ended(refs[0].job_id, 0)
            for ref in refs:
                executor.finish(ref)
            for ref in refs:
                await until_status(ctx, ref.job_id, JobStatus.SUCCEEDED)
        await ctx.db.close()
