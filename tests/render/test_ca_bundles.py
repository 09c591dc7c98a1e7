"""CA bundles: with one, every container that connects verifies the server's certificate; without, none does."""

from typing import Any

import pytest
from chart import CHART, Pod, tier
from chart.cases import case

FILES = {
    "database": "/etc/platform/ca-bundles/database/ca.crt",
    "object-store": "/etc/platform/ca-bundles/object-store/ca.crt",
}
# Read by libpq and asyncpg, Temporal's server, Temporal's tools; AWS SDKs, Python's HTTP clients.
VARIABLES = {
    "database": {"PGSSLROOTCERT", "SQL_CA", "SQL_TLS_CA_FILE"},
    "object-store": {"AWS_CA_BUNDLE", "SSL_CERT_FILE"},
}
CHECKS = {
    "database": {
        "Deployment/backend backend", "Deployment/mlflow mlflow", "Deployment/mlflow upgrade-schema", "Deployment/temporal temporal",
        "Deployment/temporal wait-for-schema", "Job/backend-migrate migrate", "Job/temporal-schema mark-schema",
        "Job/temporal-schema schema",
    },
    "object-store": {
        "Deployment/backend backend", "Deployment/mlflow mlflow", "Job/training trainer",
    },
}  # fmt: skip


def variables(container: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item.get("value", "") for item in container.get("env", [])}


@pytest.mark.parametrize("of", FILES)
def test_every_container_that_connects_has_the_bundle(of: str) -> None:
    found = {
        f"{pod.owner} {container['name']}"
        for pod in case("ca-bundles").pods()
        for container in pod.containers
        if FILES[of] in {variables(container).get(name) for name in VARIABLES[of]}
    }
    assert found == CHECKS[of]


def test_bundles_are_mounted_where_variables_point() -> None:
    for pod in case("ca-bundles").pods():
        for container in pod.containers:
            folders = {mount["mountPath"] for mount in container.get("volumeMounts", [])}
            for value in variables(container).values():
                if value.endswith("/ca.crt"):
                    assert value.removesuffix("/ca.crt") in folders, (pod.owner, container["name"])


def test_bundles_come_from_the_named_config_maps() -> None:
    def sources(pod: Pod) -> dict[str, str]:
        return {
            volume["name"]: volume["projected"]["sources"][0]["configMap"]["name"]
            for volume in pod.spec["volumes"]
            if volume["name"].endswith("-ca-bundle")
        }

    both = {"database-ca-bundle": "database-ca", "object-store-ca-bundle": "store-ca"}
    assert sources(case("ca-bundles").pod("Deployment/backend")) == both


def test_the_database_s_host_name_is_verified() -> None:
    rendered = case("ca-bundles")
    text = str([pod.spec for pod in rendered.pods()])
    assert "sslmode=verify-full" in text
    assert "ssl=verify-full" in text
    assert "'require'" not in text
    assert "=require" not in text
    temporal = rendered.pod("Deployment/temporal").spec["containers"][0]
    assert variables(temporal)["SQL_HOST_VERIFICATION"] == "true"
    schema = rendered.pod("Job/temporal-schema").containers[1]
    assert "SQL_TLS_DISABLE_HOST_VERIFICATION" not in variables(schema)


def test_without_a_bundle_there_is_tls_without_verification() -> None:
    rendered = tier("tier3")
    text = str([pod.spec for pod in rendered.pods()])
    assert "ca-bundle" not in text
    assert not any(name in text for names in VARIABLES.values() for name in names)
    assert "sslmode=require" in text


def test_the_launcher_s_trainings_have_the_bundle() -> None:
    backend = case("launcher-with-ca-bundle").pod("Deployment/backend")
    (launcher,) = [item for item in backend.containers if item["name"] == "launcher"]
    assert variables(launcher)["AWS_CA_BUNDLE"] == FILES["object-store"]


@pytest.mark.parametrize("name", ["Deployment/mlflow", "Job/training"])
def test_no_checksum_that_r2_refuses_is_sent(name: str) -> None:
    """The backend and the Ultralytics trainer configure boto3 themselves; MLflow and other trainers read variables."""
    found = variables(tier("tier3").pod(name).spec["containers"][0])
    assert found["AWS_REQUEST_CHECKSUM_CALCULATION"] == "when_required"
    assert found["AWS_RESPONSE_CHECKSUM_VALIDATION"] == "when_required"


def test_the_chart_makes_no_bundle() -> None:
    assert "ca.crt:" not in "".join(case("ca-bundles").files.values())
    assert not list(CHART.rglob("*.crt"))
