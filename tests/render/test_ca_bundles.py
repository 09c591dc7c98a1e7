"""Certificate authorities of the installation's own: every container that opens a connection checks against them, or none does."""

from typing import Any

import pytest
from chart import CHART, Pod, tier
from chart.cases import case

FILES = {
    "database": "/etc/platform/authorities/database/ca.crt",
    "object-store": "/etc/platform/authorities/object-store/ca.crt",
}
# By whose library the file is read: libpq and asyncpg, Temporal's server, Temporal's tools; AWS SDKs, Python's HTTP clients.
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
def test_every_container_that_connects_has_the_authorities(of: str) -> None:
    found = {
        f"{pod.owner} {container['name']}"
        for pod in case("own-authorities").pods()
        for container in pod.containers
        if FILES[of] in {variables(container).get(name) for name in VARIABLES[of]}
    }
    assert found == CHECKS[of]


def test_what_a_variable_names_is_mounted() -> None:
    for pod in case("own-authorities").pods():
        for container in pod.containers:
            folders = {mount["mountPath"] for mount in container.get("volumeMounts", [])}
            for value in variables(container).values():
                if value.endswith("/ca.crt"):
                    assert value.removesuffix("/ca.crt") in folders, (pod.owner, container["name"])


def test_they_come_from_the_config_maps_that_were_named() -> None:
    def sources(pod: Pod) -> dict[str, str]:
        return {
            volume["name"]: volume["projected"]["sources"][0]["configMap"]["name"]
            for volume in pod.spec["volumes"]
            if volume["name"].endswith("-authority")
        }

    both = {"database-authority": "database-ca", "object-store-authority": "store-ca"}
    assert sources(case("own-authorities").pod("Deployment/backend")) == both


def test_the_database_s_certificate_is_checked_with_its_host_name() -> None:
    rendered = case("own-authorities")
    text = str([pod.spec for pod in rendered.pods()])
    assert "sslmode=verify-full" in text
    assert "ssl=verify-full" in text
    assert "'require'" not in text
    assert "=require" not in text
    temporal = rendered.pod("Deployment/temporal").spec["containers"][0]
    assert variables(temporal)["SQL_HOST_VERIFICATION"] == "true"
    schema = rendered.pod("Job/temporal-schema").containers[1]
    assert "SQL_TLS_DISABLE_HOST_VERIFICATION" not in variables(schema)


def test_without_them_there_is_tls_but_no_check() -> None:
    rendered = tier("tier3")
    text = str([pod.spec for pod in rendered.pods()])
    assert "authorit" not in text
    assert not any(name in text for names in VARIABLES.values() for name in names)
    assert "sslmode=require" in text


def test_the_launcher_s_trainings_check_too() -> None:
    backend = case("launcher-with-own-authority").pod("Deployment/backend")
    (launcher,) = [item for item in backend.containers if item["name"] == "launcher"]
    assert variables(launcher)["AWS_CA_BUNDLE"] == FILES["object-store"]


@pytest.mark.parametrize("name", ["Deployment/mlflow", "Job/training"])
def test_no_checksum_is_sent_that_r2_refuses(name: str) -> None:
    """The backend and its trainer say so themselves; MLflow and other trainers have boto3's defaults."""
    found = variables(tier("tier3").pod(name).spec["containers"][0])
    assert found["AWS_REQUEST_CHECKSUM_CALCULATION"] == "when_required"
    assert found["AWS_RESPONSE_CHECKSUM_VALIDATION"] == "when_required"


def test_the_config_maps_are_not_the_chart_s() -> None:
    assert "ca.crt:" not in "".join(case("own-authorities").files.values())
    assert not list(CHART.rglob("*.crt"))
