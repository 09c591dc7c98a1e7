"""The backend killed anywhere, and Temporal away or without its memory: jobs go on."""

import asyncio
import hashlib
import multiprocessing
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from multiprocessing import forkserver
from pathlib import Path

import killed_backend
import pytest
import servers
from api_support import get_attempt, get_job
from backend.context import Context
from backend.executors.base import AttemptRef, AttemptSpec, LaunchError, Observation
from backend.orchestration import attempts, repairs
from backend.settings import Settings
from backend.state.causes import Cause
from backend.state.statuses import JobStatus
from backend.state.tokens import sha256
from backend.temporal.workflows import Launched
from fake_launcher import fake_launcher
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

FORKS = multiprocessing.get_context("forkserver")


@pytest.fixture
def fork_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forks backends from a process that has imported all of one; Python 3.11 tells it no `sys.path`."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    FORKS.set_forkserver_preload(["killed_backend"])
    forkserver.ensure_running()


EXECUTOR = "backend.executors.subprocess:SubprocessExecutor"
ATTEMPTS = "backend.orchestration.attempts"
STEPS = [
    f"before:{EXECUTOR}.launch",
    f"after:{EXECUTOR}.launch",
    f"after:{ATTEMPTS}:launch",
    "before:backend.temporal.client:Temporal.attempt_ended",
    f"before:{EXECUTOR}.forget",
    f"before:{ATTEMPTS}:settle",
    f"after:{ATTEMPTS}:settle",
    f"after:{ATTEMPTS}:register_artifacts",
    f"after:{ATTEMPTS}:finalize",
]


def environment(settings: Settings, **more: str) -> dict[str, str]:
    values = settings.model_dump(exclude_none=True, exclude={"allowed_hosts", "cors_origins"})
    env = {
        name.upper(): value.get_secret_value() if hasattr(value, "get_secret_value") else str(value)
        for name, value in values.items()
    }
    return env | more


@asynccontextmanager
async def backend(env: dict[str, str]) -> AsyncIterator[multiprocessing.process.BaseProcess]:
    child = FORKS.Process(target=killed_backend.run, args=(env,))
    child.start()
    try:
        yield child
    finally:
        child.kill()
        await ended(child)


async def ended(child: multiprocessing.process.BaseProcess) -> int | None:
    """Its exit code; asked for by one thread only.

    The code is read from a pipe once, and every `start()` reads those of all children:
    a `join()` in a thread may find the pipe at its end, which counts as 255.
    """

    async def has_ended() -> bool:
        return child.exitcode is not None

    await until(has_ended, "the backend has ended")
    return child.exitcode


async def killed_and_started_again(ctx: Context, step: str) -> None:
    env = environment(ctx.settings, SCRIPT="sleep 0.5")
    socket = ctx.settings.launcher_socket
    assert socket is not None
    async with fake_launcher(socket) as launcher:
        job_id = await add_job(ctx)
        async with backend({**env, "KILL_AT": step}) as child:
            assert await ended(child) == -signal.SIGKILL, step
        async with backend(env):
            job = await until_status(ctx, job_id, JobStatus.SUCCEEDED)
        assert (job.attempt, launcher.launched) == (1, [(job_id, 1)]), step
        token = launcher.env[job_id, 1]["CALLBACK_TOKEN"]
        attempt = await get_attempt(ctx, job_id, 1)
        # What the trainer was given is what its callbacks are checked against.
        assert hashlib.sha256(token.encode()).hexdigest() == attempt.token_sha256, step
        assert launcher.processes == {}, step
    await ctx.db.close()


@pytest.mark.usefixtures("fork_server")
@pytest.mark.parametrize("steps", [STEPS[0:3], STEPS[3:6], STEPS[6:9]])
async def test_killed_at_every_step(
    steps: list[str],
    tmp_path: Path,
    sqlite_template: Path,
    store: servers.S3Server,
    temporal: str,
) -> None:
    contexts = []
    for number, _ in enumerate(steps):
        database = shutil.copy(sqlite_template, tmp_path / f"{number}.sqlite3")
        values = settings(
            f"sqlite+aiosqlite:///{database}",
            store,
            temporal,
            launcher_socket=tmp_path / f"{number}.sock",
        )
        contexts.append(await make_context(values, ScriptedExecutor()))
    async with asyncio.TaskGroup() as group:
        for ctx, step in zip(contexts, steps, strict=True):
            group.create_task(killed_and_started_again(ctx, step))


