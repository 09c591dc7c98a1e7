"""The mirror against a real MLflow server."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import api_support
import data_support
import httpx
import pytest
from api_support import get_job, set_attempt, set_job
from backend.context import Context
from backend.infra.database import Database, utcnow
from backend.infra.mlflow import JOB_TAG, MlflowAwayError, clean
from backend.infra.mlflow import Mlflow as Server
from backend.jobs import service
from backend.orchestration.attempts import finalize
from backend.state.jobs import DeletedJob, EpochMetrics
from backend.state.statuses import JobStatus
from backend.tracking.mirror import Mirror
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import select
from training_support import (
    MANIFEST,
    add_job,
)
from trainyard_manifest import MainMetric

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# One worker starts the server, which takes its time.
pytestmark = [pytest.mark.xdist_group("mlflow"), pytest.mark.databases("postgresql")]


@pytest.fixture
def mlflow(mlflow_url: str) -> Iterator["Mlflow"]:
    with Mlflow(base_url=f"{mlflow_url}/api/2.0/mlflow", timeout=30) as client:
        yield client


@pytest.fixture
def mirror(ctx: Context) -> Mirror:
    return Mirror(ctx)


class Mlflow(httpx.Client):
    """What the server has; other tests' runs lie there too."""

    def runs(self, job_id: str) -> list[dict[str, Any]]:
        found = self.get("/experiments/search", params={"max_results": 100}).json()["experiments"]
        query = {
            "experiment_ids": [item["experiment_id"] for item in found],
            "filter": f"tags.`{JOB_TAG}` = '{job_id}'",
        }
        return list(self.post("/runs/search", json=query).json().get("runs", []))

    def history(self, job_id: str, key: str) -> list[tuple[int, float]]:
        [run] = self.runs(job_id)
        query = {"run_id": run["info"]["run_id"], "metric_key": key}
        found = self.get("/metrics/get-history", params=query).json()
        return [(metric["step"], metric["value"]) for metric in found.get("metrics", [])]


async def add_epoch(
    db: Database, job_id: str, epoch: int, value: float, *, attempt: int = 1, key: str = "loss"
) -> None:
    async with db.transaction() as session:
        at = datetime(2026, 1, attempt, 0, epoch, tzinfo=UTC)
        row = EpochMetrics(job_id=job_id, epoch=epoch, attempt=attempt, values={key: value}, at=at)
        await session.merge(row)


@pytest.mark.databases("sqlite", "postgresql")
async def test_a_job_from_start_to_end(ctx: Context, mlflow: Mlflow, mirror: Mirror) -> None:
    job_id = await add_job(ctx, name="pages", config={"epochs": 3, "imgsz": 96})
    await mirror.catch_up()
    assert mlflow.runs(job_id) == []

    await set_job(ctx, job_id, status=JobStatus.RUNNING, attempt=1, epoch=1)
    await add_epoch(ctx.db, job_id, 0, 0.1, key="metrics/mAP50(B)")
    await add_epoch(ctx.db, job_id, 1, 0.2, key="metrics/mAP50(B)")
    await mirror.catch_up()
    [run] = mlflow.runs(job_id)
    assert (run["info"]["status"], run["info"]["run_name"]) == ("RUNNING", "pages")
    params = {param["key"]: param["value"] for param in run["data"]["params"]}
    assert params == {"epochs": "3", "imgsz": "96"}
    row = await get_job(ctx, job_id)
    [data] = run["inputs"]["dataset_inputs"]
    shown = data["dataset"]
    assert (shown["name"], shown["digest"]) == (f"{row.dataset_id}@1", "0" * 36)
    assert json.loads(shown["source"]) == {"uri": f"s3://datasets/{row.dataset_id}.zip"}
    tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
    assert tags["trainyard.files"] == f"s3://models/{job_id}/"
    assert tags["trainyard.weights"] == "none"
    # The last epoch may still change.
    assert mlflow.history(job_id, "metrics/mAP50_B") == [(0, 0.1)]

    await add_epoch(ctx.db, job_id, 1, 0.3, key="metrics/mAP50(B)")
    await set_job(ctx, job_id, status=JobStatus.SUCCEEDED, finished_at=datetime.now(UTC))
    await mirror.catch_up()
    await mirror.catch_up()
    assert mlflow.history(job_id, "metrics/mAP50_B") == [(0, 0.1), (1, 0.3)]
    [run] = mlflow.runs(job_id)
    assert run["info"]["status"] == "FINISHED"
    assert (await get_job(ctx, job_id)).mlflow_done


