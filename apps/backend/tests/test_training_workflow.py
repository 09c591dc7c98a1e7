"""Jobs driven end to end by a real Temporal server, with an executor that does as it is told."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
import servers
from api_support import add_dataset, get_attempt, get_job, set_attempt, set_job
from backend.context import Context
from backend.executors.base import AttemptRef, AttemptSpec, LaunchError
from backend.infra.object_store import ObjectStoreError
from backend.orchestration import activities, attempts
from backend.orchestration.attempts import request_stop
from backend.orchestration.repairs import start_workflows
from backend.state.causes import Cause
from backend.state.datasets import Dataset, DatasetStatus
from backend.state.statuses import JobStatus
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
from trainyard_datasets import outcome

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.databases("postgresql")


@pytest.fixture
def executor() -> ScriptedExecutor:
    return ScriptedExecutor()


@pytest.fixture
async def ctx(
    database_url: str, store: servers.S3Server, temporal: str, executor: ScriptedExecutor
) -> AsyncIterator[Context]:
    ctx = await make_context(settings(database_url, store, temporal), executor)
    yield ctx
    await ctx.db.close()


@pytest.mark.databases("sqlite", "postgresql")
async def test_a_job_runs_and_succeeds(
    ctx: Context, executor: ScriptedExecutor, s3: "S3Client"
) -> None:
    job_id = await add_job(ctx)
    async with running(ctx):
        ref = AttemptRef(job_id, 1)
        await until_running(ctx, ref)
        job = await get_job(ctx, job_id)
        assert (job.status, job.attempt) == (JobStatus.PREPARING, 1)
        assert job.started_at is not None
        s3.put_object(Bucket="models", Key=f"{job_id}/1/artifacts/best.pt", Body=b"weights")
        executor.finish(ref)
        job = await until_status(ctx, job_id, JobStatus.SUCCEEDED)
    assert (job.cause, job.message) == (Cause.COMPLETED, "Training finished.")
    assert job.finished_at is not None
    assert ref not in executor.attempts
    [spec] = executor.specs
    assert spec.env["JOB_ID"] == job_id
    assert spec.env["TRAIN_CONFIG"] == '{"epochs": 2}'
    assert spec.resources.memory == "4Gi"


@pytest.mark.parametrize(
    ("stored", "start"), [("2", "resuming after epoch 3"), (None, "starting over")]
)
async def test_a_crash_after_progress_is_retried(
    ctx: Context, executor: ScriptedExecutor, s3: "S3Client", stored: str | None, start: str
) -> None:
    job_id = await add_job(ctx)
    if stored:  # older than the last epoch that it told
        key = f"{job_id}/1/checkpoint"
        s3.put_object(Bucket="models", Key=key, Body=b"x", Metadata={"epoch": stored})
    async with running(ctx):
        first, second = AttemptRef(job_id, 1), AttemptRef(job_id, 2)
        await until_running(ctx, first)
        await set_attempt(ctx, *first, epoch=3)
        executor.finish(first, 1)
        job = await until_status(ctx, job_id, JobStatus.RETRYING)
        assert job.message == (
            "Attempt 1 ended: The trainer ended with an error. The end of its log tells which. "
            f"Its exit code was 1. Attempt 2 follows in 1 s, {start}."
        )
        await until_running(ctx, second)
        # It dies where the first died: no third attempt.
        await set_attempt(ctx, *second, epoch=3)
        executor.finish(second, 1)
        job = await until_status(ctx, job_id, JobStatus.FAILED)
    assert job.cause == Cause.TRAINER_CRASHED
    assert "no epoch that an earlier attempt had not" in (job.message or "")
    tokens = [spec.env["CALLBACK_TOKEN"] for spec in executor.specs]
    assert len(set(tokens)) == 2


async def test_a_failed_launch_is_retried(ctx: Context, executor: ScriptedExecutor) -> None:
    async def refuse(spec: AttemptSpec) -> None:
        del executor.attempts[spec.ref]
        executor.on_launch = None
        raise LaunchError("The launcher refused to launch: no disk space left")

    executor.on_launch = refuse
    job_id = await add_job(ctx)
    async with running(ctx):
        job = await until_status(ctx, job_id, JobStatus.RETRYING)
        assert "no disk space left" in (job.message or "")
        await until_running(ctx, AttemptRef(job_id, 2))
        executor.finish(AttemptRef(job_id, 2))
        await until_status(ctx, job_id, JobStatus.SUCCEEDED)


async def test_a_launcher_that_is_away_is_waited_for(
    ctx: Context, executor: ScriptedExecutor
) -> None:
    executor.away = True
    job_id = await add_job(ctx)
    async with running(ctx):

        async def told() -> bool:
            return (await get_job(ctx, job_id)).message == "The launcher does not answer."

        await until(told, "why it waits")
        assert executor.specs == []
        executor.away = False
        await until_running(ctx, AttemptRef(job_id, 1))
        assert (await get_job(ctx, job_id)).message is None
        [spec] = executor.specs
        token = hashlib.sha256(spec.env["CALLBACK_TOKEN"].encode()).hexdigest()
        assert (await get_attempt(ctx, job_id, 1)).token_sha256 == token
        executor.finish(AttemptRef(job_id, 1))
        assert (await until_status(ctx, job_id, JobStatus.SUCCEEDED)).attempt == 1


async def test_cancel_while_running(ctx: Context, executor: ScriptedExecutor) -> None:
    job_id = await add_job(ctx)
    async with running(ctx):
        await until_running(ctx, AttemptRef(job_id, 1))
        assert await request_stop(ctx, job_id)
        job = await until_status(ctx, job_id, JobStatus.CANCELLED)
    assert job.cause == Cause.CANCELLED
    assert (await get_attempt(ctx, job_id, 1)).cause == Cause.CANCELLED
    assert executor.stops[0] == (AttemptRef(job_id, 1), 2)
    assert not await request_stop(ctx, job_id)


async def test_cancel_while_queued(ctx: Context, executor: ScriptedExecutor) -> None:
    job_id = await add_job(ctx)
    assert await request_stop(ctx, job_id)
    assert (await get_job(ctx, job_id)).status == JobStatus.CANCELLED
    async with running(ctx):
        other = await add_job(ctx)
        await until_running(ctx, AttemptRef(other, 1))
    assert [spec.ref.job_id for spec in executor.specs] == [other]


async def test_cancel_between_two_attempts(ctx: Context, executor: ScriptedExecutor) -> None:
    job_id = await add_job(ctx)
    async with running(ctx):
        await until_running(ctx, AttemptRef(job_id, 1))
        executor.finish(AttemptRef(job_id, 1), None, Cause.EVICTED)
        await until_status(ctx, job_id, JobStatus.RETRYING)
        assert await request_stop(ctx, job_id)
        assert (await get_job(ctx, job_id)).status == JobStatus.CANCELLED

        async def gone() -> bool:
            async with ctx.temporal._answering() as client:
                described = await client.get_workflow_handle(job_id).describe()
            return described.close_time is not None

        await until(gone, "the workflow is over", 5)
    assert len(executor.specs) == 1


async def test_cancel_during_the_launch(ctx: Context, executor: ScriptedExecutor) -> None:
    async def cancel(spec: AttemptSpec) -> None:
        executor.on_launch = None
        await request_stop(ctx, spec.ref.job_id)

    executor.on_launch = cancel
    job_id = await add_job(ctx)
    async with running(ctx):
        job = await until_status(ctx, job_id, JobStatus.CANCELLED)
    assert job.cause == Cause.CANCELLED


async def test_a_cancel_that_comes_too_late(ctx: Context, executor: ScriptedExecutor) -> None:
    executor.obedient = False
    job_id = await add_job(ctx)
    ref = AttemptRef(job_id, 1)
    async with running(ctx):
        await until_running(ctx, ref)
        await set_attempt(ctx, *ref, reported_cause=Cause.COMPLETED)
        await request_stop(ctx, job_id)
        assert (await get_job(ctx, job_id)).status == JobStatus.CANCELLING
        executor.finish(ref)
        job = await until_status(ctx, job_id, JobStatus.SUCCEEDED)
    assert job.cause == Cause.COMPLETED


async def test_a_users_retry_counts_attempts_anew(ctx: Context, executor: ScriptedExecutor) -> None:
    job_id = await add_job(ctx, max_attempts=1)
    async with running(ctx):
        await until_running(ctx, AttemptRef(job_id, 1))
        executor.finish(AttemptRef(job_id, 1), 1)
        await until_status(ctx, job_id, JobStatus.FAILED)
        await set_job(
            ctx,
            job_id,
            status=JobStatus.QUEUED,
            uncounted_attempts=1,
            workflow_started=False,
        )
        await until_running(ctx, AttemptRef(job_id, 2))
        executor.finish(AttemptRef(job_id, 2))
        job = await until_status(ctx, job_id, JobStatus.SUCCEEDED)
    assert job.attempt == 2


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("launch", OverflowError),
        ("settle", OverflowError),
        ("finalize", OverflowError),
        ("finalize", ObjectStoreError),  # what is away has a bound, too, of its own
    ],
)
async def test_a_step_that_goes_on_failing_is_given_up(
    ctx: Context,
    executor: ScriptedExecutor,
    step: str,
    error: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def broken(*_: object) -> None:
        raise error("Python int too large")

    passing = error is ObjectStoreError
    monkeypatch.setattr(activities, "TRIES", 1 if passing else 3)
    monkeypatch.setattr(activities, "PASSING_TRIES", 3 if passing else 1)
    job_id = await add_job(ctx)
    async with running(ctx):
        if step == "launch":
            monkeypatch.setattr(attempts, step, broken)
        else:
            await until_running(ctx, AttemptRef(job_id, 1))
            monkeypatch.setattr(attempts, step, broken)
            await request_stop(ctx, job_id)
        job = await until_status(ctx, job_id, JobStatus.FAILED, JobStatus.CANCELLED)
    cause = Cause.LAUNCH_FAILED if step == "launch" else Cause.CANCELLED
    assert job.cause == cause
    told = f"gave up after 3 tries of the step {step}: {error.__name__}: Python int"
    assert told in str(job.message)
    assert job.finished_at is not None


async def test_a_check_that_goes_on_failing_is_given_up(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ValueError("no such thing")

    monkeypatch.setattr(activities, "TRIES", 3)
    monkeypatch.setattr(outcome, "check_archive", broken)
    dataset_id = await add_dataset(ctx, status=DatasetStatus.CHECKING)

    async def rejected() -> bool:
        async with ctx.db.reading() as session:
            dataset = await session.get_one(Dataset, dataset_id)
            return dataset.status == DatasetStatus.REJECTED and "no such thing" in str(
                dataset.report
            )

    async with running(ctx):
        await until(rejected, "the dataset is rejected")


@pytest.mark.databases("sqlite")
async def test_checks_that_wait_take_no_jobs_turn(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def held(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(outcome, "check_archive", held)
    async with asyncio.TaskGroup() as group:
        for _ in range(105):
            group.create_task(add_dataset(ctx, status=DatasetStatus.CHECKING))
    async with running(ctx):
        await start_workflows(ctx)
        # Each has been handed to a worker, as far as workers take them.
        await asyncio.sleep(0.5)
        await until_running(ctx, AttemptRef(await add_job(ctx), 1))