@pytest.mark.databases("postgresql")
async def test_temporal_away_and_back_without_its_memory(
    database_url: str,
    store: servers.S3Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(repairs, "STALE_AFTER", timedelta(seconds=1))
    port = servers.free_port()
    executor = ScriptedExecutor()
    values = settings(database_url, store, f"127.0.0.1:{port}")
    ctx = await make_context(values, executor)
    async with running(ctx):
        # Not there yet: accepted and queued.
        early = await add_job(ctx)
        assert not await ctx.temporal.start_training(early)
        with servers.temporal(tmp_path / "first", port):
            await until_running(ctx, AttemptRef(early, 1))
            retrying = await add_job(ctx)
            await until_running(ctx, AttemptRef(retrying, 1))
            executor.finish(AttemptRef(retrying, 1), None, Cause.EVICTED)
            await until_status(ctx, retrying, JobStatus.RETRYING)
        late = await add_job(ctx)
        async with asyncio.timeout(15):  # the user who submits it waits for this
            assert not await ctx.temporal.start_training(late)
        executor.finish(AttemptRef(early, 1))

        async def recorded() -> bool:
            return (await get_attempt(ctx, early, 1)).ended_at is not None

        await until(recorded, "the end is recorded without Temporal")
        assert (await get_job(ctx, late)).status == JobStatus.QUEUED
        with servers.temporal(tmp_path / "second", port):
            await until_status(ctx, early, JobStatus.SUCCEEDED)
            for ref in (AttemptRef(late, 1), AttemptRef(retrying, 2)):
                await until_running(ctx, ref)
                executor.finish(ref)
                await until_status(ctx, ref.job_id, JobStatus.SUCCEEDED)
    assert len(executor.specs) == 4
    await ctx.db.close()


async def test_two_launches_at_once_start_one_trainer(
    database_url: str, store: servers.S3Server
) -> None:
    """As when an activity is repeated while its first call still hangs."""
    executor = ScriptedExecutor()
    ctx = await make_context(settings(database_url, store, "127.0.0.1:1"), executor)
    job_id = await add_job(ctx)
    results = await asyncio.gather(*(attempts.launch(ctx, job_id) for _ in range(8)))
    assert {(launched.number, launched.ended) for launched in results if launched} == {(1, False)}
    [spec] = executor.specs
    token = hashlib.sha256(spec.env["CALLBACK_TOKEN"].encode()).hexdigest()
    assert (await get_attempt(ctx, job_id, 1)).token_sha256 == token
    await ctx.db.close()


async def test_a_launch_that_two_replicas_make_gives_one_token(
    database_url: str, store: servers.S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The executor does not know the attempt yet when the second replica asks."""
    executor = ScriptedExecutor()
    ctx = await make_context(settings(database_url, store, "127.0.0.1:1"), executor)
    job_id = await add_job(ctx)
    slow, second, launch = asyncio.Event(), asyncio.Event(), executor.launch

    async def launch_slowly(spec: AttemptSpec) -> None:
        if not second.is_set():
            second.set()
            await slow.wait()
            await launch(spec)
        else:
            slow.set()
            await asyncio.sleep(0.05)
            await launch(spec)

    monkeypatch.setattr(executor, "launch", launch_slowly)
    async with asyncio.TaskGroup() as group:
        group.create_task(attempts._launch(ctx, job_id))
        await second.wait()
        group.create_task(attempts._launch(ctx, job_id))
    [spec] = executor.specs
    token = hashlib.sha256(spec.env["CALLBACK_TOKEN"].encode()).hexdigest()
    attempt = await get_attempt(ctx, job_id, 1)
    assert (attempt.token_sha256, attempt.launch_token) == (token, None)
    await ctx.db.close()


@pytest.mark.parametrize("meanwhile", ["runs", "has ended", "runs, and this one is refused"])
async def test_of_two_launches_the_first_one_counts(
    meanwhile: str, database_url: str, store: servers.S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second replica began before the first had confirmed its launch."""
    executor, second = ScriptedExecutor(), ScriptedExecutor()
    second.attempts = executor.attempts
    ctx = await make_context(settings(database_url, store, "127.0.0.1:1"), executor)
    late = await make_context(ctx.settings, second)
    job_id = await add_job(ctx)
    ref, looked, began = AttemptRef(job_id, 1), asyncio.Event(), asyncio.Event()

    async def wait_for_second(_: AttemptSpec) -> None:
        began.set()
        await looked.wait()

    async def until_launched() -> None:
        looked.set()
        await until_running(ctx, ref)
        if meanwhile == "has ended":
            await attempts.end(ctx, Observation(ref, "ended", exit_code=0))
            del executor.attempts[ref]

    async def see_nothing() -> list[Observation]:
        if "refused" not in meanwhile:
            await until_launched()
        return []

    async def refuse(_: AttemptSpec) -> None:
        await until_launched()
        raise LaunchError("no room")

    executor.on_launch = wait_for_second
    monkeypatch.setattr(second, "list", see_nothing)
    if "refused" in meanwhile:
        second.on_launch = refuse
    async with asyncio.TaskGroup() as group:
        group.create_task(attempts.launch(ctx, job_id))
        await began.wait()
        launched = await attempts._launch(late, job_id)
    assert launched == Launched(1, ended=meanwhile == "has ended")
    assert second.specs == []
    [spec] = executor.specs
    attempt = await get_attempt(ctx, *ref)
    assert attempt.token_sha256 == sha256(spec.env["CALLBACK_TOKEN"])
    assert (attempt.ended_at is not None) == (meanwhile == "has ended")
    for one in (ctx, late):
        await one.db.close()
