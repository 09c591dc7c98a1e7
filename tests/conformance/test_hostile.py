"""Wrong, stale and excessive calls of a trainer are refused."""

from typing import Any

import httpx
import pytest
from support.api import Api
from support.waiting import wait_for

from conformance.base import Platform

pytestmark = pytest.mark.databases("postgresql")


def token_of(platform: Platform, job_id: str, attempt: int) -> str:
    """The token that a scripted trainer with `keep_token` left in the store."""
    s3 = platform.store.client()
    key = f"{job_id}/{attempt}/artifacts/token"

    def read() -> str:
        try:
            return str(s3.get_object(Bucket="models", Key=key)["Body"].read().decode())
        except s3.exceptions.NoSuchKey:
            return ""

    return str(wait_for(read, 20))


def beat(callbacks: Api, job_id: str, token: str, **body: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return callbacks.post(f"/api/v1/jobs/{job_id}/heartbeat", json=body, headers=headers)


def test_wrong_callbacks_are_refused_and_change_nothing(api: Api, dataset_id: str) -> None:
    other = api.submit(dataset_id, {"epochs": 200, "epoch_s": 0.2})
    job_id = api.submit(dataset_id, {"epochs": 1, "other_job": other})
    job = api.wait(job_id)
    assert job["status"] == "succeeded", api.log(job_id)
    told = [line.split()[1] for line in api.log(job_id).splitlines() if line.startswith("hostile")]
    # Of 300 metrics the first are kept. A field that the contract does not know (`status`) is
    # ignored: a newer trainer may send one.
    beats = ["422"] * 4 + ["200", "422", "200", "413", "422"]
    assert told == beats + ["422"] * 3 + ["401", "409", "413"]
    assert [row["epoch"] for row in api.metrics(job_id)] == [0]
    assert "x" not in api.job(other)["metrics"]
    api.post(f"/api/v1/jobs/{other}/cancel")
    api.wait(other)


def test_a_stale_attempt_is_refused_and_changes_nothing(
    api: Api, callbacks: Api, platform: Platform, dataset_id: str
) -> None:
    config = {"epochs": 100, "epoch_s": 0.2, "die_at_epoch": 1, "keep_token": True}
    job_id = api.submit(dataset_id, config)
    stale = token_of(platform, job_id, 1)
    fresh = token_of(platform, job_id, 2)
    assert stale != fresh
    refused = beat(callbacks, job_id, stale, epoch=77, metrics={"stale": 1})
    assert refused.status_code == 409, refused.text
    log = callbacks.post(
        f"/api/v1/jobs/{job_id}/logs?offset=0",
        content=b"stale\n",
        headers={"Authorization": f"Bearer {stale}"},
    )
    assert log.status_code == 409
    finish = callbacks.post(
        f"/api/v1/jobs/{job_id}/finish",
        json={"cause": "completed"},
        headers={"Authorization": f"Bearer {stale}"},
    )
    assert finish.status_code == 409
    assert all(row["epoch"] != 77 for row in api.metrics(job_id))
    assert "stale" not in api.log(job_id)
    api.post(f"/api/v1/jobs/{job_id}/cancel").raise_for_status()
    api.wait(job_id)
    assert beat(callbacks, job_id, fresh, epoch=78, metrics={"late": 1}).status_code == 409
    assert api.job(job_id)["status"] == "cancelled"


@pytest.mark.parametrize("token", ["nonsense", "x" * 5000])
def test_a_wrong_token_is_refused(api: Api, callbacks: Api, dataset_id: str, token: str) -> None:
    job_id = api.submit(dataset_id, {"epochs": 0})
    assert beat(callbacks, job_id, token, epoch=0, metrics={}).status_code == 401
    unsigned = callbacks.post(f"/api/v1/jobs/{job_id}/heartbeat", json={"epoch": 0, "metrics": {}})
    assert unsigned.status_code == 401
    api.wait(job_id)


def test_a_flood_of_output_is_cut_with_words(api: Api, dataset_id: str) -> None:
    # The limit is 2 MiB here; 60,000 lines are more.
    job_id = api.submit(dataset_id, {"epochs": 1, "lines_per_epoch": 60_000})
    job = api.wait(job_id)
    assert job["status"] == "succeeded"
    log = api.log(job_id)
    pages = api.get(f"/api/v1/jobs/{job_id}/logs", params={"offset": 0, "limit": 8 << 20})
    assert log.startswith("attempt 1 epoch 0 line 0 ")
    assert len(pages.content) < (2 << 20) + 1024
