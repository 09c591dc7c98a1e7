"""Jobs that do not fit on the launcher's machine together take turns, and say what they wait for."""

import time

import pytest
from support.api import Api
from support.waiting import wait_for

from conformance.base import Platform
from conformance.local import MACHINE_CPUS, LocalPlatform

pytestmark = pytest.mark.databases("postgresql")


def test_a_job_waits_its_turn_through_restarts_and_says_for_what(
    api: Api, platform: Platform, dataset_id: str
) -> None:
    if not isinstance(platform, LocalPlatform):
        pytest.skip("in a cluster, the scheduler says it")
    everything = {"cpu": MACHINE_CPUS, "memory": "64Mi"}
    lasting = {"epochs": 1000, "epoch_s": 0.5}
    first = api.submit(dataset_id, lasting, resources=everything)
    api.wait_epoch(first, 0)
    began = time.monotonic()
    second, third = (api.submit(dataset_id, max_duration_s=600) for _ in range(2))
    waits = f"Waits for 1 CPU: 8 of 8 are in use by job {first}."

    def told() -> bool:
        jobs = [api.job(job_id) for job_id in (second, third)]
        return all((job["status"], job["message"]) == ("preparing", waits) for job in jobs)

    wait_for(told, 30, lambda: api.job(second))
    assert time.monotonic() - began < 10  # 5 s and the time of a loaded machine
    assert api.job(second)["started_at"] is None

    never = api.submit(dataset_id, resources={"cpu": 64})
    job = api.wait(never, seconds=20)
    assert (job["status"], job["cause"], job["attempt"]) == ("failed", "unschedulable", 1)
    assert (
        "asks for 64 CPUs, but all trainings of this machine together get 8 CPUs" in job["message"]
    )

    for service in ("backend", "launcher"):
        platform.kill(service)
    for service in ("launcher", "backend"):
        platform.start(service)
    platform.wait_ready()
    api.post(f"/api/v1/jobs/{third}/cancel").raise_for_status()
    assert api.wait(third)["status"] == "cancelled"
    wait_for(lambda: api.job(second)["message"] == waits, 10, lambda: api.job(second))
    api.post(f"/api/v1/jobs/{first}/cancel").raise_for_status()
    job = api.wait(second)
    assert (job["status"], job["attempt"]) == ("succeeded", 1), api.log(second)
