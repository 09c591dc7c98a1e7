"""Every pod meets Pod Security's profile "restricted", has limits and probes, and no API token unless needed."""

import re

import pytest
import yaml
from chart import OVERLAYS, TIERS, Manifest, Pod, Rendered, tier

WITH_TOKEN = {"backend": {"backend"}, "prometheus": {"prometheus"}}  # app: containers
# Volume types that the profile admits and this chart uses.
VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"


def test_restricted(pod: Pod) -> None:
    context = pod.spec["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] > 0
    assert context["runAsGroup"] > 0
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC", "hostAliases"} & pod.spec.keys()
    for container in pod.containers:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert not any("hostPort" in port for port in container.get("ports", []))


def test_volumes(pod: Pod) -> None:
    for volume in pod.spec.get("volumes", []):
        (kind,) = set(volume) - {"name"}
        assert kind in VOLUMES
        if kind == "secret":  # these keys of it, and no other
            assert volume["secret"]["items"], volume["name"]
        if kind == "emptyDir":
            # A training's shared memory counts as its own, and goes with it.
            is_own = (pod.owner, volume["name"]) == ("Job/training", "shm")
            assert is_own or volume["emptyDir"]["sizeLimit"], volume["name"]


def test_every_volume_is_mounted_and_every_mount_is_a_volume(
    pod: Pod, request: pytest.FixtureRequest
) -> None:
    volumes = {volume["name"] for volume in pod.spec.get("volumes", [])}
    if pod.owner.startswith("StatefulSet/"):
        volumes |= {"data"}
    mounts = {
        mount["name"] for container in pod.containers for mount in container.get("volumeMounts", [])
    }
    assert mounts == volumes


def test_mounts_of_configuration_are_read_only(pod: Pod) -> None:
    fixed = {v["name"] for v in pod.spec.get("volumes", []) if not {"emptyDir"} & v.keys()}
    for container in pod.containers:
        for mount in container.get("volumeMounts", []):
            assert mount.get("readOnly", False) == (mount["name"] in fixed)


def test_no_token_by_default(pod: Pod) -> None:
    assert pod.spec["automountServiceAccountToken"] is False
    assert pod.spec["enableServiceLinks"] is False


def test_token_only_where_it_is_used(pod: Pod) -> None:
    """Per container: the launcher in the backend's pod runs trainers' code and gets no token."""
    holders = {
        container["name"]
        for container in pod.containers
        for mount in container.get("volumeMounts", [])
        if mount["mountPath"].startswith(TOKEN_PATH)
    }
    assert holders == WITH_TOKEN.get(pod.labels["app"], set())


def test_resources(pod: Pod) -> None:
    for container in pod.containers:
        resources = container["resources"]
        assert set(resources["requests"]) >= {"cpu", "memory"}, container["name"]
        assert set(resources["limits"]) >= {"cpu", "memory"}, container["name"]


def test_probes(pod: Pod) -> None:
    if pod.owner.startswith("Job/"):
        return
    for container in pod.spec["containers"]:
        # Without its launcher, the API must stay in its Service: trainings call it back.
        assert ("readinessProbe" in container) == (container["name"] != "launcher")
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            if "httpGet" in container.get(probe, {}):
                ports = {port["name"] for port in container["ports"]}
                assert container[probe]["httpGet"]["port"] in ports


def test_a_starved_machine_restarts_nothing(rendered: Rendered) -> None:
    """Who has too little CPU answers late, and a restart takes more of it."""
    probes = {
        container["name"]: container["livenessProbe"]
        for pod in rendered.pods()
        for container in pod.spec["containers"]
        if "livenessProbe" in container
    }
    # What can hang without an end of its own.
    assert {"backend"} <= probes.keys() <= {"backend", "launcher", "mlflow"}
    for probe in probes.values():
        assert probe["timeoutSeconds"] >= 20
        assert probe["periodSeconds"] * probe["failureThreshold"] >= 300


def test_the_log_of_a_job_that_failed_stays(rendered: Rendered) -> None:
    """At its last failure a pod that restarts by itself is deleted."""
    for job in rendered.kind("Job"):
        assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"


def test_liveness_of_the_backend_never_asks_the_database(rendered: Rendered) -> None:
    backend = rendered.pod("Deployment/backend").spec["containers"][0]
    assert backend["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert "GET /readyz/once " in backend["readinessProbe"]["exec"]["command"][-1]


def test_writes_only_where_it_may(pod: Pod) -> None:
    """With a read-only root, HOME must be a volume."""
    for container in pod.containers:
        mounts = {mount["mountPath"] for mount in container.get("volumeMounts", [])}
        for item in container.get("env", []):
            if item["name"] == "HOME":
                assert item["value"] in mounts


def test_images_have_exact_tags(rendered: Rendered) -> None:
    development = "development-passwords" in {
        item["metadata"]["name"] for item in rendered.kind("Secret")
    }
    own = {"backend:latest", "frontend:latest", "trainer-ultralytics:latest"}
    for pod in rendered.pods():
        for container in pod.containers:
            image = container["image"]
            tag = image.split("@")[0].rsplit("/", 1)[-1].partition(":")[2]
            assert tag, image
            # The one exception: the platform's own images in tiers 1 and 2, which are built locally.
            assert tag != "latest" or (development and image in own), image
            assert container["imagePullPolicy"] == "IfNotPresent"


def test_secrets_by_reference_only(item: Manifest) -> None:
    """No password in an environment, an argument or a ConfigMap: only the Secret of tiers 1 and 2, whose values name themselves insecure."""
    if item["kind"] == "Secret":
        assert item["metadata"]["name"] == "development-passwords"
        assert all("insecure-development" in value for value in item["stringData"].values())
        return
    assert "insecure-development" not in str(item)
    for name, value in re.findall(
        r"'name': '(\w*(?:PASSWORD|SECRET|TOKEN|PWD)\w*)', 'value': '([^']*)'", str(item)
    ):
        assert value.startswith("$("), name


@pytest.mark.parametrize("name", TIERS)
def test_no_host_path_but_the_live_source(name: str) -> None:
    """Pod Security forbids hostPath volumes; tier 1's working tree is a PersistentVolume that the pod claims."""
    assert "hostPath" not in str(
        [item for item in tier(name).objects if item["kind"] != "PersistentVolume"]
    )
    volumes = tier(name).kind("PersistentVolume")
    assert [item["metadata"]["name"] for item in volumes] == (
        ["trainer-source"] if name == "tier1" else []
    )
    for volume in volumes:
        claim = tier(name).get("PersistentVolumeClaim", "trainer-source")
        assert claim["spec"]["volumeName"] == volume["metadata"]["name"]
        assert claim["spec"]["storageClassName"] == volume["spec"]["storageClassName"] == ""
        assert volume["spec"]["claimRef"]["name"] == claim["metadata"]["name"]


def test_namespace_enforces_restricted_everywhere() -> None:
    """The same labels by kustomize, by each Application and by the ApplicationSet."""
    expected = {
        f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")
    }
    namespace = yaml.safe_load((OVERLAYS / "namespace" / "namespace.yaml").read_text())
    assert namespace["metadata"]["name"] == "platform"
    assert namespace["metadata"]["labels"] == expected
    for path in OVERLAYS.rglob("application*.yaml"):
        spec = yaml.safe_load(path.read_text())["spec"]
        policy = spec.get("template", {}).get("spec", spec)["syncPolicy"]
        assert policy["managedNamespaceMetadata"]["labels"] == expected, path
