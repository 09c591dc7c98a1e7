"""The release: tested first, scanned, signed, and every image of its chart pinned by digest."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
RELEASE = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())["jobs"]
DIGEST = "sha256:" + "a" * 64
# Stands in for docker: each image has this digest, but for those that are not to be found.
DOCKER = f"""#!/bin/sh
for image; do :; done
case $image in *missing*) echo "no such image" >&2; exit 1;; esac
echo {DIGEST}
"""


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_by_commit(workflow: Path) -> None:
    used = re.findall(r"uses: (.*)", workflow.read_text())
    assert used
    for one in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one), one


def _at(job: dict[str, Any], text: str) -> int:
    """Which step has this text."""
    [found] = [at for at, step in enumerate(job["steps"]) if text in str(step)]
    return found


def test_nothing_is_published_before_the_tests_of_the_tag_have_passed() -> None:
    assert RELEASE["test"]["needs"] == "version"
    assert "make test" in [step.get("run") for step in RELEASE["test"]["steps"]]
    assert RELEASE["images"]["needs"] == "test"
    assert RELEASE["chart"]["needs"] == "images"
    for job in ("version", "test"):
        assert "permissions" not in RELEASE[job], "they only read"


def test_what_is_published_is_scanned_and_then_signed() -> None:
    images, chart = RELEASE["images"], RELEASE["chart"]
    assert _at(images, "build_images.sh") < _at(images, "scan-action") < _at(images, "cosign sign")
    scanned = images["steps"][_at(images, "scan-action")]["with"]
    assert scanned["image"] == "${{ env.IMAGE }}"
    for scan in (scanned, RELEASE["test"]["steps"][_at(RELEASE["test"], "scan-action")]["with"]):
        # Else the action's defaults, which may change, decide what stops a release.
        assert (scan["severity-cutoff"], scan["only-fixed"]) == ("critical", True)
    assert 'cosign sign --yes --recursive "$IMAGE"' in str(images["steps"])
    assert "cosign sign" in str(chart["steps"])
    for job in (images, chart):
        assert job["permissions"]["id-token"] == "write"


def test_the_scan_of_the_locks_knows_them_by_name() -> None:
    test = RELEASE["test"]
    assert _at(test, "make test") < _at(test, "*requirements*.lock") < _at(test, "scan-action")


def _pin(folder: Path, **changes: str) -> "subprocess.CompletedProcess[str]":
    """Run the script on a copy of the chart."""
    shutil.copytree(ROOT / "charts/platform", folder / "charts/platform")
    (folder / "ci").mkdir()
    shutil.copy(ROOT / "ci/pin_images.py", folder / "ci")
    values = folder / "charts/platform/values.yaml"
    for old, new in changes.items():
        values.write_text(values.read_text().replace(f"repository: {old}", f"repository: {new}"))
    (folder / "docker").write_text(DOCKER)
    (folder / "docker").chmod(0o755)
    return subprocess.run(
        [sys.executable, "ci/pin_images.py", "registry.example/team"], cwd=folder,
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_release_pins_every_image_of_the_chart(tmp_path: Path) -> None:
    done = _pin(tmp_path)
    assert done.returncode == 0, done.stderr
    pinned = (tmp_path / "charts/platform/digests.yaml").read_text()
    values = (ROOT / "charts/platform/values.yaml").read_text()
    assert pinned.count(DIGEST) == values.count('digest: ""') > 10


def test_an_image_that_is_not_there_stops_the_release(tmp_path: Path) -> None:
    done = _pin(tmp_path, postgres="missing/postgres")
    assert done.returncode == 1
    assert "missing/postgres:18" in done.stderr
    assert not (tmp_path / "charts/platform/digests.yaml").exists()
