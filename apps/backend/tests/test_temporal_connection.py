"""A connection to Temporal that never ends by itself: jobs go on soon after Temporal is back."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import servers
from backend.jobs.states import JobStatus
from backend.training.executor import AttemptRef
from backend.training.temporal import TemporalUnavailableError
from gate import Gate
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

# The database has no part in it.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def test_a_connection_that_leads_to_another_server(
    database_url: str, store: servers.S3Server, tmp_path: Path
) -> None:
    """As where a proxy answers while Temporal's pod is away: such a connection lasts for ever."""
    executor = ScriptedExecutor()
    port, other = servers.free_port(), servers.free_port()
    gate = await Gate.open("127.0.0.1", port)
    ctx = await make_context(settings(database_url, store, f"127.0.0.1:{gate.port}"), executor)
    master = [str(servers.SCRIPTS / "weed"), "master", f"-mdir={tmp_path}", "-ip=127.0.0.1"]
    master += [f"-port={servers.free_port()}", f"-port.grpc={other}", "-telemetry=false"]
    with servers.process(master, tmp_path / "other.log") as child:
        servers.wait_for_port(other, child, tmp_path / "other.log")
        async with running(ctx):
            with servers.temporal(tmp_path / "first", port):
                job_id = await add_job(ctx)
                await until_running(ctx, AttemptRef(job_id, 1))
                gate.target = ("127.0.0.1", other)
            executor.finish(AttemptRef(job_id, 1))

            async def astray() -> bool:
                try:
                    await ctx.temporal.check()
                except TemporalUnavailableError as error:
                    return "unknown service" in str(error)
                return False

            await until(astray, "another server answers")
            with servers.temporal(tmp_path / "second", port):
                gate.target = ("127.0.0.1", port)
                await until_status(ctx, job_id, JobStatus.SUCCEEDED)
    await gate.shut()
    await ctx.db.close()


async def test_a_connection_to_a_server_that_says_nothing(
    database_url: str, store: servers.S3Server, tmp_path: Path
) -> None:
    executor = ScriptedExecutor()
    port = servers.free_port()
    gate = await Gate.open("127.0.0.1", port)
    ctx = await make_context(settings(database_url, store, f"127.0.0.1:{gate.port}"), executor)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with running(ctx):
            with servers.temporal(tmp_path / "first", port):
                job_id = await add_job(ctx)
                await until_running(ctx, AttemptRef(job_id, 1))
                gate.target = silent.getsockname()
            await asyncio.sleep(5)  # for connections to be made
            executor.finish(AttemptRef(job_id, 1))
            with servers.temporal(tmp_path / "second", port):
                gate.target = ("127.0.0.1", port)
                await until_status(ctx, job_id, JobStatus.SUCCEEDED)
    await gate.shut()
    await ctx.db.close()


async def test_an_address_that_swallows_connections(
    database_url: str, store: servers.S3Server, tmp_path: Path
) -> None:
    """As a pod's does once the pod is gone; the kernel itself tries again 11, 19 and 35 s later."""
    executor = ScriptedExecutor()
    port = servers.free_port()
    gate = await Gate.open("127.0.0.1", port)
    ctx = await make_context(settings(database_url, store, f"127.0.0.1:{gate.port}"), executor)
    with servers.temporal(tmp_path / "server", port):
        async with running(ctx):
            job_id = await add_job(ctx)
            await until_running(ctx, AttemptRef(job_id, 1))
            await gate.shut()
            with swallowing(gate.port):
                await asyncio.sleep(20)
            executor.finish(AttemptRef(job_id, 1))
            await gate.reopen()
            await until_status(ctx, job_id, JobStatus.SUCCEEDED, seconds=12)
    await gate.shut()
    await ctx.db.close()


@contextmanager
def swallowing(port: int) -> Iterator[None]:
    """A port of loopback that answers no connection: its queue of those not accepted is full."""
    with (
        socket.create_server(("127.0.0.1", port), backlog=0),
        socket.create_connection(("127.0.0.1", port)),
    ):
        yield
