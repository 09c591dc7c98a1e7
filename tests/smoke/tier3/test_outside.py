"""PostgreSQL and the object store are outside, and every connection to them is checked."""

import json
import os
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import pytest
from support.api import Api
from support.cluster import CONNECT, get, ready, restarts, run, serving
from support.waiting import wait_for

from smoke.tier3.outside import ROLES, query
from smoke.training import submit

COMPONENTS = {"backend", "frontend", "mlflow", "prometheus", "redis", "temporal", "temporal-ui"}
STORE = urlsplit(os.environ.get("SMOKE_STORE", ""))
DATABASE = os.environ.get("SMOKE_DATABASE", "")
OUTSIDE = [STORE.netloc, f"{STORE.hostname}:{DATABASE.rpartition(':')[2]}"]


def test_every_pod_is_ready_and_was_never_restarted() -> None:
    pods = serving()
    assert {pod["metadata"]["labels"]["app"] for pod in pods} >= COMPONENTS
    assert [pod["metadata"]["name"] for pod in pods if not ready(pod)] == []
    assert restarts() == {}


def test_the_cluster_has_neither_a_database_nor_a_store() -> None:
    everything = get("pods,services,statefulsets,persistentvolumeclaims")
    apps = {item["metadata"]["labels"].get("app", "") for item in everything}
    assert apps & {"postgres", "minio", "minio-buckets"} == set()


def test_what_runs_once_has_run() -> None:
    jobs = get("jobs", "app.kubernetes.io/part-of=platform,app!=trainer")
    assert {job["metadata"]["labels"]["app"] for job in jobs} == {
        "backend-migrate", "temporal-namespace", "temporal-schema",
    }  # fmt: skip
    assert [job["metadata"]["name"] for job in jobs if not job["status"].get("succeeded")] == []


@pytest.mark.parametrize("role", ROLES)
def test_each_application_talks_to_the_database_by_tls(role: str) -> None:
    used = f"""
        SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = '{role}'
    """
    # A pool may be empty for a moment.
    wait_for(lambda: query(DATABASE, used) == ["t"], 60, lambda: query(DATABASE, used))


def test_a_database_that_another_authority_vouches_for_is_not_believed() -> None:
    command = "kubectl exec -n platform deployment/backend -- env"
    wrong = "PGSSLROOTCERT=/etc/platform/ca-bundles/object-store/ca.crt"
    done = run(f"{command} {wrong} python -m backend token create never", check=False)
    assert done.returncode != 0
    assert "certificate verify failed" in done.stdout + done.stderr


def test_a_store_that_another_authority_vouches_for_is_not_believed() -> None:
    command = "kubectl exec -n platform deployment/backend -- env"
    wrong = "AWS_CA_BUNDLE=/etc/platform/ca-bundles/database/ca.crt"
    program = f"import boto3; boto3.client('s3', endpoint_url='{STORE.geturl()}', region_name='auto').list_buckets()"
    done = run([*command.split(), wrong, "python", "-c", program], check=False)
    assert done.returncode != 0
    assert "SSL validation failed" in done.stderr


def test_prometheus_scrapes_both_backends_and_the_rest(
    port_forward: Callable[[str, str], str],
) -> None:
    prometheus = port_forward("svc/prometheus", ":9090")

    def scraped() -> list[str]:
        reply = httpx.get(f"http://{prometheus}/api/v1/targets").json()
        targets = reply["data"]["activeTargets"]
        return sorted(item["labels"]["job"] for item in targets if item["health"] == "up")

    wanted = ["backend", "backend", "mlflow", "prometheus", "temporal"]
    wait_for(lambda: scraped() == wanted, 60, scraped)


@pytest.mark.parametrize(
    ("pod", "closed_to"),
    [
        ("deployment/mlflow", ["redis:6379", "temporal:7233", "backend:8000"]),
        ("deployment/backend", ["prometheus:9090", "frontend:3000"]),
    ],
)
def test_a_component_reaches_only_what_it_needs(pod: str, closed_to: list[str]) -> None:
    command = ["kubectl", "exec", "-n", "platform", pod, "--", "python", "-c", CONNECT]
    found = json.loads(run([*command, *OUTSIDE, *closed_to]).stdout)
    assert found == dict.fromkeys(OUTSIDE, True) | dict.fromkeys(closed_to, False)


def test_a_trainer_reaches_the_backend_and_the_store_and_nothing_else(
    api: Api, dataset_id: str
) -> None:
    job_id = submit(api, dataset_id, epochs=500)
    api.wait_epoch(job_id, 0, seconds=180)
    [job] = get("jobs", f"trainyard.dev/job={job_id}")
    assert job["metadata"]["name"] == f"train-{job_id}-1"
    store, database = OUTSIDE
    needed = ["backend:8000", store]
    denied = [database, "backend-public:8080", "redis:6379", "mlflow:5000"]
    command = ["kubectl", "exec", "-n", "platform", f"job/{job['metadata']['name']}", "--"]
    found = json.loads(run([*command, "python", "-c", CONNECT, *needed, *denied]).stdout)
    api.post(f"/api/v1/jobs/{job_id}/cancel").raise_for_status()
    assert found == dict.fromkeys(needed, True) | dict.fromkeys(denied, False)
    assert api.wait(job_id, seconds=60)["cause"] == "cancelled"