async def test_with_a_wrong_password_a_job_waits(
    ctx: Context, mlflow: Mlflow, mirror: Mirror
) -> None:
    job_id = await add_job(ctx, status=JobStatus.SUCCEEDED, finished_at=datetime.now(UTC))
    wrong = Server(ctx.settings.mlflow_tracking_uri, ("admin", "not the password"))
    assert not await Mirror(replace(ctx, mlflow=wrong)).catch_up()
    with pytest.raises(MlflowAwayError, match="MLFLOW_TRACKING_PASSWORD"):
        await wrong.find(job_id)
    with pytest.raises(httpx.HTTPStatusError, match="401"):
        await wrong.check()
    await wrong.close()
    assert not (await get_job(ctx, job_id)).mlflow_done
    assert await mirror.catch_up()
    assert mlflow.runs(job_id)


@pytest.mark.parametrize(
    ("status", "shown"), [(JobStatus.FAILED, "FAILED"), (JobStatus.CANCELLED, "KILLED")]
)
async def test_how_other_ends_are_shown(
    ctx: Context, mlflow: Mlflow, mirror: Mirror, status: JobStatus, shown: str
) -> None:
    ended = {"finished_at": datetime.now(UTC), "metrics": {"onnx/drop": 0.1}}
    job_id = await add_job(ctx, status=status, **ended)
    await mirror.catch_up()
    [run] = mlflow.runs(job_id)
    assert run["info"]["status"] == shown
    # They are of no epoch, and no best model's.
    assert mlflow.history(job_id, "onnx/drop") == [(0, 0.1)]


async def test_an_attempt_that_repeats_epochs(ctx: Context, mlflow: Mlflow, mirror: Mirror) -> None:
    job_id = await add_job(ctx, status=JobStatus.RUNNING, attempt=1, epoch=2)
    for epoch in range(3):
        await add_epoch(ctx.db, job_id, epoch, 1.0)
    await mirror.catch_up()
    assert mlflow.history(job_id, "loss") == [(0, 1.0), (1, 1.0)]
    await set_job(ctx, job_id, attempt=2)
    await mirror.catch_up()
    assert mlflow.history(job_id, "loss") == [(0, 1.0), (1, 1.0), (2, 1.0)]
    # Each step once: two values at one step are no curve.
    for epoch in range(1, 4):
        await add_epoch(ctx.db, job_id, epoch, 0.5, attempt=2)
    await set_job(ctx, job_id, epoch=3, status=JobStatus.SUCCEEDED, finished_at=datetime.now(UTC))
    await mirror.catch_up()
    assert mlflow.history(job_id, "loss")[3:] == [(3, 0.5)]


async def test_a_crash_before_the_run_was_noted_down(
    ctx: Context, mlflow: Mlflow, mirror: Mirror
) -> None:
    job_id = await add_job(ctx, status=JobStatus.RUNNING, attempt=1)
    await mirror.catch_up()
    await set_job(ctx, job_id, mlflow_run_id=None)
    await mirror.catch_up()
    assert len(mlflow.runs(job_id)) == 1


