"""Backup and restore, by the commands of docs/platform.md as they stand there: all is lost, and nothing is missing.

The release that runs (`make tier2`) is uninstalled on the way, and runs again at the end.
"""

import hashlib
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest
import servers
from support.api import Api
from support.cluster import MLFLOW_URL, ROOT, restarts, run, wait_ready
from support.waiting import wait_for

from smoke.tracking import mlflow_runs

pytestmark = pytest.mark.timeout(900)


def documented(heading: str) -> list[str]:
    """The indented blocks of a section of docs/platform.md."""
    page = (ROOT / "docs/platform.md").read_text()
    [section] = re.findall(rf"^## {heading}\b.*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return [
        textwrap.dedent(block) for block in re.findall(r"(?:^ {4}.+\n)+", section, re.MULTILINE)
    ]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], None]]:
    """A person's shell in a working tree, who has another store that rclone knows as `backup`."""
    folder = tmp_path_factory.mktemp("restore")
    for name in ("charts", "overlays"):
        (folder / name).symlink_to(ROOT / name)

    def execute(commands: str) -> None:
        run(["bash", "-euo", "pipefail", "-c", f"cd {folder}\n{commands}"], seconds=660)

    with servers.seaweedfs(folder / "store") as store, pytest.MonkeyPatch.context() as patch:
        remote = {"TYPE": "s3", "PROVIDER": "Other", "ENDPOINT": store.endpoint}
        remote |= {"ACCESS_KEY_ID": store.access_key, "SECRET_ACCESS_KEY": store.secret_key}
        for name, value in remote.items():
            patch.setenv(f"RCLONE_CONFIG_BACKUP_{name}", value)
        patch.setenv("RCLONE_CONFIG", str(folder / "rclone.conf"))
        patch.delenv("AWS_CA_BUNDLE", raising=False)  # rclone does not start with one
        yield execute


def mlflow_run(job_id: str) -> dict[str, Any]:
    """A job's run; MLflow gives its metrics, parameters and tags in any order."""
    [run] = mlflow_runs(job_id)
    data = {kind: {item["key"]: item for item in items} for kind, items in run["data"].items()}
    return {**run, "data": data}


def mlflow_file(job_id: str) -> str:
    """The URL of a file among the artifacts of a job's run."""
    run = mlflow_run(job_id)
    folder = run["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/")
    return f"{MLFLOW_URL}/api/2.0/mlflow-artifacts/artifacts/{folder}/notes.txt"


def all_of(api: Api, job_id: str) -> dict[str, Any]:
    """All that a user sees of a finished job."""
    job, artifacts = api.job(job_id), api.artifacts(job_id)
    contents = {name: httpx.get(item["url"], timeout=60) for name, item in artifacts.items()}
    found = {
        name: hashlib.sha256(reply.raise_for_status().content).hexdigest()
        for name, reply in contents.items()
    }
    assert found == {name: item["sha256"] for name, item in artifacts.items()}
    return {
        "job": job,
        "dataset": api.get(f"/api/v1/datasets/{job['dataset_id']}").raise_for_status().json(),
        "metrics": api.metrics(job_id),
        "log": api.log(job_id),
        "artifacts": found,
        "mlflow": mlflow_run(job_id),
        "mlflow_file": httpx.get(mlflow_file(job_id)).raise_for_status().content,
    }


class Before(NamedTuple):
    finished: str  # the id of a job
    seen: dict[str, Any]  # all of it
    running: str  # the id of a job that ran while the backup was taken
    metrics: list[dict[str, Any]]  # of it


@pytest.fixture(scope="module")
def before(api: Api, dataset_id: str, shell: Callable[[str], None]) -> Before:
    """How things were before a backup was taken, all was lost, and the backup restored."""
    finished = api.submit_yolo(dataset_id, epochs=2)
    assert api.wait(finished, seconds=300)["status"] == "succeeded"
    wait_for(lambda: mlflow_run(finished)["info"]["status"] == "FINISHED", 30)
    httpx.put(mlflow_file(finished), content=b"kept by hand\n").raise_for_status()
    running = api.submit_yolo(dataset_id, epochs=500)
    api.wait_epoch(running, 2, seconds=180)
    [remotes, back_up, restore] = documented("Backup and restore")
    shell(remotes)
    checkpoint = f"rclone lsf platform:models/{running}/1/checkpoint"
    wait_for(lambda: run(checkpoint, check=False).stdout, 60)
    noted = Before(finished, all_of(api, finished), running, api.metrics(running))

    shell(back_up)
    for lose in documented("Uninstall"):
        shell(lose)
    shell(restore)
    wait_ready()
    return noted


def test_all_that_a_user_saw_of_a_job_is_there_to_the_last_byte(api: Api, before: Before) -> None:
    assert all_of(api, before.finished) == before.seen


def test_a_training_that_ran_goes_on_from_its_checkpoint(api: Api, before: Before) -> None:
    def resumed() -> re.Match[str] | None:
        return re.search(r"Resuming training \S+ from epoch (\d+) ", api.log(before.running))

    try:
        found = wait_for(resumed, 120, lambda: (api.job(before.running), api.log(before.running)))
    finally:
        api.post(f"/api/v1/jobs/{before.running}/cancel").raise_for_status()
    job = api.wait(before.running)
    assert (job["cause"], job["attempt"]) == ("cancelled", 2)
    kept = [row["values"] for row in before.metrics[: int(found[1]) - 1]]  # it counts from 1
    assert [row["values"] for row in api.metrics(before.running)[: len(kept)]] == kept


def test_the_dataset_can_be_trained_on(api: Api, dataset_id: str, before: Before) -> None:
    job = api.wait(api.submit_yolo(dataset_id, epochs=1), seconds=300)
    assert (job["status"], job["attempt"]) == ("succeeded", 1)


def test_the_platform_is_well(api: Api, before: Before) -> None:
    checks = api.get("/readyz").json()["checks"]
    assert set(checks.values()) == {"ok"}
    assert restarts() == {}
