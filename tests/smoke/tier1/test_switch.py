"""The switch from subprocesses to Kubernetes Jobs by `kubectl set env`, in mid-training."""

from collections.abc import Iterator

import pytest
from support.api import Api
from support.cluster import get, run, wait_ready
from support.waiting import wait_for

from smoke.tracking import mlflow_runs
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
    job = api.wait(job_id, seconds=300)
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    assert len(get("jobs", f"trainyard.dev/job={job_id}")) == 1
    assert [row["epoch"] for row in api.metrics(job_id)] == list(range(25))
    assert api.log(job_id).startswith(seen)

    def finished() -> bool:
        return [run["info"]["status"] for run in mlflow_runs(job_id)] == ["FINISHED"]

    wait_for(finished, 30, lambda: mlflow_runs(job_id))  # the mirror follows the job
