"""Trainers of the chart: the built-in manifest is a copy of the trainer's, further manifests are values."""

import json

import pytest
import yaml
from chart import CHART, ROOT, overlay, render, tier
from chart.cases import MANIFEST, case
from helm_python import HelmRenderError


def test_manifest_is_the_trainers_own() -> None:
    """A chart cannot read outside its folder: `make manifest` copies it."""
    trainer, copies = ROOT / "apps/trainer-ultralytics", CHART / "files/trainers"
    own = {path.stem: path for path in (trainer / "trainers").glob("*.json")}
    names = {"ultralytics.json": trainer / "trainer.json"} | {
        f"ultralytics-{work}.json": path for work, path in own.items()
    }
    assert {path.name for path in copies.iterdir()} == names.keys()
    for name, path in names.items():
        assert (copies / name).read_text() == path.read_text()


def test_manifest_names_the_image_that_values_name() -> None:
    own = json.loads((CHART / "files" / "trainers" / "ultralytics.json").read_text())
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    for name, image in [
        ("tier2", "trainer-ultralytics:latest"),
        ("tier3", f"registry.example.com/trainyard/trainer-ultralytics:{version}"),
    ]:
        data = tier(name).get("ConfigMap", "trainers")["data"]
        assert json.loads(data["ultralytics.json"]) == {**own, "image": image}


def test_further_trainer() -> None:
    data = case("configured").get("ConfigMap", "trainers")["data"]
    assert json.loads(data["other.json"]) == MANIFEST


def test_no_training_keeps_the_platform_from_its_place() -> None:
    rendered = case("scheduled")
    backend = rendered.get("Deployment", "backend")["spec"]["template"]["spec"]
    assert backend["priorityClassName"] == "system-cluster-critical"
    job = yaml.safe_load(rendered.get("ConfigMap", "trainer-job")["data"]["job.yaml"])
    assert "priorityClassName" not in job["spec"]["template"]["spec"]


def test_scheduling_of_training_jobs() -> None:
    job = yaml.safe_load(case("scheduled").get("ConfigMap", "trainer-job")["data"]["job.yaml"])
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "training"
    pod = job["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"pool": "gpu"}
    assert pod["tolerations"][0]["key"] == "nvidia.com/gpu"
    assert job["spec"]["backoffLimit"] == 0


def test_what_a_single_job_may_ask_for() -> None:
    [backend] = case("scheduled").get("Deployment", "backend")["spec"]["template"]["spec"][
        "containers"
    ]
    env = {item["name"]: item.get("value") for item in backend["env"]}
    assert env["GPU_RESOURCE"] == "amd.com/gpu"
    assert json.loads(env["JOB_LIMITS"]) == {"memory": "64Gi", "gpu": 4}
    assert json.loads(env["JOB_PLACEMENTS"]) == {"a100": {"nodeSelector": {"gpu": "a100"}}}
    assert (env["KUEUE"], json.loads(env["JOB_PRIORITIES"])) == ("true", ["normal", "high"])


def test_every_training_has_the_variables_of_the_values() -> None:
    wanted = [{"name": "NCCL_DEBUG", "value": "INFO"}, {"name": "RANK_TIMEOUT_S", "value": "60"}]
    job = yaml.safe_load(case("configured").get("ConfigMap", "trainer-job")["data"]["job.yaml"])
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert container["env"][-2:] == wanted
    rendered = render(
        overlay("tier1"), {"trainer": {"env": {one["name"]: one["value"] for one in wanted}}}
    )
    backend = rendered.get("Deployment", "backend")["spec"]["template"]["spec"]
    [launcher] = [one for one in backend["containers"] if one["name"] == "launcher"]
    assert [one for one in launcher["env"] if one in wanted] == wanted


def test_no_value_replaces_what_the_platform_sets() -> None:
    contract = json.loads((ROOT / "docs/training-contract.json").read_text())["variables"]
    for name, about in contract.items():
        if about["set_by"]:
            with pytest.raises(HelmRenderError, match=f"trainer.env has {name}, which"):
                render(overlay("tier2"), {"trainer": {"env": {name: "x"}}})
