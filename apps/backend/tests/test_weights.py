"""What a job starts from: a file that an earlier one left behind."""

from typing import Any

import api_support
import pytest
from api_support import Api, add_dataset, add_running, get_job
from backend.orchestration.attempt_env import attempt_env
from backend.state.artifacts import Artifact
from backend.state.jobs import Attempt
from backend.state.statuses import JobStatus

MODEL = {"default": "yolo11n", "description": "The model."}
SCHEMA = {"type": "object", "properties": {"model": MODEL}}


@pytest.fixture(autouse=True)
def manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = api_support.MANIFEST | {"config_schema": SCHEMA, "tasks": ["detect", "segment"]}
    monkeypatch.setattr(api_support, "MANIFEST", changed)


async def finished(api: Api, name: str) -> str:
    job = await add_running(api.ctx, JobStatus.SUCCEEDED, name=name, config={"model": "yolo11s"})
    async with api.ctx.db.transaction() as session:
        for file, sha256 in (("best.pt", "a" * 64), ("last.pt", "b" * 64), ("own.pt", None)):
            session.add(Artifact(job_id=job.job_id, name=file, attempt=2, size=1, sha256=sha256))
    return job.job_id


async def submit(api: Api, weights: Any, task: str = "detect", **config: Any) -> dict[str, Any]:
    dataset_id = await add_dataset(api.ctx, task=task)
    body = {"dataset_id": dataset_id, "trainer": "plain", "config": config, "weights": weights}
    reply: dict[str, Any] = (await api.http.post("/api/v1/jobs", json=body)).json()
    return reply


async def test_a_job_starts_from_what_an_earlier_one_left(api: Api) -> None:
    assert (await submit(api, None))["weights"] is None
    await finished(api, "night run")
    id_ = await finished(api, "night run")
    for reference, file, sha256 in (
        (id_, "best.pt", "a" * 64),
        ("night run", "best.pt", "a" * 64),
        (f"{id_}/last.pt", "last.pt", "b" * 64),
    ):
        job = await submit(api, f"job:{reference}")
        assert job["weights"] == {"name": f"job:{id_}/{file}", "sha256": sha256}
        assert job["config"] == {"model": "yolo11s"}  # theirs, not the default
    row = await get_job(api.ctx, job["id"])
    env = attempt_env(api.ctx.settings, row, Attempt(number=2), None, "token")
    assert env["WEIGHTS_NAME"] == f"job:{id_}/last.pt"
    assert env["WEIGHTS_KEY"] == f"{id_}/2/artifacts/last.pt"
    assert env["WEIGHTS_SHA256"] == "b" * 64


async def test_weights_that_do_not_fit_are_refused_at_submit(api: Api) -> None:
    id_ = await finished(api, "night run")
    for weights, config, task, words in (
        ("job:0123456789ab", {}, "detect", "No job '0123456789ab' left a best.pt behind"),
        (f"job:{id_}/own.pt", {}, "detect", "left a own.pt behind"),
        (f"job:{id_}", {}, "segment", "trained for detect, this job is for segment"),
        (
            f"job:{id_}",
            {"model": "yolo11x"},
            "detect",
            "trained for yolo11s, this job is for yolo11x",
        ),
        ("yolo11n.pt", {}, "detect", "must match"),
    ):
        refused = await submit(api, weights, task, **config)
        assert refused["errors"][0]["field"] == "weights"
        assert words in refused["errors"][0]["message"]
