"""Failures get their cause, and those that are retryable resume."""

import hashlib
from typing import Any

import httpx
import pytest
from support.api import Api
from support.waiting import wait_for

from conformance.base import Platform

pytestmark = pytest.mark.databases("sqlite")


# What kills a job with these config and fields.
DEATHS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "stalled": ({"epochs": 1, "hang": True}, {"max_attempts": 1}),
    "trainer_crashed": ({"exit_code": 3}, {}),
    "trainer_crashed, whatever it reports": ({"report": "completed", "exit_code": 1}, {}),
    "gpu_out_of_memory": ({"report": "gpu_out_of_memory", "exit_code": 1}, {}),
    "dataset_invalid": ({"report": "dataset_invalid", "exit_code": 1}, {}),
    "config_invalid": ({"report": "config_invalid", "exit_code": 1}, {}),
    "storage_unavailable": (
        {"report": "storage_unavailable", "exit_code": 1},
        {"max_attempts": 1},
    ),
    "out_of_memory": ({"allocate_mb": 600}, {"resources": {"memory": "256Mi"}}),
    "deadline_exceeded": ({"hang": True}, {"max_duration_s": 3}),
}


@pytest.fixture(scope="module")
def dying(platform: Platform, dataset_id: str) -> dict[str, str]:
    """A job of each death, submitted at once: most of each is waiting."""
    with Api(base_url=platform.url, timeout=30) as api:
        return {
            death: api.submit(dataset_id, {"epochs": 0, **config}, **fields)
            for death, (config, fields) in DEATHS.items()
        }


@pytest.mark.parametrize("death", [*list(DEATHS)[1:], "stalled"])
def test_the_cause_of_death_is_named(
    api: Api, platform: Platform, dying: dict[str, str], death: str
) -> None:
    job_id = dying[death]
    job = api.wait(job_id, seconds=platform.stall_timeout_s + 60)
    assert (job["status"], job["cause"]) == ("failed", death.partition(",")[0]), api.log(job_id)
    assert job["attempt"] == 1
    assert len(job["message"]) > 20


def test_a_program_that_does_not_exist_is_a_failed_launch(api: Api, dataset_id: str) -> None:
    job = api.wait(api.submit(dataset_id, trainer="missing", max_attempts=1))
    assert (job["status"], job["cause"]) == ("failed", "launch_failed")
    assert "no-such-program" in job["message"]


def test_a_silent_trainer_is_named(api: Api, platform: Platform, dataset_id: str) -> None:
    # Its supervisor promises heartbeats; a script alone does not.
    job_id = api.submit_yolo(dataset_id, epochs=500, max_attempts=1)
    api.wait_epoch(job_id, 1, seconds=90)
    for process in platform.processes(job_id):
        process.suspend()
    job = api.wait(job_id, seconds=30)
    assert (job["status"], job["cause"]) == ("failed", "heartbeat_lost")
    wait_for(lambda: not platform.processes(job_id), 10, lambda: platform.processes(job_id))


def test_a_killed_trainer_resumes_from_its_checkpoint(api: Api, dataset_id: str) -> None:
    job_id = api.submit(dataset_id, {"epochs": 5, "die_at_epoch": 2})
    job = api.wait(job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 2), api.log(job_id)
    rows = api.metrics(job_id)
    assert [row["epoch"] for row in rows] == [0, 1, 2, 3, 4]
    assert [row["attempt"] for row in rows] == [1, 1, 1, 2, 2]


def test_a_killed_yolo_training_resumes_from_its_checkpoint(
    api: Api, platform: Platform, dataset_id: str
) -> None:
    job_id = api.submit_yolo(dataset_id, epochs=8)
    api.wait_epoch(job_id, 2, seconds=90)
    platform.kill_trainer(job_id)
    job = api.wait(job_id, seconds=120)
    assert (job["status"], job["attempt"]) == ("succeeded", 2), api.log(job_id)[-3000:]
    rows = api.metrics(job_id)
    assert [row["epoch"] for row in rows] == list(range(8))
    assert rows[0]["attempt"] == 1
    assert rows[-1]["attempt"] == 2


# A deadline stops an attempt as a cancel does.
@pytest.mark.parametrize("end", ["cancelled", "trainer_crashed"])
def test_the_model_of_the_last_epoch_outlives_every_end(
    api: Api, platform: Platform, dataset_id: str, end: str
) -> None:
    job_id = api.submit_yolo(dataset_id, epochs=5000, max_attempts=1)
    kept = {"best.pt", "last.pt", "results.csv", "evaluation.json"}
    wait_for(lambda: kept <= set(api.artifacts(job_id)), 90, lambda: api.log(job_id)[-2000:])
    assert api.job(job_id)["status"] == "running"
    if end == "cancelled":
        api.post(f"/api/v1/jobs/{job_id}/cancel").raise_for_status()
    else:
        platform.kill_trainer(job_id)
    job = api.wait(job_id, seconds=90)
    assert job["cause"] == end
    left = api.artifacts(job_id)
    assert kept <= set(left)
    told = httpx.get(left["evaluation.json"]["url"]).raise_for_status().json()
    assert told["interim"]
    assert 0 <= told["best"]["epoch"] <= job["epoch"]
    model = httpx.get(left["best.pt"]["url"]).raise_for_status().content
    assert hashlib.sha256(model).hexdigest() == left["best.pt"]["sha256"]


def test_a_users_retry_goes_on_where_the_job_stood(api: Api, dataset_id: str) -> None:
    job_id = api.submit(dataset_id, {"epochs": 12, "epoch_s": 0.3})
    api.wait_epoch(job_id, 1)
    api.post(f"/api/v1/jobs/{job_id}/cancel").raise_for_status()
    assert api.wait(job_id)["status"] == "cancelled"
    assert api.post(f"/api/v1/jobs/{job_id}/cancel").status_code == 409
    assert api.post(f"/api/v1/jobs/{job_id}/retry").status_code == 202
    job = api.wait(job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    rows = api.metrics(job_id)
    assert [row["epoch"] for row in rows] == list(range(12))
    assert (rows[0]["attempt"], rows[-1]["attempt"]) == (1, 2)
