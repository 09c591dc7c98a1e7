"""Workflows that an earlier version began, driven by this version's code."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import servers
from backend.context import Context
from backend.executors.base import AttemptRef
from backend.orchestration import repairs
from backend.orchestration.activities import activities
from backend.state.statuses import JobStatus
from backend.temporal.workflows import CheckWorkflow, TrainingWorkflow
from temporalio import workflow
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker
from training_support import (
    ScriptedExecutor,
    add_job,
    make_context,
    running,
    settings,
    until_running,
    until_status,
)

HISTORIES = sorted(Path(__file__).with_name("histories").glob("*/*.json"))


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_recorded_history_is_replayed(path: Path) -> None:
    replayer = Replayer(
        workflows=[TrainingWorkflow, CheckWorkflow],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    history = WorkflowHistory.from_json(path.stem, path.read_text())
    asyncio.run(replayer.replay_workflow(history))


@pytest.fixture
def executor() -> ScriptedExecutor:
    return ScriptedExecutor()


@pytest.fixture
async def ctx(
    sqlite_template: Path,
    store: servers.S3Server,
    temporal: str,
    tmp_path: Path,
    executor: ScriptedExecutor,
) -> AsyncIterator[Context]:
    url = f"sqlite+aiosqlite:///{shutil.copy(sqlite_template, tmp_path)}"
    ctx = await make_context(settings(url, store, temporal), executor)
    yield ctx
    await ctx.db.close()


@workflow.defn(name="training")
class _EarlierTraining:
    """Launches in a step that this version does not have, then waits."""

    @workflow.run
    async def run(self, job_id: str) -> None:
        await workflow.sleep(0.01)
        await workflow.execute_activity(
            "launch", job_id, start_to_close_timeout=timedelta(seconds=10)
        )
        await workflow.wait_condition(lambda: False)


async def test_a_running_job_outlives_a_change_of_its_workflow(
    ctx: Context, executor: ScriptedExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repairs, "STALE_AFTER", timedelta(seconds=1))
    ref = AttemptRef(await add_job(ctx, workflow_started=True), 1)
    queue = ctx.settings.temporal_task_queue
    client = await Client.connect(ctx.settings.temporal_address)
    earlier = Worker(
        client,
        task_queue=queue,
        workflows=[_EarlierTraining],
        activities=activities(ctx),
        workflow_runner=UnsandboxedWorkflowRunner(),
        # Its sticky queue would be waited for.
        max_cached_workflows=0,
    )
    async with earlier:
        await client.start_workflow(
            "training",
            ref.job_id,
            id=ref.job_id,
            task_queue=queue,
            # A task that the worker takes while it leaves is given out again after this long.
            task_timeout=timedelta(seconds=2),
        )
        await until_running(ctx, ref)
    async with running(ctx):
        executor.finish(ref)
        job = await until_status(ctx, ref.job_id, JobStatus.SUCCEEDED)
    assert job.attempt == 1
