"""Argo CD and the platform, from the first sync to deletion; the cases of a tier run in this order."""

from collections import defaultdict
from pathlib import Path

import pytest
from chart import Manifest
from support.cluster import get, restarts, run, serving
from support.waiting import wait_for

from smoke.argocd import repository
from smoke.argocd.application import Application

pytestmark = pytest.mark.timeout(900)
tiers = pytest.mark.parametrize(
    "platform", ["tier1", "tier2", "tier2/kustomize"], indirect=True, scope="module"
)
tier1 = pytest.mark.parametrize("platform", ["tier1"], indirect=True, scope="module")
tier2 = pytest.mark.parametrize("platform", ["tier2"], indirect=True, scope="module")
WAIT = "kubectl wait -n platform --timeout=60s"


def pods() -> set[tuple[str, str]]:
    """Component and uid of the platform's pods, less those on their way out."""
    metadata = [pod["metadata"] for pod in serving()]
    return {(m["labels"]["app"], m["uid"]) for m in metadata if "deletionTimestamp" not in m}


def replaced(before: set[tuple[str, str]]) -> set[str]:
    """Components of pods that came or went."""
    return {component for component, _ in before ^ pods()}


def claims() -> dict[str, str]:
    return {item["metadata"]["name"]: item["metadata"]["uid"] for item in get("pvc")}


def wave(item: Manifest) -> int:
    return int(item["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"])


def waves(tier: str) -> dict[tuple[str, str], int]:
    """The wave of each object of the chart, by kind and name."""
    return {
        (item["kind"], item["metadata"]["name"]): wave(item) for item in repository.rendered(tier)
    }


def training_mode() -> str:
    path = "{.spec.template.spec.containers[0].env[?(@.name=='TRAINING_MODE')].value}"
    command = "kubectl get deployment backend -n platform -o"
    return run([*command.split(), f"jsonpath={path}"]).stdout


@tiers
def test_it_comes_up_in_the_order_of_its_waves(platform: Application) -> None:
    operation = platform.operation()
    assert operation.get("retryCount", 0) == 0
    assert len(platform.status()["history"]) == 1
    assert restarts() == {}
    wave_of = waves(platform.tier) | {("Namespace", "platform"): -3}
    applied = [(item["kind"], item["name"]) for item in operation["syncResult"]["resources"]]
    assert set(applied) == set(wave_of)
    assert applied == sorted(applied, key=lambda item: wave_of[item])


@tiers
def test_each_wave_was_healthy_before_the_next_one_began(platform: Application) -> None:
    began, well = defaultdict[int, list[str]](list), defaultdict[int, list[str]](list)
    workloads = {
        item["metadata"]["labels"]["app"]: item for item in get("deployments,statefulsets")
    }
    for pod in serving():
        workload = workloads[pod["metadata"]["labels"]["app"]]
        [ready] = [item for item in pod["status"]["conditions"] if item["type"] == "Ready"]
        began[wave(workload)].append(workload["metadata"]["creationTimestamp"])
        well[wave(workload)].append(ready["lastTransitionTime"])
    wave_of = waves(platform.tier)
    for event in get("events"):  # of Jobs: Argo CD has deleted those that succeeded
        job = ("Job", event["involvedObject"]["name"])
        if event["reason"] == "SuccessfulCreate" and job in wave_of:
            began[wave_of[job]].append(event["lastTimestamp"])
        if event["reason"] == "Completed" and job in wave_of:
            well[wave_of[job]].append(event["lastTimestamp"])
    assert set(began) == set(well) == {-2, -1, 0, 1}
    for number in (-2, -1, 0):
        assert max(well[number]) <= min(began[number + 1])


@tiers
def test_later_comparisons_find_nothing_and_do_nothing(platform: Application) -> None:
    operation, before = platform.operation(), pods()
    for kind in ("normal", "hard", "normal", "hard"):
        platform.refresh(kind)
        assert (platform.differences(), platform.status()["sync"]["status"]) == ([], "Synced")
    platform.compare(repository.commit_readme())
    assert platform.operation() == operation
    assert (pods(), restarts()) == (before, {})


