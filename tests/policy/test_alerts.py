"""promtool accepts the mounted configuration, and each alert fires and stays quiet on test series."""

import subprocess
from pathlib import Path

import pytest
import yaml
from chart import ROOT, tier

CASES = sorted((Path(__file__).parent / "rules").glob("*.test.yml"))


@pytest.fixture(scope="module")
def promtool() -> str:
    command = [str(ROOT / "ci" / "find-tool.sh"), "promtool", "prometheus"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    """The files of the ConfigMap, as the pod has them."""
    for name, text in tier("tier2").get("ConfigMap", "prometheus")["data"].items():
        (tmp_path / name).write_text(text.replace("/etc/prometheus/", f"{tmp_path}/"))
    return tmp_path


def run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_configuration(promtool: str, mounted: Path) -> None:
    """Without the discovery of pods, which Debian's promtool lacks; the smoke tests check it with the image's."""
    path = mounted / "prometheus.yml"
    config = yaml.safe_load(path.read_text())
    for job in config["scrape_configs"]:
        job["static_configs"] = [{"targets": ["localhost:9090"]}]
        del job["kubernetes_sd_configs"]
    path.write_text(yaml.safe_dump(config))
    run(promtool, "check", "config", path)


def test_rules(promtool: str, mounted: Path) -> None:
    for path in mounted.glob("*.rules.yml"):
        run(promtool, "check", "rules", path)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_alerts_fire_and_keep_quiet(promtool: str, mounted: Path, case: Path) -> None:
    (mounted / case.name).write_text(case.read_text())
    run(promtool, "test", "rules", mounted / case.name)


def test_each_alert_is_tested_both_ways(mounted: Path) -> None:
    alerts = {
        rule["alert"]
        for path in mounted.glob("*.rules.yml")
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    }
    fired: set[str] = set()
    quiet: set[str] = set()
    for case in CASES:
        for one in yaml.safe_load(case.read_text())["tests"]:
            for check in one["alert_rule_test"]:
                (fired if check["exp_alerts"] else quiet).add(check["alertname"])
    assert fired == quiet == alerts
