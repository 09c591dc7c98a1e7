"""The chart gives the backend known settings only, and all required ones."""

import ast
import json

import pytest
from chart import CHART, ROOT, TIERS, merged, nested, overlay, render, tier

SETTINGS = ROOT / "apps" / "backend" / "src" / "backend" / "settings.py"
# Not settings, but parts of URLs that are.
OTHERS = {"DATABASE_PASSWORD", "REDIS_PASSWORD"}


def settings(*classes: str) -> dict[str, bool]:
    """Variables of these classes' settings, and whether each is required."""
    return {
        node.target.id.upper(): _required(node.value)
        for found in ast.parse(SETTINGS.read_text()).body
        if isinstance(found, ast.ClassDef) and found.name in classes
        for node in found.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def _required(default: ast.expr | None) -> bool:
    if isinstance(default, ast.Call):
        given = {keyword.arg for keyword in default.keywords}
        return not default.args and not {"default", "default_factory"} & given
    return default is None


@pytest.mark.parametrize(("grace_s", "seconds"), [(None, 30), (0, 30), (10, 30), (60, 75)])
def test_the_launcher_has_the_time_to_stop_its_trainings(grace_s: int | None, seconds: int) -> None:
    settings = {} if grace_s is None else {"STOP_GRACE_S": grace_s}
    rendered = render(merged(overlay("tier1"), nested("backend.settings", settings)))
    assert rendered.pod("Deployment/backend").spec["terminationGracePeriodSeconds"] == seconds


@pytest.mark.parametrize("name", TIERS)
@pytest.mark.parametrize(
    ("owner", "classes"),
    [
        ("Deployment/backend", ["DatabaseSettings", "Settings"]),
        ("Job/backend-migrate", ["DatabaseSettings"]),
    ],
)
def test_variables_are_settings(name: str, owner: str, classes: list[str]) -> None:
    container = next(
        c for c in tier(name).pod(owner).containers if c["name"] in {"backend", "migrate"}
    )
    variables = {item["name"] for item in container["env"]}
    known = settings(*classes)
    assert variables <= known.keys() | OTHERS
    assert {setting for setting, required in known.items() if required} <= variables


def test_minio_keeps_an_upload_for_longer_than_the_backend_does() -> None:
    """Its default is a day from its beginning, however it goes on; the backend's two from the last resume."""
    container = tier("tier2").pod("StatefulSet/minio").containers[0]
    [expiry] = [
        item["value"] for item in container["env"] if item["name"].endswith("STALE_UPLOADS_EXPIRY")
    ]
    assert int(expiry.removesuffix("h")) >= 3 * 48
    service = (SETTINGS.parent / "datasets" / "service.py").read_text()
    assert "ABANDONED_S = 2 * LINK_LIFETIME_S" in service


def test_further_settings_are_settings() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    further = schema["properties"]["backend"]["properties"]["settings"]["properties"]
    assert further.keys() <= settings("Settings").keys()


def test_a_name_is_given_once() -> None:
    variables = [
        item["name"]
        for item in tier("tier1").pod("Deployment/backend").spec["containers"][0]["env"]
    ]
    assert len(set(variables)) == len(variables)