@tiers
def test_edits_by_hand_are_healed(platform: Application) -> None:
    before = pods()
    run("kubectl scale deployment/frontend -n platform --replicas=3")
    run("kubectl delete service/mlflow networkpolicy/default-deny -n platform")
    for field in ("spec", "status"):
        run(f"{WAIT} deployment/frontend --for=jsonpath={{.{field}.replicas}}=1")
    for item in ("service/mlflow", "networkpolicy/default-deny"):
        run(f"{WAIT} {item} --for=create")
    platform.wait_healthy()
    assert replaced(before) == set()


@tiers
def test_a_commit_replaces_only_what_reads_the_value(platform: Application) -> None:
    before, kept = pods(), claims()
    revision = repository.commit_values(platform.tier, {"prometheus": {"retention": "14d"}})
    platform.wait_synced(revision)
    assert replaced(before) == {"prometheus"}
    assert (claims(), restarts()) == (kept, {})


@tiers
def test_what_left_the_chart_is_pruned_and_its_volume_is_not(platform: Application) -> None:
    before, kept = pods(), claims()
    kinds = (
        "statefulsets,pods,services,configmaps,networkpolicies,serviceaccounts,roles,rolebindings"
    )
    assert len(get(kinds, "app=prometheus")) == len(kinds.split(","))
    repository.git("rm", "-r", "--quiet", "charts/platform/templates/prometheus")
    platform.wait_synced(repository.commit("Remove Prometheus"))
    run(f"{WAIT} pods -l app=prometheus --for=delete")
    assert get(kinds, "app=prometheus") == []
    assert replaced(before) == {"prometheus"}
    assert claims() == kept
    repository.git("checkout", "HEAD~", "--", "charts")
    platform.wait_synced(repository.commit("Have Prometheus back"))
    assert len(get(kinds, "app=prometheus")) == len(kinds.split(","))
    assert claims() == kept


@tier1
def test_self_heal_takes_set_env_back(platform: Application) -> None:
    before = pods()
    run("kubectl set env deployment/backend -n platform TRAINING_MODE=kubernetes")
    wait_for(lambda: training_mode() == "subprocess", 60)
    platform.wait_healthy()
    assert replaced(before) == {"backend"}


@tier1
def test_set_env_stays_while_self_heal_is_paused_until_a_commit(platform: Application) -> None:
    with platform.self_heal_paused():
        run("kubectl set env deployment/backend -n platform TRAINING_MODE=kubernetes")
        run("kubectl rollout status deployment/backend -n platform --timeout=180s", seconds=190)
        platform.compare(repository.commit_readme())
        assert platform.differences() == ["Deployment backend"]
        assert training_mode() == "kubernetes"
        platform.wait_synced(repository.commit_values("tier1", {"backend": {"nodePort": 30081}}))
        assert training_mode() == "subprocess"


@tier1
def test_a_commit_switches_the_mode_there_and_back(platform: Application) -> None:
    before = pods()
    jobs = {"training": {"mode": "kubernetes"}, "trainer": {"liveSource": {"enabled": False}}}
    platform.wait_synced(repository.commit_values("tier1", jobs))
    assert replaced(before) == {"backend", "frontend"}  # the page says how trainings run
    assert training_mode() == "kubernetes"
    repository.git("checkout", "HEAD~", "--", "overlays")
    platform.wait_synced(repository.commit("Trainings are subprocesses again"))
    assert replaced(before) == {"backend", "frontend"}
    assert training_mode() == "subprocess"


@tiers
def test_a_deleted_application_leaves_the_namespace_and_the_volumes(platform: Application) -> None:
    kept = {name: uid for name, uid in claims().items() if name.startswith("data-")}
    platform.delete()
    assert claims() == kept
    assert get("deployments,statefulsets,services,jobs,secrets") == []


@tier2
def test_a_new_application_takes_the_volumes_up(platform: Application, tmp_path: Path) -> None:
    kept = claims()
    platform.create(tmp_path)
    platform.wait_synced(repository.git("rev-parse", "HEAD"))
    assert (claims(), restarts()) == (kept, {})
