"""Network policies deny what is not needed; the other tests show what is allowed."""

import json

import pytest
from support.cluster import CONNECT, run


@pytest.mark.parametrize(
    ("pod", "open_to", "closed_to"),
    [
        (
            "mlflow",
            ["postgres:5432", "minio:9000"],
            ["redis:6379", "temporal:7233", "backend:8000", "backend-public:8080"],
        ),
        (
            "backend",
            ["postgres:5432", "redis:6379", "temporal:7233"],
            ["prometheus:9090", "frontend:3000"],
        ),
    ],
)
def test_a_component_reaches_only_what_it_needs(
    pod: str, open_to: list[str], closed_to: list[str]
) -> None:
    command = ["kubectl", "exec", "-n", "platform", f"deployment/{pod}", "--"]
    found = json.loads(run([*command, "python", "-c", CONNECT, *open_to, *closed_to]).stdout)
    assert found == dict.fromkeys(open_to, True) | dict.fromkeys(closed_to, False)


def test_a_pod_of_another_namespace_reaches_nothing() -> None:
    backends = ["backend.platform:8000", "backend-public.platform:8080"]
    addresses = [*backends, "postgres.platform:5432", "minio.platform:9000"]
    command = (
        "kubectl run outsider -n default --image=backend:latest --image-pull-policy=IfNotPresent"
    )
    options = "--restart=Never --rm --attach --quiet --command --"
    found = run([*command.split(), *options.split(), "python", "-c", CONNECT, *addresses])
    assert json.loads(found.stdout) == dict.fromkeys(addresses, False)
