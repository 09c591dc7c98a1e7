"""Requirements of Argo CD and of upgrades in place, each verified with a real Argo CD."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart import (
    OVERLAYS,
    ROOT,
    TIERS,
    Manifest,
    Rendered,
    loaded_chart,
    merged,
    overlay,
    plain_name,
    render,
    tier,
)

IMMUTABLE = Path(__file__).parent / "immutable.json"
WAVES = {
    -2: {"default-deny", "development-passwords", "dns", "minio", "postgres", "redis"},
    -1: {"backend-migrate", "minio-buckets", "temporal-schema"},
    1: {"temporal-namespace"},
}


def wave(item: Manifest) -> int:
    return int(item["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"])


def test_waves(rendered: Rendered) -> None:
    """Stores, then migrations, then the rest."""
    of = {name: number for number, names in WAVES.items() for name in names}
    for item in rendered.objects:
        assert wave(item) == of.get(plain_name(item), 0), plain_name(item)


def test_claims_are_in_the_wave_of_their_pod(rendered: Rendered) -> None:
    """Under WaitForFirstConsumer, a claim in an earlier wave waits for ever."""
    for claim in rendered.kind("PersistentVolumeClaim", "PersistentVolume"):
        assert wave(claim) == wave(rendered.get("Deployment", "backend"))


def test_claim_templates_name_their_kind(rendered: Rendered) -> None:
    """Otherwise the StatefulSet stays OutOfSync and is synced for ever."""
    for item in rendered.kind("StatefulSet"):
        for claim in item["spec"]["volumeClaimTemplates"]:
            assert (claim["apiVersion"], claim["kind"]) == ("v1", "PersistentVolumeClaim")


def test_jobs_are_hooks(rendered: Rendered) -> None:
    for job in rendered.kind("Job"):
        annotations = job["metadata"]["annotations"]
        assert annotations["argocd.argoproj.io/hook"] == "Sync"
        assert "BeforeHookCreation" in annotations["argocd.argoproj.io/hook-delete-policy"]
        assert not any(key.startswith("helm.sh/hook") for key in annotations)


def test_jobs_are_called_by_their_content() -> None:
    """A Job cannot be changed: a new spec is a new Job, an equal spec the same Job."""
    before = {plain_name(job): job for job in tier("tier2").kind("Job")}
    newer = render(overlay("tier2"), {"temporal": {"adminTools": {"tag": "1.33.0"}}})
    for name, job in {plain_name(job): job for job in newer.kind("Job")}.items():
        same_spec = job["spec"] == before[name]["spec"]
        assert (job["metadata"]["name"] == before[name]["metadata"]["name"]) == same_spec
        assert re.fullmatch(rf"{name}-[0-9a-f]{{8}}", job["metadata"]["name"])
    assert newer.get("Job", "temporal-schema")["spec"] != before["temporal-schema"]["spec"]
    assert newer.get("Job", "backend-migrate")["spec"] == before["backend-migrate"]["spec"]


def immutable(item: Manifest) -> Any:
    """Fields of an object that the API server refuses to change."""
    spec = item.get("spec", {})
    match item["kind"]:
        case "Deployment":
            return {"selector": spec["selector"]}
        case "StatefulSet":
            changeable = {
                "replicas",
                "template",
                "updateStrategy",
                "persistentVolumeClaimRetentionPolicy",
                "minReadySeconds",
            }
            return {key: value for key, value in spec.items() if key not in changeable}
        case "PersistentVolume" | "PersistentVolumeClaim":
            return spec
        case "RoleBinding":
            return {"roleRef": item["roleRef"]}
        case "Secret":
            return {"type": item["type"]}
        case _:
            return None


@pytest.mark.parametrize("name", TIERS)
def test_immutable_fields_are_pinned(name: str) -> None:
    """A difference here is an upgrade of a running release that fails, and needs a migration."""
    found = {
        f"{item['kind']}/{item['metadata']['name']}": immutable(item)
        for item in tier(name).objects
        if immutable(item) is not None
    }
    assert found == json.loads(IMMUTABLE.read_text())[name]


@pytest.mark.parametrize("name", TIERS)
def test_volumes_outlive_the_release(name: str) -> None:
    for item in tier(name).kind("StatefulSet"):
        policy = item["spec"]["persistentVolumeClaimRetentionPolicy"]
        assert policy == {"whenDeleted": "Retain", "whenScaled": "Retain"}


def test_argo_cd_never_deletes_the_namespace() -> None:
    """With kustomize, the namespace is the Application's; deleting it would delete all volumes."""
    namespace = yaml.safe_load((OVERLAYS / "namespace" / "namespace.yaml").read_text())
    options = namespace["metadata"]["annotations"]["argocd.argoproj.io/sync-options"]
    assert options == "Prune=false,Delete=false"


def test_stores_never_run_twice_on_one_volume(rendered: Rendered) -> None:
    """A StatefulSet terminates the old pod before it starts the new one; a Deployment does not."""
    for item in rendered.kind("Deployment"):
        volumes = item["spec"]["template"]["spec"].get("volumes", [])
        writable = [
            v
            for v in volumes
            if "persistentVolumeClaim" in v and not v["persistentVolumeClaim"].get("readOnly")
        ]
        assert not writable


def applications() -> dict[str, dict[str, Any]]:
    found = {}
    for path in sorted(OVERLAYS.rglob("application*.yaml")):
        spec = yaml.safe_load(path.read_text())["spec"]
        found[str(path.relative_to(ROOT))] = spec.get("template", {}).get("spec", spec)
    return found


@pytest.mark.parametrize("path", applications())
def test_application(path: str) -> None:
    spec = applications()[path]
    policy = spec["syncPolicy"]
    assert policy["automated"] == {"prune": True, "selfHeal": True}
    assert policy["retry"]["refresh"] is True
    assert {"CreateNamespace=true", "ServerSideApply=true"} <= set(policy["syncOptions"])
    assert spec["source"]["helm"]["releaseName"] == "platform"
    assert spec["destination"]["namespace"] == "platform"
    # Fields that controllers own are not rendered (replicas beside an autoscaler), so nothing is ignored.
    assert "ignoreDifferences" not in spec


@pytest.mark.parametrize("name", TIERS)
def test_application_takes_its_overlay(name: str) -> None:
    spec = applications()[f"overlays/{name}/application.yaml"]
    chart = ROOT / spec["source"]["path"]
    (values,) = spec["source"]["helm"]["valueFiles"]
    assert (chart / values).resolve() == OVERLAYS / name / "values.yaml"


def test_application_set_covers_all_tiers() -> None:
    spec = yaml.safe_load((OVERLAYS / "applicationset.yaml").read_text())["spec"]
    assert [element["tier"] for element in spec["generators"][0]["list"]["elements"]] == list(TIERS)
    single = applications()["overlays/tier3/application.yaml"]
    assert {**spec["template"]["spec"], "source": None, "destination": None} == {
        **single,
        "source": None,
        "destination": None,
    }


def test_second_upgrade_changes_nothing() -> None:
    """Rendering does not depend on the revision, or on installing or upgrading."""
    values = merged(overlay("tier3"))
    first = loaded_chart().render(
        values, name="platform", namespace="platform", revision=1, is_install=True
    )
    later = loaded_chart().render(
        values, name="platform", namespace="platform", revision=7, is_upgrade=True, is_install=False
    )
    assert first == later
