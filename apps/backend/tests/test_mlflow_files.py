"""The files of ended jobs that a real MLflow server gets."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from api_support import get_job, set_job
from backend.context import Context
from backend.infra.database import new_id
from backend.infra.mlflow import Mlflow
from backend.infra.object_store import ObjectStore
from backend.jobs import service
from backend.models import service as models
from backend.state.artifacts import Artifact
from backend.state.statuses import JobStatus
from backend.tracking import files
from backend.tracking.mirror import Mirror
from training_support import add_job

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# One worker starts the server, which takes its time.
pytestmark = [pytest.mark.xdist_group("mlflow"), pytest.mark.databases("sqlite")]
ENDED: dict[str, Any] = {"status": JobStatus.SUCCEEDED, "attempt": 2}


async def left(ctx: Context, s3: "S3Client", sizes: dict[str, int]) -> str:
    """An ended job with these artifacts; the store has each with its name for content, but those of size 0."""
    job_id = await add_job(ctx, **ENDED, finished_at=datetime.now(UTC))
    for name, size in sizes.items():
        async with ctx.db.transaction() as session:
            file = Artifact(job_id=job_id, name=name, attempt=2, size=size, sha256="0" * 64)
            session.add(file)
        if size:
            key = f"{job_id}/2/artifacts/{name}"
            s3.put_object(Bucket="models", Key=key, Body=name.encode())
    return job_id


async def test_mlflow_has_what_it_shows_and_the_model(
    ctx: Context, s3: "S3Client", mlflow_url: str
) -> None:
    large, gone, no_path = files.SHOWN_BYTES + 1, 0, "b%2523.csv"
    shown = ["best.pt", "evaluation.json", "worst/a b.jpg"]
    sizes = {shown[0]: large, shown[1]: 9, shown[2]: files.SHOWN_BYTES, "last.pt": large}
    sizes |= {"a-lost.csv": gone, no_path: 9}
    job_id = await left(ctx, s3, sizes)
    assert await Mirror(ctx).catch_up()
    job = await get_job(ctx, job_id)
    assert job.mlflow_done
    of_run = {"run_id": job.mlflow_run_id}
    async with httpx.AsyncClient(base_url=mlflow_url, timeout=30) as client:

        async def listed(**query: Any) -> list[str]:
            found = await client.get("/api/2.0/mlflow/artifacts/list", params=of_run | query)
            return [one["path"] for one in found.raise_for_status().json().get("files", [])]

        assert sorted(await listed()) == ["best.pt", "evaluation.json", "worst"]
        assert await listed(path="worst") == [shown[2]]
        for name in shown:
            file = await client.get("/get-artifact", params=of_run | {"path": name})
            assert file.raise_for_status().text == name
    where = await ctx.mlflow.files_of(str(job.mlflow_run_id))
    assert where == f"mlflow-artifacts:/1/{job.mlflow_run_id}/artifacts"


async def test_files_wait_for_a_store_that_is_away(ctx: Context, s3: "S3Client") -> None:
    job_id = await left(ctx, s3, {"best.pt": 9})
    nowhere = ctx.settings.model_copy(update={"minio_endpoint": "http://127.0.0.1:1"})
    assert await Mirror(replace(ctx, store=ObjectStore(nowhere))).catch_up()
    assert not (await get_job(ctx, job_id)).mlflow_done
    assert await Mirror(ctx).catch_up()
    assert (await get_job(ctx, job_id)).mlflow_done


async def test_files_that_do_not_get_there_hold_up_no_other_job(
    ctx: Context,
    s3: "S3Client",
    servers_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As where MLflow's key of its store is wrong: it answers with a page of HTML."""
    job_id = await left(ctx, s3, {"best.pt": 9})
    await set_job(ctx, job_id, status=JobStatus.RUNNING)
    assert await Mirror(ctx).catch_up()
    run_id = str((await get_job(ctx, job_id)).mlflow_run_id)
    own = servers_dir / "mlflow/artifacts/1" / run_id
    own.parent.mkdir(exist_ok=True, parents=True)
    own.write_text("where a folder should be")

    await set_job(ctx, job_id, status=JobStatus.SUCCEEDED)
    other = await left(ctx, s3, {"best.pt": 9})
    assert await Mirror(ctx).catch_up()
    assert not (await get_job(ctx, job_id)).mlflow_done
    assert (await get_job(ctx, other)).mlflow_done
    run = await ctx.mlflow.call("GET", "runs/get", params={"run_id": run_id})
    assert run["run"]["info"]["status"] == "FINISHED"
    assert "its files are refused by 127.0.0.1" in caplog.text
    assert "Signature" not in caplog.text

    assert await files.folder_of_model(ctx, job_id, run_id) is None
    monkeypatch.setattr("backend.tracking.mirror.TRIES", 1)
    assert await Mirror(ctx).catch_up()
    assert (await get_job(ctx, job_id)).mlflow_done


async def test_a_deleted_jobs_files_go_with_its_run(
    ctx: Context, s3: "S3Client", servers_dir: Path
) -> None:
    job_id = await left(ctx, s3, {"best.pt": 9})
    mirror = Mirror(ctx)
    assert await mirror.catch_up()
    own = servers_dir / "mlflow/artifacts/1" / str((await get_job(ctx, job_id)).mlflow_run_id)
    assert (own / "artifacts/best.pt").is_file()
    await service.delete(ctx, job_id)
    assert await mirror.catch_up()
    assert not (own / "artifacts").exists()


async def test_a_server_that_keeps_no_files_gets_none(
    ctx: Context, s3: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clients would write them to that place with keys of their own, which the backend has not."""
    server = Mlflow(ctx.settings.mlflow_tracking_uri, ctx.settings.mlflow_login)
    name = {"name": f"elsewhere-{new_id()}", "artifact_location": "s3://elsewhere/runs"}
    monkeypatch.setattr("backend.infra.mlflow.EXPERIMENT", name["name"])
    await server.post("experiments/create", **name)
    job_id = await left(ctx, s3, {"best.pt": 9})
    there = replace(ctx, mlflow=server)
    assert await Mirror(there).catch_up()
    assert (await get_job(ctx, job_id)).mlflow_done
    version = await models.register(there, f"elsewhere-{new_id()}", job_id)
    assert version.source == f"s3://models/{job_id}/2/artifacts"
    await server.close()
