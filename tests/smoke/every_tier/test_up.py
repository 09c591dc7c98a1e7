"""The platform right after its installation."""

from collections.abc import Callable

import httpx
import pytest
from support.api import Api
from support.cluster import PROMETHEUS_URL, get, ready, restarts, run, serving
from support.waiting import wait_for

COMPONENTS = {
    "backend", "frontend", "minio", "mlflow", "postgres", "prometheus", "redis", "temporal", "temporal-ui",
}  # fmt: skip


def test_every_pod_is_ready_and_was_never_restarted() -> None:
    pods = serving()
    assert {pod["metadata"]["labels"]["app"] for pod in pods} >= COMPONENTS
    assert [pod["metadata"]["name"] for pod in pods if not ready(pod)] == []
    assert restarts() == {}


def test_every_setup_job_has_succeeded() -> None:
    jobs = get("jobs", "app.kubernetes.io/part-of=platform,app!=trainer")
    assert {job["metadata"]["labels"]["app"] for job in jobs} == {
        "backend-migrate", "minio-buckets", "temporal-namespace", "temporal-schema",
    }  # fmt: skip
    assert [job["metadata"]["name"] for job in jobs if not job["status"].get("succeeded")] == []


def test_pod_security_is_enforced() -> None:
    refused = run("kubectl run intruder -n platform --image=backend:latest", check=False)
    assert 'violates PodSecurity "restricted' in refused.stderr


def test_the_documented_wait_works() -> None:
    run("kubectl wait --for=condition=ready pod -l app=backend -n platform --timeout=300s")


def test_the_backend_reaches_its_dependencies(api: Api) -> None:
    checks = api.get("/readyz").json()["checks"]
    assert set(checks) >= {"database", "store", "temporal"}
    assert set(checks.values()) == {"ok"}


def test_prometheus_scrapes_everything_and_has_loaded_its_rules() -> None:
    with httpx.Client(base_url=f"{PROMETHEUS_URL}/api/v1") as prometheus:

        def down() -> dict[str, str]:
            targets = prometheus.get("/targets").json()["data"]["activeTargets"]
            assert {item["labels"]["job"] for item in targets} >= {
                "backend", "minio", "mlflow", "prometheus", "temporal",
            }  # fmt: skip
            return {
                item["scrapeUrl"]: item["lastError"] for item in targets if item["health"] != "up"
            }

        wait_for(
            lambda: not down(), 60, down
        )  # a pod that has just come is scraped within the interval
        groups = prometheus.get("/rules").json()["data"]["groups"]
    assert {group["name"] for group in groups} == {"platform", "training"}
    assert {rule["health"] for group in groups for rule in group["rules"]} == {"ok"}


@pytest.mark.parametrize(
    ("service", "ports", "path", "says"),
    [
        ("backend", "30080:8000", "/healthz", '"ok"'),
        ("frontend", "30300:3000", "/", "<title>Trainyard"),
        ("minio", "30900:9000", "/minio/health/ready", ""),
    ],
)
def test_the_documented_port_forwards_work(
    service: str, ports: str, path: str, says: str, port_forward: Callable[[str, str], str]
) -> None:
    address = port_forward(f"svc/{service}", ports)
    reply = httpx.get(f"http://{address}{path}")
    assert reply.status_code == 200
    assert says in reply.text
