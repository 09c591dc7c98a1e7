"""References between objects are right: selectors, ports, ConfigMaps, Secrets, accounts, roles, checksums."""

import hashlib
import json

import pytest
from chart import Manifest, Pod, Rendered, overlay, tier
from chart.cases import case

STANDARD_LABELS = {
    "app",
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/part-of",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/version",
    "helm.sh/chart",
}
# Mounted without checksum: Grafana rereads dashboards every minute.
READ_AGAIN = {"grafana-dashboards"}
KEYS = {
    "database": {"backend-password", "mlflow-password", "temporal-password"},
    "redis": {"redis-password"},
    "objectStore": {
        "access-key-id",
        "secret-access-key",
        "mlflow-access-key-id",
        "mlflow-secret-access-key",
    },
    "minio": {"root-user", "root-password"},
    "mlflow": {"mlflow-admin-password"},
    "grafana": {"grafana-password"},
}


def matches(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return selector.items() <= labels.items()


def secret_references(pod: Pod) -> set[tuple[str, str]]:
    variables = {
        (item["valueFrom"]["secretKeyRef"]["name"], item["valueFrom"]["secretKeyRef"]["key"])
        for container in pod.containers
        for item in container.get("env", [])
        if "secretKeyRef" in item.get("valueFrom", {})
    }
    files = {
        (volume["secret"]["secretName"], item["key"])
        for volume in pod.spec.get("volumes", [])
        for item in volume.get("secret", {}).get("items", [])
    }
    return variables | files


def test_labels(item: Manifest) -> None:
    labels = item["metadata"]["labels"]
    assert set(labels) == STANDARD_LABELS
    assert labels["app"] == labels["app.kubernetes.io/name"]


def test_pod_labels_survive_a_new_chart_version(pod: Pod) -> None:
    assert not any("chart" in key or "version" in key for key in pod.labels)


def test_services_select_pods_and_their_ports(rendered: Rendered) -> None:
    for service in rendered.kind("Service"):
        if service["metadata"]["name"] == "trainer-peers":  # of pods that the backend makes
            continue
        selected = [
            pod for pod in rendered.pods() if matches(service["spec"]["selector"], pod.labels)
        ]
        assert len({pod.owner for pod in selected}) == 1, service["metadata"]["name"]
        named = {
            port["name"]
            for container in selected[0].containers
            for port in container.get("ports", [])
        }
        for port in service["spec"]["ports"]:
            assert port["targetPort"] in named


def test_only_nodes_that_train_together_have_names(rendered: Rendered) -> None:
    spec = rendered.get("Service", "trainer-peers")["spec"]
    assert spec["selector"] == {"trainyard.dev/peers": "true"}
    assert (spec["clusterIP"], spec["publishNotReadyAddresses"]) == ("None", True)
    assert not any("trainyard.dev/peers" in pod.labels for pod in rendered.pods())


def test_port_names_are_unique_in_a_pod(pod: Pod) -> None:
    ports = [port for container in pod.containers for port in container.get("ports", [])]
    assert len({port["name"] for port in ports}) == len(ports)
    assert len({port["containerPort"] for port in ports}) == len(ports)


def test_config_maps_exist(rendered: Rendered) -> None:
    there = {item["metadata"]["name"] for item in rendered.kind("ConfigMap")}
    used = {
        volume["configMap"]["name"]
        for pod in rendered.pods()
        for volume in pod.spec.get("volumes", [])
        if "configMap" in volume
    }
    assert used == there


def test_secrets_exist_or_are_declared(rendered: Rendered) -> None:
    made = {
        (s["metadata"]["name"], key) for s in rendered.kind("Secret") for key in s["stringData"]
    }
    declared = {
        (name, key)
        for concern, name in (overlay("tier3")["secrets"] | {"minio": "platform-minio"}).items()
        for key in KEYS[concern]
    }
    used = set().union(*(secret_references(pod) for pod in rendered.pods()))
    assert used <= (made or declared)
    if made:
        unused = {key for _, key in made} - {key for _, key in used}
        assert unused <= {"grafana-password"}  # with Grafana off


def test_declared_secret_keys_are_all_used() -> None:
    used = set().union(*(secret_references(pod) for pod in tier("tier3").pods()))
    declared = set().union(*(KEYS[concern] for concern in overlay("tier3")["secrets"]))
    assert {key for _, key in used} == declared


def test_service_accounts_and_roles(rendered: Rendered) -> None:
    accounts = {item["metadata"]["name"] for item in rendered.kind("ServiceAccount")}
    used = {
        pod.spec["serviceAccountName"]
        for pod in rendered.pods()
        if "serviceAccountName" in pod.spec
    }
    assert used == accounts
    roles = {item["metadata"]["name"] for item in rendered.kind("Role")}
    for binding in rendered.kind("RoleBinding"):
        assert binding["roleRef"]["name"] in roles
        assert {subject["name"] for subject in binding["subjects"]} <= accounts
    assert not rendered.kind("ClusterRole", "ClusterRoleBinding")


def test_scaling_and_budgets_select_what_is_there(rendered: Rendered) -> None:
    deployments = {item["metadata"]["name"]: item for item in rendered.kind("Deployment")}
    scaled = {
        item["spec"]["scaleTargetRef"]["name"] for item in rendered.kind("HorizontalPodAutoscaler")
    }
    assert scaled <= set(deployments)
    for name, deployment in deployments.items():
        # Fields that controllers own are not rendered, so Argo CD need not ignore any.
        assert ("replicas" in deployment["spec"]) == (name not in scaled)
    for budget in rendered.kind("PodDisruptionBudget"):
        name = budget["spec"]["selector"]["matchLabels"]["app"]
        assert name in scaled or deployments[name]["spec"]["replicas"] > 1


def test_routes_point_at_services(rendered: Rendered) -> None:
    services = {
        item["metadata"]["name"]: item["spec"]["ports"] for item in rendered.kind("Service")
    }
    for item in rendered.kind("Ingress"):
        for rule in item["spec"]["rules"]:
            assert rule["host"] in item["spec"]["tls"][0]["hosts"]
            for path in rule["http"]["paths"]:
                service = path["backend"]["service"]
                assert service["port"]["name"] in {
                    port["name"] for port in services[service["name"]]
                }
    for item in rendered.kind("HTTPRoute"):
        for rule in item["spec"]["rules"]:
            for target in rule["backendRefs"]:
                assert target["port"] in {port["port"] for port in services[target["name"]]}


def test_a_changed_config_map_rolls_the_pods_that_mount_it(rendered: Rendered) -> None:
    config = {item["metadata"]["name"]: item["data"] for item in rendered.kind("ConfigMap")}
    for pod in rendered.pods():
        mounted = {v["configMap"]["name"] for v in pod.spec.get("volumes", []) if "configMap" in v}
        sums = {
            key.removeprefix("checksum/"): value
            for key, value in pod.annotations.items()
            if "checksum/" in key
        }
        assert set(sums) == mounted - READ_AGAIN, pod.owner
        for name, value in sums.items():
            canonical = json.dumps(
                config[name], sort_keys=True, separators=(",", ":"), ensure_ascii=False
            )
            for character in "<>&":  # as Go writes JSON
                canonical = canonical.replace(character, f"\\u{ord(character):04x}")
            assert value == hashlib.sha256(canonical.encode()).hexdigest(), (pod.owner, name)


@pytest.mark.parametrize(
    ("change", "rolled"),
    [
        ("configured", {"Deployment/backend", "Deployment/mlflow", "StatefulSet/postgres"}),
        ("no-grafana", {"Deployment/frontend"}),  # loses its link
        ("storage-class", set()),
    ],
)
def test_a_change_rolls_only_what_reads_it(change: str, rolled: set[str]) -> None:
    before = {pod.owner: pod for pod in tier("tier2").pods() if not pod.owner.startswith("Job/")}
    after = {pod.owner: pod for pod in case(change).pods() if not pod.owner.startswith("Job/")}
    assert {owner for owner, pod in after.items() if pod != before[owner]} == rolled
