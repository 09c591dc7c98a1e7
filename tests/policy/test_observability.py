"""Dashboards and alerts: every expression parses, uses exported metrics only, and is described."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from chart import CHART, ROOT, Rendered, tier

FILES = CHART / "files"
DASHBOARDS = sorted((FILES / "grafana" / "dashboards").glob("*.json"))
RULES = sorted((FILES / "prometheus").glob("*.rules.yml"))
DATASOURCE = {"type": "prometheus", "uid": "prometheus"}
UNITS = {"none", "short", "s", "bytes", "Bps", "reqps", "percentunit"}
BACKEND = ROOT / "apps" / "backend" / "src" / "backend"
BACKEND_METRICS = BACKEND / "infra" / "metrics.py"
SUFFIXES = {"Counter": ["_total"], "Gauge": [""], "Histogram": ["_bucket", "_sum", "_count"]}


def exported() -> dict[str, set[str]]:
    """Every metric that some component exports, with the labels that are known of it."""
    found: dict[str, set[str]] = {}
    for name in (
        n
        for key, names in json.loads((Path(__file__).parent / "metrics.json").read_text()).items()
        if key != "//"
        for n in names
    ):
        found |= {f"{name}{suffix}": set() for suffix in ("", "_bucket", "_sum", "_count")}
    for call in ast.walk(ast.parse(BACKEND_METRICS.read_text())):
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Name)
            and call.func.id in SUFFIXES
        ):
            name = ast.literal_eval(call.args[0])
            labels = set(ast.literal_eval(call.args[2])) if len(call.args) > 2 else set()
            found |= {f"{name}{suffix}": labels for suffix in SUFFIXES[call.func.id]}
    return found


def selectors(node: Any) -> list[Any]:
    """All vector selectors below `node`."""
    if isinstance(node, promql_parser.VectorSelector):
        return [node]
    children = [
        getattr(node, name, None)
        for name in ("expr", "lhs", "rhs", "vector_selector", "args", "param")
    ]
    flat = [one for child in children for one in (child if isinstance(child, list) else [child])]
    return [
        found
        for child in flat
        if child is not None and not isinstance(child, str)
        for found in selectors(child)
    ]


def panels() -> dict[str, dict[str, Any]]:
    return {
        f"{path.stem}-{panel['title']}": panel
        for path in DASHBOARDS
        for panel in json.loads(path.read_text())["panels"]
    }


def alerts() -> dict[str, dict[str, Any]]:
    return {
        rule["alert"]: rule
        for path in RULES
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    }


def expressions() -> dict[str, str]:
    shown = {
        f"{name}-{target['refId']}": target["expr"]
        for name, panel in panels().items()
        for target in panel["targets"]
    }
    return {**shown, **{f"alert-{name}": rule["expr"] for name, rule in alerts().items()}}


@pytest.mark.parametrize("name", expressions())
def test_expression_parses_and_asks_for_exported_metrics(name: str) -> None:
    known = exported()
    found = selectors(promql_parser.parse(expressions()[name]))
    assert found
    for selector in found:
        assert selector.name in known
        if selector.name.startswith("trainyard_"):
            asked = {matcher.name for matcher in selector.matchers.matchers}
            assert asked <= known[selector.name] | {"job", "pod"}


def test_states_and_causes_in_expressions_exist() -> None:
    source = "".join(
        (BACKEND / "state" / name).read_text() for name in ("statuses.py", "causes.py")
    )
    text = " ".join(expressions().values())
    for label, values in re.findall(r'(status|cause)(?:=~|!=|=)"([a-z_|]+)"', text):
        for value in values.split("|"):
            assert f'"{value}"' in source, (label, value)


@pytest.mark.parametrize("name", panels())
def test_panel(name: str) -> None:
    panel = panels()[name]
    assert panel["datasource"] == DATASOURCE
    assert panel["description"]
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert all(target["datasource"] == DATASOURCE for target in panel["targets"])


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboard(path: Path) -> None:
    dashboard = json.loads(path.read_text())
    assert dashboard["uid"] == path.stem
    assert dashboard["description"]
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    boxes = [panel["gridPos"] for panel in dashboard["panels"]]
    assert all(box["x"] + box["w"] <= 24 for box in boxes)
    cells = [
        (x, y)
        for box in boxes
        for x in range(box["x"], box["x"] + box["w"])
        for y in range(box["y"], box["y"] + box["h"])
    ]
    assert len(set(cells)) == len(cells), "panels overlap"


@pytest.mark.parametrize("name", alerts())
def test_alert_says_what_is_wrong_and_what_to_do(name: str) -> None:
    rule = alerts()[name]
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "action"}


def test_datasource_is_the_dashboards() -> None:
    (datasource,) = yaml.safe_load(
        (FILES / "grafana" / "provisioning" / "datasource.yml").read_text()
    )["datasources"]
    assert {"type": datasource["type"], "uid": datasource["uid"]} == DATASOURCE
    services = {
        item["metadata"]["name"]: item["spec"]["ports"] for item in tier("tier2").kind("Service")
    }
    host, port = re.fullmatch(r"http://(\w+):(\d+)", datasource["url"]).groups()  # type: ignore[union-attr]
    assert int(port) in {each["port"] for each in services[host]}


def test_scraped_pods_serve_what_they_announce(rendered: Rendered) -> None:
    """Every component that exports metrics is scraped, at a port that it listens on."""
    found = {}
    for pod in rendered.pods():
        if pod.annotations.get("prometheus.io/scrape") == "true":
            port = int(pod.annotations["prometheus.io/port"])
            assert port in {
                each["containerPort"] for c in pod.containers for each in c.get("ports", [])
            }
            found[pod.labels["app"]] = pod.annotations["prometheus.io/path"]
    always = {"backend", "prometheus", "temporal"}
    served = {f"serve-{name}" for name in ("pages", "parts")}
    assert always <= set(found) <= always | {"grafana", "minio"} | served


def test_prometheus_mounts_its_rules() -> None:
    data = tier("tier2").get("ConfigMap", "prometheus")["data"]
    config = yaml.safe_load(data["prometheus.yml"])
    assert config["rule_files"] == ["/etc/prometheus/*.rules.yml"]
    assert set(data) == {"prometheus.yml", *(path.name for path in RULES)}
    own = {"role": "pod", "namespaces": {"own_namespace": True}}
    pods, mlflow = config["scrape_configs"]
    assert pods["kubernetes_sd_configs"] == [own]
    of_mlflow = {"selectors": [{"role": "pod", "label": "app=mlflow"}]}
    assert mlflow["kubernetes_sd_configs"] == [own | of_mlflow]
    prometheus = tier("tier2").pod("StatefulSet/prometheus")
    [volume] = [each for each in prometheus.spec["volumes"] if "secret" in each]
    [container] = prometheus.containers
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    [item] = volume["secret"]["items"]
    read = f"{mounts[volume['name']]}/{item['path']}"
    assert read == mlflow["basic_auth"]["password_file"]
