"""One version: the chart's, which every package and manifest repeats and `ci/version.sh` writes."""

import json
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart import ROOT

CHART = "charts/platform/Chart.yaml"


def repeated(root: Path) -> dict[str, str]:
    """The version in each file that has one, by path and key."""
    chart = yaml.safe_load((root / CHART).read_text())
    found = {f"{CHART} {key}": chart[key] for key in ("version", "appVersion")}
    for image in yaml.safe_load(chart.get("annotations", {}).get("artifacthub.io/images", "[]")):
        if image["name"] in {"backend", "frontend", "trainer"}:
            found[f"{CHART} {image['name']}"] = image["image"].rpartition(":")[2]
    for path in root.glob("*/*/pyproject.toml"):
        found[str(path)] = tomllib.loads(path.read_text())["project"]["version"]
    manifests = [
        *root.glob("apps/*/trainer.json"),
        *root.glob("apps/*/trainers/*.json"),
        *root.glob("charts/*/files/trainers/*.json"),
    ]
    for path in [*manifests, *root.glob("apps/*/package*.json")]:
        content: dict[str, Any] = json.loads(path.read_text())
        found[str(path)] = content["version"]
        if "packages" in content:
            found[f"{path} packages"] = content["packages"][""]["version"]
    return found


def test_every_file_has_the_chart_s_version() -> None:
    versions = repeated(ROOT)
    assert len(versions) >= 9
    assert len(set(versions.values())) == 1, f"run ci/version.sh X.Y.Z: {versions}"


def copy(target: Path) -> None:
    """The script and the files that it may write."""
    command = ["git", "ls-files", "-z", "ci/version.sh", CHART, "charts/platform/files/trainers"]
    command += [
        "*/pyproject.toml",
        "apps/*/package*.json",
        "apps/*/trainer.json",
        "apps/*/trainers/*.json",
    ]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target / name)


def test_the_script_writes_every_file(tmp_path: Path) -> None:
    copy(tmp_path)
    assert len(repeated(tmp_path)) == len(repeated(ROOT))
    subprocess.run([tmp_path / "ci/version.sh", "9.8.7-rc.1"], check=True)
    assert set(repeated(tmp_path).values()) == {"9.8.7-rc.1"}
    shown = subprocess.run(
        [tmp_path / "ci/version.sh"], capture_output=True, text=True, check=True
    ).stdout
    assert shown == "9.8.7-rc.1\n"
    changed = sum(
        len([line for line in path.read_text().splitlines() if "9.8.7-rc.1" in line])
        for path in tmp_path.rglob("*")
        if path.is_file()
    )
    assert changed == len(repeated(tmp_path)), "a version of something else was written over"


@pytest.mark.parametrize("wrong", ["1.2", "v1.2.3", "1.2.3/x"])
def test_the_script_refuses_what_is_no_version(tmp_path: Path, wrong: str) -> None:
    copy(tmp_path)
    before = repeated(tmp_path)
    done = subprocess.run([tmp_path / "ci/version.sh", wrong], check=False, capture_output=True)
    assert done.returncode == 2
    assert repeated(tmp_path) == before


def test_a_release_says_where_the_chart_comes_from(tmp_path: Path) -> None:
    here = "https://git.example.com/team/trainyard"
    for name in ("ci/chart_addresses.sh", CHART):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    before = yaml.safe_load((tmp_path / CHART).read_text())
    assert "http" not in json.dumps(before), "no address that nobody serves"
    subprocess.run([tmp_path / "ci/chart_addresses.sh", here, "v1.2.3"], check=True)
    chart = yaml.safe_load((tmp_path / CHART).read_text())
    assert (chart["home"], chart["sources"]) == (here, [here])
    links = yaml.safe_load(chart["annotations"].pop("artifacthub.io/links"))
    for url in [chart["icon"], *(link["url"] for link in links)]:
        assert url.startswith(f"{here}/")
        assert (ROOT / url.partition("/v1.2.3/")[2]).is_file(), url
    assert {key: chart[key] for key in before} == before
