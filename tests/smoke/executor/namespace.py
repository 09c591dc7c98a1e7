"""A namespace of the current cluster, with the chart's rights, policies and template of Jobs."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "platform"
NAMESPACE = "trainyard-executor-test"
# What an executor needs of the chart, as an attempt in the platform's namespace finds it.
PARTS = (
    "backend/role",
    "backend/rolebinding",
    "backend/serviceaccount",
    "trainer/configmap-job",
    "trainer/serviceaccount",
)


def kubectl(*arguments: str, text: str | None = None) -> str:
    done = subprocess.run(
        ["kubectl", *arguments], input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(kind: str, selector: str) -> list[dict[str, Any]]:
    """Objects of the test's namespace."""
    found = kubectl("get", kind, "-n", NAMESPACE, "-l", selector, "-o", "json")
    items: list[dict[str, Any]] = json.loads(found)["items"]
    return items


def rendered() -> str:
    shown = [flag for part in PARTS for flag in ("-s", f"templates/{part}.yaml")]
    values = ["-f", str(ROOT / "overlays" / "tier2" / "values.yaml"), "-n", NAMESPACE]
    values += ["--set", "trainer.job.kueue.enabled=true"]
    return subprocess.run(
        ["helm", "template", "platform", str(CHART), *values, *shown],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The namespace is there; the file that TRAINER_JOB_TEMPLATE names."""
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": NAMESPACE,
            "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
        },
    }
    text = rendered()
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait")
    kubectl("apply", "-f", "-", text=json.dumps(namespace))
    kubectl("apply", "-f", "-", text=text)
    (jobs,) = [item for item in yaml.safe_load_all(text) if item and item["kind"] == "ConfigMap"]
    path = tmp_path_factory.mktemp("template") / "job.yaml"
    path.write_text(jobs["data"]["job.yaml"])
    yield path
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.fixture(scope="session")
def kubeconfig(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A way in with the backend's rights only."""
    config = yaml.safe_load(kubectl("config", "view", "--raw", "--minify"))
    token = kubectl("create", "token", "backend", "-n", NAMESPACE, "--duration=2h").strip()
    config["users"] = [{"name": config["contexts"][0]["context"]["user"], "user": {"token": token}}]
    path = tmp_path_factory.mktemp("kube") / "config"
    path.write_text(yaml.safe_dump(config))
    return path
