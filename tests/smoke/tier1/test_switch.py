"""The switch from subprocesses to Kubernetes Jobs by `kubectl set env`, in mid-training."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from support.api import FINISHED, Api
from support.cluster import get, run, wait_ready
from support.waiting import wait_for

from smoke.tracking import mlflow_runs, mlflow_steps
from smoke.training import submit

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def switched_back() -> Iterator[None]:
    """Trainings are subprocesses again after the test."""
    yield
    run("kubectl set env deployment/backend -n platform TRAINING_MODE=subprocess")
    wait_ready()


@pytest.mark.usefixtures("switched_back")
def test_a_running_training_goes_on_as_a_job(api: Api, dataset_id: str) -> None:
    job_id = submit(api, dataset_id, epochs=25)
    api.wait_epoch(job_id, 2, seconds=180)
    seen = api.log(job_id)
    run("kubectl set env deployment/backend -n platform TRAINING_MODE=kubernetes")
    meanwhile = _submit_meanwhile(api, dataset_id)
    told = _wait_gone_on(api, job_id)
    job = api.wait(job_id, seconds=300)
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    assert len(get("jobs", f"trainyard.dev/job={job_id}")) == 1
    rows = api.metrics(job_id)
    assert [row["epoch"] for row in rows] == list(range(25))
    first = next(row["epoch"] for row in rows if row["attempt"] == 2)
    if told["status"] == "retrying":  # else the new backend had gone on before it answered
        start = re.search(r", (?:starting over|resuming after epoch (\d+))\.$", told["message"])
        assert start is not None
        if after := start[1]:
            assert f"Resuming after epoch {after}," in api.log(job_id)
        # Epochs that no backend heard of are told by the next attempt.
        assert first <= int(after or 0), "epochs are told from 1 on"
    assert api.log(job_id).startswith(seen)

    def finished() -> bool:
        return [run["info"]["status"] for run in mlflow_runs(job_id)] == ["FINISHED"]

    wait_for(finished, 30, lambda: mlflow_runs(job_id))  # the mirror follows the job
    [mirrored] = mlflow_runs(job_id)
    steps = mlflow_steps(mirrored["info"]["run_id"], "train/box_loss")
    assert len(steps) == len(set(steps)), "each step once"

    later = api.wait(meanwhile, seconds=300)
    assert later["status"] == "succeeded", f"it used its one attempt: {later['message']}"


def _wait_gone_on(api: Api, job_id: str) -> dict[str, Any]:
    """The job as it waits for its next attempt, or as that was first seen."""

    def gone_on() -> dict[str, Any] | None:
        job = api.job(job_id)
        return job if job["status"] in {"retrying", *FINISHED} or job["attempt"] > 1 else None

    job: dict[str, Any] = wait_for(gone_on, 120, lambda: api.job(job_id), catch=httpx.HTTPError)
    return job


def _submit_meanwhile(api: Api, dataset_id: str) -> str:
    """Submit a job with one attempt, to whichever of the two backends answers."""

    def submitted() -> str | None:
        return submit(api, dataset_id, max_attempts=1)

    # A refusal is an AssertionError: of the old backend's last answers, or nobody's.
    job_id: str = wait_for(submitted, 60, catch=(httpx.HTTPError, AssertionError), every_s=0.5)
    return job_id
