"""The platform's public interface: names, labels, ports, addresses and variables that users' commands rely on."""

import pytest
import yaml
from chart import NAMESPACE, ROOT, TIERS, loaded_chart, overlay, render, tier

PORTS = {
    ("backend-public", 8080): 30080,
    ("frontend", 3000): 30300,
    ("minio", 9000): 30900,
    ("minio", 9001): 30901,
    ("mlflow", 5000): 30500,
    ("prometheus", 9090): 30090,
    ("grafana", 3000): 30030,
    ("temporal-ui", 8080): 30233,
}

MINIO = "http://minio.platform.svc.cluster.local:9000"
BACKEND = "http://backend.platform.svc.cluster.local:8000"
ENVIRONMENT = {
    "tier1": {"TRAINING_MODE": "subprocess", "BACKEND_URL": BACKEND, "MINIO_ENDPOINT": MINIO},
    "tier2": {"TRAINING_MODE": "kubernetes", "BACKEND_URL": BACKEND, "MINIO_ENDPOINT": MINIO},
    "tier3": {
        "TRAINING_MODE": "kubernetes",
        "BACKEND_URL": BACKEND,
        "R2_ENDPOINT": "https://your-account.r2.cloudflarestorage.com",
    },
}

PODS = {
    "Deployment/backend",
    "Deployment/frontend",
    "Deployment/grafana",
    "Deployment/mlflow",
    "Deployment/redis",
    "Deployment/temporal",
    "Deployment/temporal-ui",
    "StatefulSet/minio",
    "StatefulSet/postgres",
    "StatefulSet/prometheus",
}
COMPONENTS = {
    "tier1": PODS,
    "tier2": PODS,
    "tier3": PODS - {"StatefulSet/minio", "StatefulSet/postgres"},
}


def environment(name: str) -> dict[str, str]:
    backend = tier(name).pod("Deployment/backend").spec["containers"][0]
    return {item["name"]: item.get("value", "") for item in backend["env"]}


@pytest.mark.parametrize("name", TIERS)
def test_components(name: str) -> None:
    owners = {pod.owner for pod in tier(name).pods() if not pod.owner.startswith("Job/")}
    assert owners == COMPONENTS[name]


@pytest.mark.parametrize("name", ["tier1", "tier2"])
def test_node_ports(name: str) -> None:
    found = {
        (service["metadata"]["name"], port["port"]): port["nodePort"]
        for service in tier(name).kind("Service")
        for port in service["spec"]["ports"]
        if "nodePort" in port
    }
    assert found == PORTS


def test_kind_maps_the_node_ports_and_mounts_the_source() -> None:
    (node,) = yaml.safe_load((ROOT / "ci" / "kind.yaml").read_text())["nodes"]
    mapped = {item["containerPort"]: item["hostPort"] for item in node["extraPortMappings"]}
    assert mapped == {port: port for port in PORTS.values()}
    (mount,) = node["extraMounts"]
    path = tier("tier1").get("PersistentVolume", "trainer-source")["spec"]["hostPath"]["path"]
    below = path.removeprefix(f"{mount['containerPath']}/")
    assert (ROOT / mount["hostPath"] / below / "src" / "trainer" / "__main__.py").is_file()


def test_no_node_port_in_production() -> None:
    assert {service["spec"]["type"] for service in tier("tier3").kind("Service")} == {"ClusterIP"}


@pytest.mark.parametrize("name", TIERS)
def test_environment(name: str) -> None:
    found = environment(name)
    assert {key: found.get(key) for key in ENVIRONMENT[name]} == ENVIRONMENT[name]
    assert ("MINIO_ENDPOINT" in found) != ("R2_ENDPOINT" in found)


def test_the_image_of_the_page_is_led_to_the_api_by_itself() -> None:
    page = tier("tier1").pod("Deployment/frontend").spec["containers"][0]
    (led,) = (item["value"] for item in page["env"] if item["name"] == "BACKEND_URL")
    assert f"BACKEND_URL={led} \\\n" in (ROOT / "apps/frontend/Dockerfile").read_text()


@pytest.mark.parametrize("name", TIERS)
def test_namespace(name: str) -> None:
    namespaces = {
        item["metadata"].get("namespace")
        for item in tier(name).objects
        if item["kind"] != "PersistentVolume"
    }
    assert namespaces == {NAMESPACE}


@pytest.mark.parametrize("name", TIERS)
def test_app_labels(name: str) -> None:
    """`kubectl ... -l app=backend`: the object, its pods and its selector agree."""
    for item in tier(name).kind("Deployment", "StatefulSet"):
        app = item["metadata"]["name"]
        assert item["metadata"]["labels"]["app"] == app
        assert item["spec"]["selector"]["matchLabels"] == {"app": app}
        assert item["spec"]["template"]["metadata"]["labels"]["app"] == app


@pytest.mark.parametrize("name", TIERS)
def test_wait_for_backend_never_meets_a_finished_pod(name: str) -> None:
    """`kubectl wait --for=condition=ready pod -l app=backend`: pods of Jobs are never ready."""
    jobs = {pod.labels["app"] for pod in tier(name).pods() if pod.owner.startswith("Job/")}
    long_lived = {
        pod.labels["app"] for pod in tier(name).pods() if not pod.owner.startswith("Job/")
    }
    assert not jobs & long_lived


@pytest.mark.parametrize(
    "command", ["backend 30080:8000", "frontend 30300:3000", "minio 30900:9000"]
)
def test_port_forward(command: str) -> None:
    service, ports = command.split()
    offered = tier("tier1").get("Service", service)["spec"]["ports"]
    assert int(ports.split(":")[1]) in {port["port"] for port in offered}


def test_switch_to_kubernetes_by_set_env() -> None:
    """`kubectl set env deployment/backend TRAINING_MODE=kubernetes`: tier 1 has all that Jobs need."""
    first, second = tier("tier1"), tier("tier2")
    for kind, name in [
        ("Role", "backend"),
        ("RoleBinding", "backend"),
        ("ServiceAccount", "trainer"),
        ("NetworkPolicy", "trainer"),
        ("ConfigMap", "trainer-job"),
    ]:
        assert first.get(kind, name) == second.get(kind, name)
    variable = first.pod("Deployment/backend").spec["containers"][0]["env"][0]
    assert variable == {"name": "TRAINING_MODE", "value": "subprocess"}


def test_logs_of_trainings() -> None:
    """`kubectl logs deployment/backend -f` shows the first container, which relays the trainers' lines."""
    names = [item["name"] for item in tier("tier1").pod("Deployment/backend").spec["containers"]]
    assert names == ["backend", "launcher"]


def test_names_ignore_release_and_namespace() -> None:
    other = loaded_chart().render(overlay("tier2"), name="other", namespace="elsewhere")
    text = other["platform/templates/backend/service.yaml"]
    assert "name: backend\n" in text
    assert "other-" not in text
    assert render(overlay("tier2")).files["backend/service.yaml"].count("elsewhere") == 0
