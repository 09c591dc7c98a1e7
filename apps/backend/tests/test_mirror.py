"""The mirror against MLflow's own client and store; no server is needed for them."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
import servers
from api_support import get_job, set_job
from backend.context import Context
from backend.db import Database
from backend.jobs.models import EpochMetrics
from backend.jobs.states import JobStatus
from backend.tracking.mirror import Mirror
from backend.tracking.runs import EXPERIMENT, JOB_TAG, Runs, clean
from mlflow import MlflowClient
from training_support import (
    MANIFEST,
    ScriptedExecutor,
    add_job,
    make_context,
    settings,
)


@pytest.fixture
async def ctx(database_url: str, store: servers.S3Server) -> AsyncIterator[Context]:
    ctx = await make_context(
        settings(database_url, store, "127.0.0.1:1"), ScriptedExecutor(), MANIFEST
    )
    yield ctx
    await ctx.db.close()


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return Runs((tmp_path / "mlflow").as_uri())


@pytest.fixture
def mirror(ctx: Context, runs: Runs) -> Any:
    with ThreadPoolExecutor(1) as threads:
        yield Mirror(ctx, runs, threads)


async def add_epoch(
    db: Database, job_id: str, epoch: int, value: float, *, attempt: int = 1, key: str = "loss"
) -> None:
    async with db.transaction() as session:
        at = datetime(2026, 1, attempt, 0, epoch, tzinfo=UTC)
        row = EpochMetrics(job_id=job_id, epoch=epoch, attempt=attempt, values={key: value}, at=at)
        await session.merge(row)


def all_runs(runs: Runs) -> list[Any]:
    experiment = runs._client.get_experiment_by_name(EXPERIMENT)
    return list(runs._client.search_runs([experiment.experiment_id])) if experiment else []


def history(runs: Runs, key: str) -> list[tuple[int, float]]:
    [run] = all_runs(runs)
    return [(m.step, m.value) for m in runs._client.get_metric_history(run.info.run_id, key)]


async def test_a_job_from_start_to_end(ctx: Context, runs: Runs, mirror: Mirror) -> None:
    job_id = await add_job(ctx, name="pages", config={"epochs": 3, "imgsz": 96})
    await mirror.catch_up()
    assert all_runs(runs) == []

    await set_job(ctx, job_id, status=JobStatus.RUNNING, attempt=1, epoch=1)
    await add_epoch(ctx.db, job_id, 0, 0.1, key="metrics/mAP50(B)")
    await add_epoch(ctx.db, job_id, 1, 0.2, key="metrics/mAP50(B)")
    await mirror.catch_up()
    [run] = all_runs(runs)
    assert (run.info.status, run.info.run_name) == ("RUNNING", "pages")
    assert run.data.tags[JOB_TAG] == job_id
    assert run.data.params == {"epochs": "3", "imgsz": "96"}
    # The last epoch may still change.
    assert history(runs, "metrics/mAP50_B") == [(0, 0.1)]

    await add_epoch(ctx.db, job_id, 1, 0.3, key="metrics/mAP50(B)")
    await set_job(ctx, job_id, status=JobStatus.SUCCEEDED, finished_at=datetime.now(UTC))
    await mirror.catch_up()
    await mirror.catch_up()
    assert history(runs, "metrics/mAP50_B") == [(0, 0.1), (1, 0.3)]
    [run] = all_runs(runs)
    assert run.info.status == "FINISHED"
    assert (await get_job(ctx, job_id)).mlflow_done


@pytest.mark.parametrize(
    ("status", "shown"), [(JobStatus.FAILED, "FAILED"), (JobStatus.CANCELLED, "KILLED")]
)
async def test_how_other_ends_are_shown(
    ctx: Context, runs: Runs, mirror: Mirror, status: JobStatus, shown: str
) -> None:
    await add_job(ctx, status=status, finished_at=datetime.now(UTC))
    await mirror.catch_up()
    [run] = all_runs(runs)
    assert run.info.status == shown


async def test_an_attempt_that_repeats_epochs(ctx: Context, runs: Runs, mirror: Mirror) -> None:
    job_id = await add_job(ctx, status=JobStatus.RUNNING, attempt=1, epoch=2)
    for epoch in range(3):
        await add_epoch(ctx.db, job_id, epoch, 1.0)
    await mirror.catch_up()
    assert history(runs, "loss") == [(0, 1.0), (1, 1.0)]
    await set_job(ctx, job_id, attempt=2)
    await mirror.catch_up()
    assert history(runs, "loss") == [(0, 1.0), (1, 1.0), (2, 1.0)]
    for epoch in range(1, 4):
        await add_epoch(ctx.db, job_id, epoch, 0.5, attempt=2)
    await set_job(ctx, job_id, epoch=3)
    await mirror.catch_up()
    assert history(runs, "loss")[3:] == [(1, 0.5), (2, 0.5)]


async def test_a_crash_before_the_run_was_noted_down(
    ctx: Context, runs: Runs, mirror: Mirror
) -> None:
    job_id = await add_job(ctx, status=JobStatus.RUNNING, attempt=1)
    await mirror.catch_up()
    await set_job(ctx, job_id, mlflow_run_id=None)
    await mirror.catch_up()
    assert len(all_runs(runs)) == 1


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looks for a run waits until another has looked too, for a second."""
    both, search = Barrier(2), MlflowClient.search_runs

    def search_together(*arguments: Any, **options: Any) -> Any:
        found = search(*arguments, **options)
        with suppress(BrokenBarrierError):
            both.wait(1)
        return found

    monkeypatch.setattr(MlflowClient, "search_runs", search_together)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.usefixtures("together")
