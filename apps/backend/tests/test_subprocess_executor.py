"""The executor over a real socket, with real processes behind it."""

import asyncio
import time
from pathlib import Path

import pytest
import servers
from backend.executors.base import (
    AttemptRef,
    AttemptSpec,
    ExecutorUnavailableError,
    LaunchError,
    Observation,
)
from backend.executors.create import create_executor
from backend.executors.subprocess import SubprocessExecutor
from backend.orchestration.attempts import request_stop
from backend.state.causes import Cause
from backend.state.statuses import JobStatus
from fake_launcher import fake_launcher
from training_support import (
    add_job,
    make_context,
    running,
    script,
    settings,
    until,
    until_running,
    until_status,
)
from trainyard_manifest import Resources

REF = AttemptRef("0123456789ab", 1)


def spec(text: str, ref: AttemptRef = REF) -> AttemptSpec:
    return AttemptSpec(
        ref=ref,
        image="",
        command=["sh", "-c", text],
        env={"JOB_ID": ref.job_id},
        resources=Resources(cpu=1, memory="64Mi", gpu=0),
    )


async def ended(executor: SubprocessExecutor) -> Observation:
    while True:
        for seen in await executor.list():
            if seen.state == "ended":
                return seen
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(("text", "exit_code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137)])
async def test_launch_list_forget(tmp_path: Path, text: str, exit_code: int) -> None:
    async with fake_launcher(tmp_path / "s") as launcher:
        executor = SubprocessExecutor(tmp_path / "s")
        await executor.launch(spec(text))
        await executor.launch(spec(text))
        seen = await asyncio.wait_for(ended(executor), 5)
        assert seen == Observation(REF, "ended", exit_code=exit_code)
        assert launcher.launched == [REF]
        await executor.forget(REF)
        await executor.forget(REF)
        assert await executor.list() == []
        # On what is forgotten, a stop is harmless.
        await executor.stop(REF, 0)


async def test_stop_leaves_nobody_even_of_the_disobedient(tmp_path: Path) -> None:
    async with fake_launcher(tmp_path / "s"):
        executor = SubprocessExecutor(tmp_path / "s")
        await executor.launch(spec("trap '' TERM; while :; do sleep 0.05; done"))
        await asyncio.sleep(0.2)
        await executor.stop(REF, 0.3)
        assert (await asyncio.wait_for(ended(executor), 5)).exit_code == 137


async def test_observe_tells_changes_and_rides_out_an_outage(tmp_path: Path) -> None:
    executor = SubprocessExecutor(tmp_path / "s")
    told: list[Observation] = []

    async def listen() -> None:
        async for some in executor.observe():
            told.extend(some)

    async with fake_launcher(tmp_path / "s"):
        listening = asyncio.create_task(listen())
        await executor.launch(spec("sleep 0.3"))
        await until(lambda: _async(len(told) == 2), "it runs and ends", 5)
    await asyncio.sleep(0.5)
    other = AttemptRef(REF.job_id, 2)
    async with fake_launcher(tmp_path / "s"):
        await executor.launch(spec("sleep 9", other))
        await until(lambda: _async(len(told) == 3), "it goes on", 5)
    listening.cancel()
    assert [(seen.ref, seen.state) for seen in told] == [
        (REF, "running"),
        (REF, "ended"),
        (other, "running"),
    ]


async def _async(value: bool) -> bool:
    return value


async def test_a_launcher_that_is_away(tmp_path: Path) -> None:
    executor = SubprocessExecutor(tmp_path / "none")
    for call in (
        executor.launch(spec("exit 0")),
        executor.list(),
        executor.stop(REF, 1),
        executor.forget(REF),
    ):
        with pytest.raises(ExecutorUnavailableError, match="LAUNCHER_SOCKET"):
            await call


async def test_a_launcher_that_refuses(tmp_path: Path) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b'{"ok": false, "error": "no disk space left"}\n')
        writer.close()

    server = await asyncio.start_unix_server(refuse, tmp_path / "s")
    with pytest.raises(LaunchError, match="no disk space left"):
        await SubprocessExecutor(tmp_path / "s").launch(spec("exit 0"))
    server.close()


async def test_answers_that_are_none(tmp_path: Path) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"no json\n")
        writer.close()

    server = await asyncio.start_unix_server(nonsense, tmp_path / "s")
    with pytest.raises(ExecutorUnavailableError, match="does not answer"):
        await SubprocessExecutor(tmp_path / "s").list()
    server.close()


async def test_a_long_list(tmp_path: Path) -> None:
    async with fake_launcher(tmp_path / "s") as launcher:
        process = await asyncio.create_subprocess_exec("true")
        await process.wait()
        launcher.processes = {(f"{n:012x}", 1): process for n in range(5000)}
        assert len(await SubprocessExecutor(tmp_path / "s").list()) == 5000


@pytest.mark.databases("sqlite")
async def test_cancel_of_an_obedient_trainer_takes_less_than_two_seconds(
    tmp_path: Path, database_url: str, store: servers.S3Server, temporal: str
) -> None:
    values = settings(database_url, store, temporal, launcher_socket=tmp_path / "s")
    ctx = await make_context(values, create_executor(values), script("exec sleep 60"))
    job_id = await add_job(ctx)
    async with fake_launcher(tmp_path / "s") as launcher, running(ctx):
        await until_running(ctx, AttemptRef(job_id, 1))
        process = launcher.processes[job_id, 1]
        began = time.monotonic()
        assert await request_stop(ctx, job_id)
        await process.wait()
        assert time.monotonic() - began < 2
        job = await until_status(ctx, job_id, JobStatus.CANCELLED)
    assert job.cause == Cause.CANCELLED
    await ctx.db.close()
