"""Trainings as Kubernetes Jobs, observed with kubectl."""

import json
from typing import Any

import httpx
import pytest
from support.api import Api
from support.cluster import CONNECT, STATUS, get, run
from support.waiting import wait_for

from smoke.training import submit


def _trainer_pod(job_id: str) -> dict[str, Any] | None:
    pods = get("pods", f"trainyard.dev/job={job_id}")
    return next((pod for pod in pods if pod["status"]["phase"] == "Running"), None)


def test_labels_lead_from_a_job_to_its_kubernetes_objects(api: Api, dataset_id: str) -> None:
    job_id = submit(api, dataset_id)
    assert api.wait(job_id, seconds=180)["status"] == "succeeded"
    [job] = get("jobs", f"trainyard.dev/job={job_id}")
    assert job["metadata"]["name"] == f"train-{job_id}-1"
    [pod] = get("pods", f"trainyard.dev/job={job_id}")
    assert pod["spec"]["automountServiceAccountToken"] is False
    [secret] = get("secrets", f"trainyard.dev/job={job_id}")
    assert secret["metadata"]["ownerReferences"][0]["name"] == job["metadata"]["name"]


@pytest.fixture
def running(api: Api, dataset_id: str) -> str:
    """A training that has saved a checkpoint and goes on for a while."""
    job_id = submit(api, dataset_id, epochs=20)
    api.wait_epoch(job_id, 2, seconds=180)
    return job_id


def test_a_trainer_reaches_the_backend_and_the_store_and_nothing_else(
    api: Api, running: str
) -> None:
    pod = wait_for(lambda: _trainer_pod(running), 30)
    command = ["kubectl", "exec", "-n", "platform", pod["metadata"]["name"], "--"]
    needed, denied = (
        ["backend:8000", "minio:9000"],
        ["backend-public:8080", "postgres:5432", "redis:6379", "temporal:7233", "mlflow:5000"],
    )
    found = json.loads(run([*command, "python", "-c", CONNECT, *needed, *denied]).stdout)
    # The API asks for no token here: the port of the callbacks has none of it.
    asked = run([*command, "python", "-c", STATUS, f"http://backend:8000/api/v1/jobs/{running}"])
    assert asked.stdout.strip() == "404"
    api.post(f"/api/v1/jobs/{running}/cancel").raise_for_status()
    assert found == dict.fromkeys(needed, True) | dict.fromkeys(denied, False)
    assert api.wait(running, seconds=60)["cause"] == "cancelled"
    wait_for(lambda: _trainer_pod(running) is None, 60)


EPOCHS = 25
# A pod that gets its grace is deleted in test_nodes.py.
DELETIONS = ("pod --force --grace-period=0", "job")


def _wait_for_progress(api: Api, job_id: str, attempt: int, beyond: int) -> None:
    """An epoch that none before has told: one goes on for a while after its end was asked for."""

    def told() -> bool:
        rows = [row for row in api.metrics(job_id) if row["attempt"] == attempt]
        return any(row["epoch"] > beyond for row in rows)

    wait_for(told, 180, lambda: (api.job(job_id), api.log(job_id)[-2000:]), catch=httpx.HTTPError)


def test_what_is_deleted_by_hand_costs_nothing_but_the_epoch_in_progress(
    api: Api, dataset_id: str
) -> None:
    """One training, from which each is taken in turn; of its one attempt none is used."""
    job_id = submit(api, dataset_id, epochs=EPOCHS, max_attempts=1)
    reached = 0  # so that the first attempt has two epochs
    for number, what in enumerate(DELETIONS, 1):
        _wait_for_progress(api, job_id, number, reached)
        seen = api.log(job_id)
        run(f"kubectl delete -n platform --wait=false -l trainyard.dev/job={job_id} {what}")
        job = api.wait(job_id, "retrying", seconds=60)
        assert (job["cause"], job["attempt"]) == ("preempted", number), (what, job["message"])
        assert api.log(job_id).startswith(seen), what
        reached = api.metrics(job_id)[-1]["epoch"]
    job = api.wait(job_id, seconds=300)
    assert (job["status"], job["attempt"]) == ("succeeded", len(DELETIONS) + 1)
    assert [row["epoch"] for row in api.metrics(job_id)] == list(range(EPOCHS))
