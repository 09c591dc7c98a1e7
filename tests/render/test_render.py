"""Rendering is reproducible, depends on values alone and gives well-formed YAML."""

import re
from functools import cache

import pytest
import yaml
from chart import (
    CHART,
    NAMESPACE,
    ROOT,
    TIERS,
    Rendered,
    Values,
    is_manifest,
    overlay,
    render,
    render_files,
    tier,
)
from chart.cases import CASES, GPU_NODES, case
from helm_python import Chart, lint
from yamllint.config import YamlLintConfig
from yamllint.linter import run

TEMPLATES = sorted((CHART / "templates").rglob("*.yaml"))
RENDERED_STYLE = """
extends: default
rules:
  document-start: disable
  line-length: disable
  comments: {min-spaces-from-content: 1}
  indentation: {spaces: consistent, indent-sequences: whatever}
  truthy: {check-keys: false}
  empty-lines: {max: 2}
"""


@pytest.mark.parametrize("name", TIERS)
def test_again_byte_identical(name: str) -> None:
    with Chart.load(CHART) as loaded:
        assert render_files(overlay(name), loaded) == tier(name).files


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
            assert len(objects) == 1 or path.startswith("serving/"), path  # one for each model
            stem = path.rsplit("/", 1)[1].removesuffix(".yaml")
            # these folders name files by purpose
            if not path.startswith(("network/", "secrets/")):
                assert stem.split("-")[0] == objects[0]["kind"].lower(), path


@pytest.mark.parametrize("name", TIERS)
def test_helm_lint(name: str) -> None:
    report = lint(CHART, overlay(name), namespace=NAMESPACE, strict=True)
    assert not report["errors"], report["messages"]


def block_scalar_lines(text: str) -> set[int]:
    scalars = [token for token in yaml.scan(text) if isinstance(token, yaml.ScalarToken)]
    return {
        line + 1
        for token in scalars
        if token.style in {"|", ">"}
        for line in range(token.start_mark.line + 1, token.end_mark.line)
    }


@cache
def style_problems(text: str) -> list[str]:
    # Blank lines of embedded files are indented with the rest.
    embedded = block_scalar_lines(text)
    return [
        str(item)
        for item in run(text, YamlLintConfig(RENDERED_STYLE))
        if item.rule != "trailing-spaces" or item.line not in embedded
    ]


@pytest.mark.parametrize("path", sorted({path for name in CASES for path in case(name).documents}))
def test_rendered_text_passes_yamllint(path: str) -> None:
    """Each distinct text of a template once."""
    for name in CASES:
        if path in case(name).files:
            assert not style_problems(f"---\n{case(name).files[path].strip()}\n"), name


def test_rendered_job_passes_yamllint() -> None:
    for name in CASES:
        assert not style_problems(case(name).get("ConfigMap", "trainer-job")["data"]["job.yaml"])


def test_committed_yaml_passes_yamllint() -> None:
    config = YamlLintConfig(file=str(ROOT / ".yamllint.yaml"))
    paths = [
        *ROOT.glob("overlays/**/*.yaml"),
        *CHART.glob("*.yaml"),
        *CHART.glob("files/**/*.y*ml"),
    ]
    problems = [f"{path}: {item}" for path in paths for item in run(path.read_text(), config)]
    assert not problems


def test_large_numbers_stay_whole() -> None:
    """Helm reads numbers as floats and would print a million as 1e+06."""
    rendered = case("configured")
    assert not re.search(r"\d\.\d+e\+", rendered.text)
    assert f'value: "{2**40}"' in rendered.text
    assert "ttlSecondsAfterFinished: 2592000" in rendered.text
    assert "max_connections=1000000" in rendered.text
    assert f'value: "{20 * 2**30}"' in tier("tier1").text


def test_notes() -> None:
    first = tier("tier1").notes
    for port in (30300, 30080, 30500, 30090, 30233, 30900, 30901, 30030):
        assert f"http://localhost:{port}" in first
    assert "kubectl wait --for=condition=ready pod -l app=backend -n platform" in first
    assert "subprocesses beside the backend" in first
    third = tier("tier3").notes
    assert "https://platform.example.com" in third
    assert "token create NAME" in third
    assert "development" not in third
    for service in ("mlflow 5000", "prometheus 9090", "temporal-ui 8080", "grafana 3000"):
        assert f"kubectl port-forward -n platform svc/{service}:" in third
    assert "kubectl port-forward -n platform svc/frontend" in case("port-forward-only").notes


def test_mlflow_answers_to_the_links_that_lead_to_it() -> None:
    def hosts(rendered: Rendered) -> list[str]:
        [server] = [
            one for one in rendered.pod("Deployment/mlflow").containers if one["name"] == "mlflow"
        ]
        variables = {item["name"]: item.get("value", "") for item in server["env"]}
        return str(variables["MLFLOW_SERVER_ALLOWED_HOSTS"]).split(",")

    assert hosts(tier("tier1")).count("localhost:30500") == 1
    assert "mybox.lan:30500" in hosts(render(overlay("tier1"), {"exposure": {"host": "mybox.lan"}}))


def test_mlflow_is_one_process() -> None:
    """By default MLflow starts four workers; requests and limits are sized for one."""
    for name in TIERS:
        [server] = [
            one for one in tier(name).pod("Deployment/mlflow").containers if one["name"] == "mlflow"
        ]
        assert "--workers=1" in server["args"]


@pytest.mark.parametrize(
    ("store", "told"),
    [
        ({}, []),
        ({"publicEndpoint": "https://r2.example.com"}, []),
        ({"publicEndpoint": "https://s3.example.com"}, ["--store=https://r2.example.com"]),
    ],
    ids=["one address", "the same twice", "a public one"],
)
def test_a_served_model_reaches_the_store_from_inside(store: Values, told: list[str]) -> None:
    """Links are signed for the public address, to which no NetworkPolicy lets a pod."""
    objects = {"endpoint": "https://r2.example.com"} | store
    models = {"pages": {"model": "model:pages@production"}}
    serving = {"models": models, "tokenSecret": "serving-token"}
    rendered = render(overlay("tier3"), {"objectStore": objects, "serving": serving})
    [server] = rendered.pod("Deployment/serve-pages").containers
    assert [one for one in server["args"] if one.startswith("--store=")] == told


def test_a_served_model_has_the_gpu_and_the_nodes_that_it_names() -> None:
    rendered = case("served-models")
    pages, parts = (rendered.pod(f"Deployment/serve-{name}") for name in ("pages", "parts"))
    assert parts.spec["nodeSelector"] == {"zone": "a"} | GPU_NODES["nodeSelector"]
    assert parts.spec["tolerations"] == GPU_NODES["tolerations"]
    assert (pages.spec["nodeSelector"], pages.spec.get("tolerations")) == ({"zone": "a"}, None)
    limits = [pod.containers[0]["resources"]["limits"] for pod in (pages, parts)]
    assert limits[1] == limits[0] | {"nvidia.com/gpu": 1}
