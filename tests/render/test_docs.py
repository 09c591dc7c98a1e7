"""Files generated from the chart are current; `make docs` writes them."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from chart import CHART, ROOT, TIERS, tier


def script(name: str) -> ModuleType:
    """A script of ci/, which is not a package."""
    spec = importlib.util.spec_from_file_location(f"ci_{name}", ROOT / "ci" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


chart_docs, review = script("chart_docs"), script("render")


@pytest.mark.parametrize("path", chart_docs.GENERATED, ids=lambda path: path.name)
def test_generated_file_is_current(path: Path) -> None:
    assert path.read_text() == chart_docs.GENERATED[path]()


def test_every_image_of_the_chart_is_listed() -> None:
    """Artifact Hub's annotation against the images that pods have, and those of every component."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    listed = yaml.safe_load(chart["annotations"]["artifacthub.io/images"])
    images = {item["image"] for item in listed}
    own = {
        f"{name}:{chart['appVersion']}" for name in ("backend", "frontend", "trainer-ultralytics")
    }
    assert own <= images
    used = {container["image"] for pod in tier("tier2").pods() for container in pod.containers}
    assert {image for image in used if not image.endswith(":latest")} == images - own


def test_every_leaf_has_its_line() -> None:
    text = (CHART / "values.yaml").read_text()
    assert len(list(chart_docs.leaves(text))) > 100
    with pytest.raises(ValueError, match=r"redis\.maxMemory has no line"):
        list(chart_docs.leaves(re.sub(r"  # -- Maximum of memory for data.*\n", "", text)))


def test_both_kind_tiers_have_the_same_network() -> None:
    """platform-network.md shows them as one."""
    first, second = (chart_docs.matrix(tier(name)) for name in ("tier1", "tier2"))
    assert first == second


@pytest.mark.parametrize("name", TIERS)
def test_render_for_review(name: str) -> None:
    files = review.render(ROOT, name)
    assert set(files) == {path for path in tier(name).files if path.endswith(".yaml")}


def test_diff_for_review() -> None:
    before = {"a.yaml": "kind: A\n", "b.yaml": "kind: B\n"}
    after = {"b.yaml": "kind: B\nspec: {}\n"}
    text = "".join(review.changes(before, after))
    assert "--- a.yaml\n+++ /dev/null\n" in text
    assert "+spec: {}\n" in text


def test_diff_names_an_unknown_revision() -> None:
    command = [sys.executable, str(ROOT / "ci" / "render.py"), "diff", "no-such-revision"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no-such-revision" in done.stderr
