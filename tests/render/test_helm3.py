"""The oldest supported Helm renders the same bytes as the Helm 4 library that all other tests use."""

import re
import subprocess
import sys

import pytest
from chart import CHART, NAMESPACE, OVERLAYS, RELEASE, ROOT, TIERS, is_manifest, tier


@pytest.fixture(scope="module")
def helm3() -> str:
    command = [sys.executable, str(ROOT / "ci" / "tools.py"), "helm3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return str(ROOT / ".tools" / "cluster" / "bin" / "helm3")


@pytest.mark.parametrize("name", TIERS)
def test_helm_3_renders_the_same_bytes(helm3: str, name: str) -> None:
    values = OVERLAYS / name / "values.yaml"
    command = [helm3, "template", RELEASE, str(CHART), "-n", NAMESPACE, "-f", str(values)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    source = rf"^---\n# Source: {CHART.name}/templates/(\S+)\n(.*?)(?=^---\n|\Z)"
    theirs = dict(re.findall(source, done.stdout, re.MULTILINE | re.DOTALL))
    ours = {path: text for path, text in tier(name).files.items() if is_manifest(path)}
    assert theirs == ours
