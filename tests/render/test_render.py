"""Rendering itself: the same bytes each time, fast, readable, from nothing but the values."""

import re
import time

import pytest
from chart import CHART, NAMESPACE, ROOT, TIERS, is_manifest, overlay, render_files, tier
from chart.cases import CASES, case
from helm_python import Chart, lint
from yamllint.config import YamlLintConfig
from yamllint.linter import run

TEMPLATES = sorted((CHART / "templates").rglob("*.yaml"))
# Blank lines of embedded files are indented, so they end in spaces.
RENDERED_STYLE = """
extends: default
rules:
  document-start: disable
  line-length: disable
  comments: {min-spaces-from-content: 1}
  indentation: {spaces: consistent, indent-sequences: whatever}
  truthy: {check-keys: false}
  empty-lines: {max: 2}
  trailing-spaces: disable
"""


@pytest.mark.parametrize("name", TIERS)
def test_again_byte_identical_and_fast(name: str) -> None:
    with Chart.load(CHART) as loaded:
        start = time.perf_counter()
        again = render_files(overlay(name), loaded)
        elapsed = time.perf_counter() - start
    assert again == tier(name).files
    assert elapsed < 0.5


def test_nothing_but_values_decides() -> None:
    forbidden = re.compile(
        r"\b(lookup|rand\w+|uuidv4|genCA\w*|gen\w+Cert\w*|genPrivateKey|htpasswd|bcrypt|now|getHostByName)\b|"
        r"\.Capabilities|\.Release\.(IsInstall|IsUpgrade|Revision)"
    )
    for path in [*TEMPLATES, *(CHART / "templates").rglob("*.tpl")]:
        actions = " ".join(re.findall(r"\{\{(?!-? */\*).*?\}\}", path.read_text(), re.DOTALL))
        found = forbidden.search(actions)
        assert not found, f"{path.relative_to(CHART)}: {found and found.group()}"


def test_every_template_is_used() -> None:
    used = {name for each in CASES for name in case(each).files}
    there = {str(path.relative_to(CHART / "templates")) for path in TEMPLATES}
    assert there - {"validations.yaml"} == {name for name in used if is_manifest(name)}


def test_one_object_a_file_called_by_its_kind() -> None:
    for name in CASES:
        for path, objects in case(name).documents.items():
            assert len(objects) == 1, path
            stem = path.rsplit("/", 1)[1].removesuffix(".yaml")
            # what has a folder of its own is called by what it does
            if not path.startswith(("network/", "secrets/")):
                assert stem.split("-")[0] == objects[0]["kind"].lower(), path


@pytest.mark.parametrize("name", TIERS)
def test_helm_lint(name: str) -> None:
    report = lint(CHART, overlay(name), namespace=NAMESPACE, strict=True)
    assert not report["errors"], report["messages"]


@pytest.mark.parametrize("name", TIERS)
def test_rendered_text_passes_yamllint(name: str) -> None:
    problems = [str(item) for item in run(tier(name).text, YamlLintConfig(RENDERED_STYLE))]
    assert not problems


def test_committed_yaml_passes_yamllint() -> None:
    config = YamlLintConfig(file=str(ROOT / ".yamllint.yaml"))
    paths = [*ROOT.glob("overlays/**/*.yaml"), *CHART.glob("*.yaml"), *CHART.glob("files/**/*.yml")]
    problems = [f"{path}: {item}" for path in paths for item in run(path.read_text(), config)]
    assert not problems


def test_large_numbers_stay_whole() -> None:
    """Helm reads numbers as floats and prints those from a million on as 1e+06."""
    rendered = case("configured")
    assert not re.search(r"\d\.\d+e\+", rendered.text)
    assert f'value: "{2**40}"' in rendered.text
    assert "ttlSecondsAfterFinished: 2592000" in rendered.text
    assert "max_connections=1000000" in rendered.text


def test_notes() -> None:
    first = tier("tier1").notes
    for url in ["http://localhost:30300", "http://localhost:30080", "http://localhost:30233"]:
        assert url in first
    assert "kubectl wait --for=condition=ready pod -l app=backend -n platform" in first
    assert "subprocesses beside the backend" in first
    third = tier("tier3").notes
    assert "https://platform.example.com" in third
    assert "token create NAME" in third
    assert "development" not in third
    assert "kubectl port-forward -n platform svc/frontend" in case("port-forward-only").notes


def test_mlflow_is_one_process() -> None:
    """By default it starts four workers; its requests and limits are meant for one."""
    for name in TIERS:
        [server] = [
            one for one in tier(name).pod("Deployment/mlflow").containers if one["name"] == "mlflow"
        ]
        assert "--workers=1" in server["args"]
