"""A training with the real images, from dataset to model, in every tier."""

import hashlib
import io
import zipfile
from typing import Any

import httpx
import pytest
from support.api import Api
from support.cluster import PROMETHEUS_URL, TEMPORAL_UI_URL, get
from support.waiting import wait_for

from smoke.tracking import mlflow_runs
from smoke.training import submit


@pytest.fixture(scope="module")
def job_id(api: Api, dataset_id: str) -> str:
    """A job that has succeeded."""
    job_id = submit(api, dataset_id, epochs=2, plots=True)
    job = api.wait(job_id, seconds=300)
    assert (job["status"], job["cause"], job["attempt"]) == ("succeeded", "completed", 1)
    return job_id


def test_its_metrics_and_log_are_there(api: Api, job_id: str) -> None:
    assert [row["epoch"] for row in api.metrics(job_id)] == [0, 1]
    assert "2 epochs completed" in api.log(job_id)


def test_its_model_comes_by_a_link_that_works_outside_the_cluster(api: Api, job_id: str) -> None:
    model = api.artifacts(job_id)["best.pt"]
    content = httpx.get(model["url"], timeout=60).raise_for_status().content
    assert hashlib.sha256(content).hexdigest() == model["sha256"]


def test_mlflow_has_its_run(job_id: str) -> None:
    def finished() -> dict[str, Any] | None:
        [run] = mlflow_runs(job_id)
        return run if run["info"]["status"] == "FINISHED" else None

    run = wait_for(finished, 30)  # the mirror follows the job
    assert {metric["key"] for metric in run["data"]["metrics"]} >= {"train/box_loss"}


def test_prometheus_has_counted_it(job_id: str) -> None:
    query = {"query": 'sum(trainyard_attempts_ended_total{cause="completed"})'}

    def counted() -> bool:
        reply = httpx.get(f"{PROMETHEUS_URL}/api/v1/query", params=query).json()
        return any(float(series["value"][1]) >= 1 for series in reply["data"]["result"])

    wait_for(counted, 60)


def test_temporal_has_its_workflow(job_id: str) -> None:
    path = f"{TEMPORAL_UI_URL}/api/v1/namespaces/default/workflows/{job_id}"
    execution = httpx.get(path, timeout=30).raise_for_status().json()["workflowExecutionInfo"]
    assert execution["type"]["name"] == "training"
    assert execution["status"] == "WORKFLOW_EXECUTION_STATUS_COMPLETED"


def test_it_can_be_cancelled(api: Api, dataset_id: str) -> None:
    job_id = submit(api, dataset_id, epochs=500)
    api.wait_epoch(job_id, 0, seconds=180)
    api.post(f"/api/v1/jobs/{job_id}/cancel").raise_for_status()
    assert api.wait(job_id, seconds=60)["cause"] == "cancelled"


def test_a_trainer_that_needs_too_much_memory_is_told_so(api: Api, dataset_id: str) -> None:
    job_id = submit(api, dataset_id, memory="300Mi", plots=True)
    job = api.wait(job_id, seconds=180)
    assert (job["status"], job["cause"]) == ("failed", "out_of_memory")
    assert "more memory" in job["message"]


def _archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_a_bad_dataset_is_refused_before_anything_starts(api: Api) -> None:
    dataset = api.push("nothing", _archive({"data.yaml": "train: images/train\nnames: [square]\n"}))
    assert dataset["status"] == "rejected"
    body = {"dataset_id": dataset["id"], "trainer": "ultralytics", "config": {}}
    assert api.post("/api/v1/jobs", json=body).status_code in {409, 422}
    assert get("jobs", f"trainyard.dev/dataset={dataset['id']}") == []
