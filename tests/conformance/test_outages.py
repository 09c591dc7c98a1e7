"""Trainings survive the SIGKILL of each service."""

from support.api import Api
from support.waiting import wait_for

from conformance.base import Platform


def expected_log(epochs: int, lines: int) -> str:
    return "".join(
        f"attempt 1 epoch {epoch} line {line} äöü\n"
        for epoch in range(epochs)
        for line in range(lines)
    )


def test_training_survives_a_kill_of_the_backend(
    api: Api, platform: Platform, dataset_id: str
) -> None:
    job_id = api.submit(dataset_id, {"epochs": 30, "epoch_s": 0.2, "lines_per_epoch": 20})
    api.wait_epoch(job_id, 3)
    platform.kill("backend")
    tree = platform.processes(job_id)
    wait_for(lambda: all(process.is_running() for process in tree) and tree, 2)
    platform.start("backend")
    platform.wait_ready()
    job = api.wait(job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 1)
    assert api.log(job_id) == expected_log(30, 20)
    assert [row["epoch"] for row in api.metrics(job_id)] == list(range(30))


def test_an_end_during_the_backends_absence_is_found(
    api: Api, platform: Platform, dataset_id: str
) -> None:
    job_id = api.submit(dataset_id, {"epochs": 4, "epoch_s": 0.3, "exit_code": 3}, max_attempts=1)
    api.wait_epoch(job_id, 1)
    platform.kill("backend")
    platform.start("backend")
    platform.wait_ready()
    job = api.wait(job_id)
    assert (job["status"], job["cause"]) == ("failed", "trainer_crashed")
    # An executor may add its own last word.
    assert api.log(job_id).startswith(expected_log(4, 1))


def test_training_survives_a_kill_of_what_launched_it(
    api: Api, platform: Platform, dataset_id: str
) -> None:
    job_id = api.submit(dataset_id, {"epochs": 20, "epoch_s": 0.2})
    api.wait_epoch(job_id, 2)
    platform.kill("launcher")
    platform.start("launcher")
    job = api.wait(job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 1)
    assert api.log(job_id) == expected_log(20, 1)


def test_with_temporal_down_a_job_is_accepted_and_starts_later(
    api: Api, platform: Platform, dataset_id: str
) -> None:
    platform.kill("temporal")
    try:
        job_id = api.submit(dataset_id, {"epochs": 2})
        assert api.job(job_id)["status"] == "queued"
        assert "temporal" in str(api.get("/readyz").json()).lower()
    finally:
        platform.start("temporal")
    assert api.wait(job_id)["status"] == "succeeded"


def test_a_running_job_survives_temporals_absence(
    api: Api, platform: Platform, dataset_id: str
) -> None:
    job_id = api.submit(dataset_id, {"epochs": 15, "epoch_s": 0.2})
    api.wait_epoch(job_id, 1)
    platform.kill("temporal")
    api.wait_epoch(job_id, 8)
    platform.start("temporal")
    job = api.wait(job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 1)
