"""The oldest and the newest supported Kubernetes accept every object, field by field."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from chart import CHART, OVERLAYS, ROOT, Manifest, overlay, render, tier

OLDEST, NEWEST = "1.31.0", "1.37.0"
SCHEMAS = Path(__file__).parent / "schemas"
CUSTOM = {"Application", "ApplicationSet", "HTTPRoute"}
ARGO = sorted(OVERLAYS.rglob("application*.yaml"))


def custom(item: Manifest) -> None:
    schema: dict[str, Any] = json.loads((SCHEMAS / f"{item['kind'].lower()}.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(item)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_valid_kubernetes(item: Manifest, version: str) -> None:
    if item["kind"] in CUSTOM:
        custom(item)
    else:
        kubernetes_validate.validate(item, version, strict=True)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_valid_training_job(version: str) -> None:
    job = yaml.safe_load(tier("tier2").get("ConfigMap", "trainer-job")["data"]["job.yaml"])
    kubernetes_validate.validate(job, version, strict=True)


def test_valid_gang_of_the_newest() -> None:
    values = {"trainer": {"job": {"gang": "native"}}}
    template = render(overlay("tier2"), values).get("ConfigMap", "trainer-job")
    job = yaml.safe_load(template["data"]["job.yaml"])
    with pytest.raises(kubernetes_validate.ValidationError, match="scheduling"):
        kubernetes_validate.validate(job, OLDEST, strict=True)
    job["spec"]["scheduling"]["schedulingPolicy"]["gang"]["minCount"] = 2  # as the backend does
    kubernetes_validate.validate(job, NEWEST, strict=True)


@pytest.mark.parametrize("path", ARGO, ids=lambda path: str(path.relative_to(ROOT)))
def test_valid_argocd(path: Path) -> None:
    custom(yaml.safe_load(path.read_text()))


def test_misspelt_field_is_found() -> None:
    """The vendored schemas must be closed to prove anything."""
    good = yaml.safe_load(ARGO[-1].read_text())
    good["spec"]["syncPolicy"]["automatic"] = {}
    with pytest.raises(jsonschema.ValidationError, match="'automatic' was unexpected"):
        custom(good)


def test_supported_versions_are_those_of_the_chart() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["kubeVersion"] == f">={OLDEST}-0"
    assert kubernetes_validate.latest_version().startswith(NEWEST.rsplit(".", 1)[0])
