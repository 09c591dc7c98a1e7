"""An outage of the object store: the backend reports it, and trainings go on afterwards."""

from contextlib import suppress

import httpx
import pytest
from support.api import Api
from support.cluster import run
from support.waiting import wait_for

from smoke.training import submit

pytestmark = pytest.mark.timeout(480)
SCALE = "kubectl scale -n platform statefulset/minio --replicas"


def test_a_lost_store_is_named_and_costs_no_training(api: Api, dataset_id: str) -> None:
    job_id = submit(api, dataset_id, epochs=24)
    api.wait_epoch(job_id, 1, seconds=180)
    run(f"{SCALE}=0")
    try:
        run("kubectl wait -n platform --for=delete pod/minio-0 --timeout=60s")
        wait_for(lambda: "object store" in _unavailable(api), 30, lambda: api.get("/readyz").text)
        # The kubelet has asked the backend several times by then.
        epoch = api.job(job_id)["epoch"]
        api.wait_epoch(job_id, epoch + 5)
        assert "object store" in _unavailable(api)
    finally:
        run(f"{SCALE}=1")
    job = api.wait(job_id, seconds=300)
    assert (job["status"], job["attempt"]) == ("succeeded", 1)
    assert [row["epoch"] for row in api.metrics(job_id)] == list(range(24))
    assert {"best.pt", "last.pt"} <= set(api.artifacts(job_id))


def _unavailable(api: Api) -> str:
    """What the backend says of the store; nothing while it is ready or cannot be reached."""
    with suppress(httpx.HTTPError):
        reply = api.get("/readyz")
        if reply.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            return str(reply.json()["checks"]["store"])
    return ""
