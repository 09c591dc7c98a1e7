"""Renders the chart in process, each set of values once per test run."""

import json
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import helm_python as helm
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "platform"
OVERLAYS = ROOT / "overlays"
TIERS = ("tier1", "tier2", "tier3")
RELEASE = NAMESPACE = "platform"

Values = dict[str, Any]
Manifest = dict[str, Any]


class Pod(NamedTuple):
    """The template of a pod."""

    owner: str  # Deployment/backend
    labels: dict[str, str]
    annotations: dict[str, str]
    spec: dict[str, Any]

    @property
    def containers(self) -> list[dict[str, Any]]:
        """Init containers, then the others."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]


class Rendered(NamedTuple):
    """The rendered chart."""

    files: dict[str, str]  # non-empty text by path below templates/
    documents: dict[str, list[Manifest]]  # objects by path

    @property
    def objects(self) -> list[Manifest]:
        return [item for items in self.documents.values() for item in items]

    @property
    def notes(self) -> str:
        return self.files["NOTES.txt"]

    @property
    def text(self) -> str:
        """All objects as `helm template` prints them, without its comments."""
        return "".join(
            f"---\n{text.strip()}\n"
            for name, text in sorted(self.files.items())
            if is_manifest(name)
        )

    def kind(self, *kinds: str) -> list[Manifest]:
        return [item for item in self.objects if item["kind"] in kinds]

    def get(self, kind: str, name: str) -> Manifest:
        """The object of this kind and name; a Job's name is without its hash."""
        found = [item for item in self.kind(kind) if plain_name(item) == name]
        assert len(found) == 1, f"{kind}/{name}: {len(found)} objects"
        return found[0]

    def pods(self) -> Iterator[Pod]:
        """All pods, including those of training Jobs."""
        job = yaml.safe_load(self.get("ConfigMap", "trainer-job")["data"]["job.yaml"])
        training = {**job, "metadata": {**job["metadata"], "name": "training"}}
        for item in [*self.kind("Deployment", "StatefulSet", "Job"), training]:
            template = item["spec"]["template"]
            metadata = template["metadata"]
            yield Pod(
                label(item), metadata["labels"], metadata.get("annotations", {}), template["spec"]
            )

    def pod(self, owner: str) -> Pod:
        return next(pod for pod in self.pods() if pod.owner == owner)


def is_manifest(name: str) -> bool:
    return name.endswith(".yaml") and name != "validations.yaml"


def plain_name(item: Manifest) -> str:
    """The object's name; a Job's without its hash."""
    name: str = item["metadata"]["name"]
    return name.rsplit("-", 1)[0] if item["kind"] == "Job" and name != "training" else name


def label(item: Manifest) -> str:
    """`Kind/name`, as in test names."""
    return f"{item['kind']}/{plain_name(item)}"


def merged(*layers: Values) -> Values:
    """Layers of values merged like several `-f`."""
    result: Values = {}
    for layer in layers:
        for key, value in layer.items():
            old = result.get(key)
            if isinstance(old, dict) and isinstance(value, dict):
                result[key] = merged(old, value)
            else:
                result[key] = deepcopy(value)
    return result


def nested(path: str, value: Any) -> Values:
    """Values with one value at a dotted path; `0` is the only item of a list."""
    first, _, rest = path.partition(".")
    if rest == "0":
        return {first: [value]}
    return {first: nested(rest, value) if rest else value}


@cache
def overlay(tier: str) -> Values:
    made: Values = yaml.safe_load((OVERLAYS / tier / "values.yaml").read_text())
    return made


@cache
def loaded_chart() -> helm.Chart:
    return helm.Chart.load(CHART)


def render_files(values: Values, loaded: helm.Chart | None = None) -> dict[str, str]:
    """Non-empty output of templates by path below templates/.

    Raises:
        helm.HelmValuesError: the schema refuses the values.
        helm.HelmRenderError: a validation refuses them.
    """
    output = (loaded or loaded_chart()).render(values, name=RELEASE, namespace=NAMESPACE)
    prefix = f"{CHART.name}/templates/"
    return {name.removeprefix(prefix): text for name, text in output.items() if text.strip()}


@cache
def _render(values: str) -> Rendered:
    files = render_files(json.loads(values))
    documents = {
        name: [item for item in yaml.load_all(text, Loader=yaml.CSafeLoader) if item]
        for name, text in sorted(files.items())
        if is_manifest(name)
    }
    return Rendered(files, documents)


def render(*layers: Values) -> Rendered:
    """Renders layers of values over the chart's defaults; cached."""
    return _render(json.dumps(merged(*layers), sort_keys=True))


def tier(name: str) -> Rendered:
    return render(overlay(name))
