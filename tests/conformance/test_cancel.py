"""Cancelling a job ends every process of its attempt; finishing it ends it well."""

import time

import psutil
import pytest
from support.api import Api
from support.waiting import wait_for

from conformance.base import Platform

pytestmark = pytest.mark.databases("postgresql")


def test_an_obedient_trainer_is_gone_within_two_seconds(
    api: Api, platform: Platform, dataset_id: str
) -> None:
    job_id = api.submit(dataset_id, {"epochs": 500, "epoch_s": 0.2})
    api.wait_epoch(job_id, 1)
    tree = platform.processes(job_id)
    assert tree
    api.post(f"/api/v1/jobs/{job_id}/cancel").raise_for_status()
    wait_for(lambda: not any(process.is_running() for process in tree), 2, lambda: tree)
    job = api.wait(job_id)
    assert (job["status"], job["cause"]) == ("cancelled", "cancelled")


def test_a_hostile_trainer_and_its_children_are_killed_after_the_grace(
    api: Api, platform: Platform, dataset_id: str
) -> None:
    config = {"epochs": 500, "epoch_s": 0.2, "ignore_sigterm": True, "children": 3}
    job_id = api.submit(dataset_id, config)
    api.wait_epoch(job_id, 1)
    tree = platform.processes(job_id)
    assert len(tree) >= 4
    api.post(f"/api/v1/jobs/{job_id}/cancel").raise_for_status()
    # The grace is 2 s here.
    wait_for(lambda: not any(process.is_running() for process in tree), 5, lambda: tree)
    assert api.wait(job_id)["status"] == "cancelled"


def test_a_trainers_children_do_not_outlive_its_success(
    api: Api, platform: Platform, dataset_id: str
) -> None:
    job_id = api.submit(dataset_id, {"epochs": 10, "children": 2})

    def tree_with_children() -> list[psutil.Process] | None:
        tree = platform.processes(job_id)
        return tree if len(tree) > 2 else None

    tree = wait_for(tree_with_children, 30)
    assert api.wait(job_id)["status"] == "succeeded"
    wait_for(lambda: not any(process.is_running() for process in tree), 3, lambda: tree)


def test_a_training_that_is_to_finish_succeeds(
    api: Api, platform: Platform, dataset_id: str
) -> None:
    config = {"epochs": 5000, "epoch_s": 0.05, "die_at_epoch": 4}
    job_id = api.submit(dataset_id, config)
    api.wait_epoch(job_id, 5)  # by its second attempt
    api.post(f"/api/v1/jobs/{job_id}/finish-early").raise_for_status()
    job = api.wait(job_id)
    assert (job["status"], job["cause"]) == ("succeeded", "completed")
    assert job["epoch"] < 4999
    assert api.post(f"/api/v1/jobs/{job_id}/finish-early").status_code == 409


def test_a_queued_job_is_cancelled_at_once(api: Api, platform: Platform, dataset_id: str) -> None:
    platform.kill("temporal")
    try:
        job_id = api.submit(dataset_id)
        assert api.post(f"/api/v1/jobs/{job_id}/cancel").json()["status"] == "cancelled"
    finally:
        platform.start("temporal")
        platform.wait_ready()
    time.sleep(1)
    job = api.job(job_id)
    assert (job["status"], job["attempt"]) == ("cancelled", 0)
