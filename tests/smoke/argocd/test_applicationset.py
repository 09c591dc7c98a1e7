"""`overlays/applicationset.yaml` makes what `overlays/*/application.yaml` say."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from chart import TIERS
from support.cluster import run

from smoke.argocd import repository
from smoke.argocd.application import Application


@pytest.fixture
def applicationset(tmp_path: Path) -> Iterator[None]:
    """On this cluster, with automated sync switched off: nothing is deployed."""
    path = repository.FOLDER / "overlays" / "applicationset.yaml"
    manifest = yaml.safe_load(path.read_text())
    spec = manifest["spec"]["template"]["spec"]
    spec["source"]["repoURL"] = repository.URL
    spec["destination"] = {"server": "https://kubernetes.default.svc", "namespace": "platform"}
    spec["syncPolicy"]["automated"]["enabled"] = False
    copy = tmp_path / "applicationset.yaml"
    copy.write_text(yaml.safe_dump(manifest))
    run(["kubectl", "apply", "-f", str(copy)])
    yield
    run("kubectl delete applicationset platform -n argocd --cascade=foreground")


@pytest.mark.usefixtures("applicationset")
def test_it_makes_the_application_of_each_tier() -> None:
    for tier in TIERS:
        command = f"application/platform-{tier} -n argocd"
        run(f"kubectl wait {command} --for=create --timeout=60s")
        made = json.loads(run(f"kubectl get {command} -o json").stdout)["spec"]
        wanted = Application(tier, kustomize=False).manifest["spec"]
        assert made["syncPolicy"]["automated"].pop("enabled") is False
        assert made == wanted