async def test_replicas_make_one_run(
    ctx: Context, runs: Runs, mirror: Mirror, database_url: str, store: servers.S3Server
) -> None:
    runs._client.create_experiment(EXPERIMENT)
    await add_job(ctx, status=JobStatus.RUNNING, attempt=1)
    replica = await make_context(
        settings(database_url, store, "127.0.0.1:1"), ScriptedExecutor(), MANIFEST
    )
    with ThreadPoolExecutor(1) as threads:
        other = Mirror(replica, runs, threads)
        assert all(await asyncio.gather(mirror.catch_up(), other.catch_up()))
        await other.catch_up()
    await replica.db.close()
    assert len(all_runs(runs)) == 1


async def test_nothing_is_lost_while_mlflow_is_away(
    ctx: Context, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    job_id = await add_job(ctx, status=JobStatus.RUNNING, attempt=1, epoch=1)
    await add_epoch(ctx.db, job_id, 0, 1.0)
    await add_epoch(ctx.db, job_id, 1, 0.9)
    with ThreadPoolExecutor(1) as threads:
        assert not await Mirror(ctx, Runs("http://127.0.0.1:1"), threads).catch_up()
        await set_job(ctx, job_id, status=JobStatus.SUCCEEDED, finished_at=datetime.now(UTC))
        assert not await Mirror(ctx, Runs("http://127.0.0.1:1"), threads).catch_up()
        assert await Mirror(ctx, runs, threads).catch_up()
    assert history(runs, "loss") == [(0, 1.0), (1, 0.9)]


async def test_a_run_that_mlflow_refuses_holds_up_no_other(
    ctx: Context, runs: Runs, mirror: Mirror
) -> None:
    refused = await add_job(
        ctx, status=JobStatus.RUNNING, attempt=1, epoch=1, mlflow_run_id="deleted"
    )
    await add_epoch(ctx.db, refused, 0, 1.0)
    await add_epoch(ctx.db, refused, 1, 1.0)
    await add_job(ctx, status=JobStatus.RUNNING, attempt=1)
    assert await mirror.catch_up()
    assert (await get_job(ctx, refused)).mlflow_epoch == -1
    assert len(all_runs(runs)) == 1


async def test_many_epochs_take_several_looks(
    ctx: Context, runs: Runs, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.tracking.mirror.EPOCHS_AT_ONCE", 3)
    job_id = await add_job(ctx, status=JobStatus.FAILED, attempt=2, finished_at=datetime.now(UTC))
    for epoch in range(7):
        await add_epoch(ctx.db, job_id, epoch, float(epoch), attempt=1 + epoch // 4)
    for _ in range(4):
        await mirror.catch_up()
    assert history(runs, "loss") == [(epoch, float(epoch)) for epoch in range(7)]
    assert (await get_job(ctx, job_id)).mlflow_done


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("metrics/mAP50(B)", "metrics/mAP50_B"),
        ("train/box_loss", "train/box_loss"),
        ("../../x", "x"),
        ("/a//b/", "a/b"),
        ("größe", "gr_e"),
        ("", "_"),
        ("...", "_"),
        ("x" * 300, "x" * 250),
    ],
)
def test_metric_names(name: str, cleaned: str) -> None:
    assert clean(name) == cleaned