@pytest.mark.parametrize("seen", [0, 1, 2], ids=["never", "running", "ended"])
async def test_a_deleted_job_leaves_no_run(
    ctx: Context, mlflow: Mlflow, mirror: Mirror, seen: int
) -> None:
    job_id = await add_job(ctx, status=JobStatus.RUNNING, attempt=1)
    if seen >= 1:
        await mirror.catch_up()
    await set_job(ctx, job_id, status=JobStatus.FAILED, finished_at=datetime.now(UTC))
    if seen == 2:
        await mirror.catch_up()
    runs = mlflow.runs(job_id)
    assert len(runs) == min(seen, 1)
    await service.delete(ctx, job_id)
    nowhere = Mirror(replace(ctx, mlflow=Server("http://127.0.0.1:1")))
    assert not await nowhere.catch_up()
    await mirror.catch_up()
    assert mlflow.runs(job_id) == []
    for run in runs:
        found = mlflow.get("/runs/get", params={"run_id": run["info"]["run_id"]})
        info = found.json()["run"]["info"]
        assert (info["lifecycle_stage"], info["status"]) == ("deleted", "FAILED")
        assert info["end_time"]
    async with ctx.db.reading() as session:
        assert (await session.scalars(select(DeletedJob))).all() == []


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looks for a run waits until another has looked too, for a second."""
    both, find = asyncio.Barrier(2), Server.find

    async def find_together(*arguments: Any) -> str | None:
        found = await find(*arguments)
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await both.wait()
        return found

    monkeypatch.setattr(Server, "find", find_together)


@pytest.mark.databases("postgresql")
@pytest.mark.usefixtures("together")
async def test_replicas_make_one_run(
    ctx: Context,
    mlflow: Mlflow,
    mirror: Mirror,
    database_url: str,
) -> None:
    job_id = await add_job(ctx, status=JobStatus.RUNNING, attempt=1)
    database = Database(database_url)
    other = Mirror(replace(ctx, db=database))
    assert all(await asyncio.gather(mirror.catch_up(), other.catch_up()))
    await other.catch_up()
    await database.close()
    assert len(mlflow.runs(job_id)) == 1


async def test_nothing_is_lost_while_mlflow_is_away(
    ctx: Context, mlflow: Mlflow, mirror: Mirror
) -> None:
    job_id = await add_job(ctx, status=JobStatus.RUNNING, attempt=1, epoch=1)
    await add_epoch(ctx.db, job_id, 0, 1.0)
    await add_epoch(ctx.db, job_id, 1, 0.9)
    nowhere = Mirror(replace(ctx, mlflow=Server("http://127.0.0.1:1")))
    assert not await nowhere.catch_up()
    await set_job(ctx, job_id, status=JobStatus.SUCCEEDED, finished_at=datetime.now(UTC))
    assert not await nowhere.catch_up()
    assert await mirror.catch_up()
    assert mlflow.history(job_id, "loss") == [(0, 1.0), (1, 0.9)]


async def test_a_run_that_mlflow_refuses_holds_up_no_other(
    ctx: Context, mlflow: Mlflow, mirror: Mirror
) -> None:
    refused = await add_job(
        ctx, status=JobStatus.RUNNING, attempt=1, epoch=1, mlflow_run_id="deleted"
    )
    await add_epoch(ctx.db, refused, 0, 1.0)
    await add_epoch(ctx.db, refused, 1, 1.0)
    job_id = await add_job(ctx, status=JobStatus.RUNNING, attempt=1)
    assert await mirror.catch_up()
    assert (await get_job(ctx, refused)).mlflow_epoch == -1
    assert len(mlflow.runs(job_id)) == 1


async def test_many_epochs_take_several_looks(
    ctx: Context, mlflow: Mlflow, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.tracking.mirror.EPOCHS_AT_ONCE", 3)
    job_id = await add_job(ctx, status=JobStatus.FAILED, attempt=2, finished_at=datetime.now(UTC))
    for epoch in range(7):
        await add_epoch(ctx.db, job_id, epoch, float(epoch), attempt=1 + epoch // 4)
    for _ in range(4):
        await mirror.catch_up()
    assert mlflow.history(job_id, "loss") == [(epoch, float(epoch)) for epoch in range(7)]
    assert (await get_job(ctx, job_id)).mlflow_done


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("metrics/mAP50(B)", "metrics/mAP50_B"),
        ("train/box_loss", "train/box_loss"),
        ("../../x", "_2E./_2E./x"),
        ("/a//b/", "_2Fa_2F/b_2F"),
        ("größe", "größe"),
        ("mAP@0.5", "mAP_400.5"),
        ("mAP_B", "mAP_5FB"),
        ("mAP_28", "mAP_5F28"),
        ("", "_"),
        ("...", "_2E.."),
        ("x" * 250, "x" * 250),
    ],
)
def test_metric_names(name: str, cleaned: str) -> None:
    assert clean(name) == cleaned


def original(cleaned: str) -> str:
    """The name that was cleaned."""
    of_part = re.fullmatch(r"(.*)_([A-Z])", cleaned, re.DOTALL)
    stem, suffix = (of_part[1], f"({of_part[2]})") if of_part else (cleaned, "")
    parts = re.split(r"((?:_[0-9A-F]{2})+)", stem)
    parts[1::2] = [bytes.fromhex(part.replace("_", "")).decode() for part in parts[1::2]]
    return "".join(parts) + suffix


@given(
    st.text(st.characters(codec="utf-8") | st.sampled_from("_/.()AB28"), min_size=1, max_size=20)
)
@example("a" * 300)
def test_a_name_can_be_read_back(name: str) -> None:
    cleaned = clean(name)
    assert len(cleaned) <= 250
    assert len(name) > 20 or original(cleaned) == name


async def test_every_name_has_a_series_of_its_own_and_null_none(
    ctx: Context, mlflow: Mlflow, mirror: Mirror
) -> None:
    names = ["AP/猫", "AP/犬", "mAP@0.5", "mAP#0.5", "mAP(B)", "mAP[B]", "mAP_B", "..", "a//b", "_"]
    values: dict[str, Any] = dict(zip(names, range(len(names)), strict=True))
    job_id = await add_job(ctx, status=JobStatus.FAILED, attempt=1, finished_at=datetime.now(UTC))
    async with ctx.db.transaction() as session:
        for epoch in range(2):
            row = EpochMetrics(job_id=job_id, epoch=epoch, attempt=1, values={**values, "n": None})
            session.add(row)
    await mirror.catch_up()
    for name, value in values.items():
        assert mlflow.history(job_id, clean(name)) == [(0, value), (1, value)], name
    [run] = mlflow.runs(job_id)
    assert run["info"]["status"] == "FAILED"
    assert (await get_job(ctx, job_id)).mlflow_done


async def test_a_status_is_shown_whatever_metrics_are_refused(
    ctx: Context, mlflow: Mlflow, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.tracking.mirror.TRIES", 2)
    monkeypatch.setattr("backend.tracking.mirror.POSTPONE_S", 0)
    # As a later MLflow may refuse what this one takes.
    monkeypatch.setattr("backend.infra.mlflow.clean", lambda name: name)
    job_id = await add_job(ctx, status=JobStatus.FAILED, attempt=1, finished_at=datetime.now(UTC))
    row = EpochMetrics(job_id=job_id, epoch=0, attempt=1, values={"a//b": 1.0})
    async with ctx.db.transaction() as session:
        session.add(row)
    await mirror.catch_up()
    [run] = mlflow.runs(job_id)
    tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
    assert run["info"]["status"] == "FAILED"
    assert tags["trainyard.refused"].startswith("400: ")
    assert not (await get_job(ctx, job_id)).mlflow_done
    await mirror.catch_up()
    assert (await get_job(ctx, job_id)).mlflow_done


async def test_an_ended_job_is_told_with_one_number(
    ctx: Context,
    mirror: Mirror,
    mlflow: Mlflow,
    s3: "S3Client",
    tmp_path: Path,
) -> None:
    """API, command line and MLflow: as evaluation.json tells, else as the trainer sent it last."""
    name = "metrics/mAP50-95(B)"
    manifest = MANIFEST.model_copy(update={"metrics": {"detect": MainMetric(main=name)}})
    ctx = replace(ctx, trainers=data_support.catalog(manifest))
    yard = str(Path(__file__).parents[3] / "apps/cli/.venv/bin/yard")
    columns: dict[str, Any] = {"status": JobStatus.CANCELLING, "attempt": 1, "epoch": 2}
    columns["trainer"] = manifest.name
    (tmp_path / "trainer.json").write_text(manifest.model_dump_json())
    chosen = ctx.settings.model_copy(
        update={"trainers_dir": tmp_path, "api_auth": "off", "mlflow_tracking_uri": None}
    )
    async with api_support.serving(chosen) as api:
        for metrics in ({name: 0.5}, {name: 0.75, "best/epoch": 1}):
            job = await api_support.add_running(ctx, **columns, metrics=metrics)
            for epoch, value in enumerate((0.25, 0.75, 0.5)):
                await add_epoch(ctx.db, job.job_id, epoch, value, key=name)
            if len(metrics) == 1:
                document: dict[str, Any] = {"metrics": {name: 0.75, "loss": None}}
                document["best"] = {"epoch": 1, "metric": name, "value": 0.75}
                key = f"{job.job_id}/1/artifacts/evaluation.json"
                s3.put_object(Bucket="models", Key=key, Body=json.dumps(document).encode())
            await set_attempt(ctx, job.job_id, ended_at=utcnow(), cause="cancelled")
            await finalize(ctx, job.job_id, 1)
            while not (await get_job(ctx, job.job_id)).mlflow_done:
                await mirror.catch_up()

            shown = (await api.http.get(job.path)).json()
            assert shown["best"] == {"epoch": 1, "metric": name, "value": 0.75}
            assert (shown["metrics"][name], shown["metrics"]["best/epoch"]) == (0.75, 1)
            command = [yard, "job", "show", job.job_id, "--url", api.url]
            told = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
            text = (await told.communicate())[0].decode()
            assert re.search(rf"best +{re.escape(name)} 0.75 of epoch 2", text)
            history = mlflow.history(job.job_id, clean(name))
            assert history == [(0, 0.25), (1, 0.75), (2, 0.5), (3, 0.75)]
            # The epoch that a retry would train next is told, too.
            assert (await get_job(ctx, job.job_id)).mlflow_epoch == 2
            [run] = mlflow.runs(job.job_id)
            latest = {metric["key"]: metric["value"] for metric in run["data"]["metrics"]}
            assert (latest[clean(name)], latest["best/epoch"]) == (0.75, 1)
