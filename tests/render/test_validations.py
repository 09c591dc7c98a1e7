"""Invalid values (refusals.yaml) are refused with cause, allowed values and fix, and each advised fix renders."""

import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from chart import CHART, TIERS, Values, merged, nested, overlay, render, tier
from chart.cases import MANIFEST
from helm_python import HelmRenderError, HelmValuesError

REFUSALS = yaml.safe_load((Path(__file__).parent / "refusals.yaml").read_text())
COMBINATIONS: dict[str, dict[str, Any]] = REFUSALS["combinations"]
VALID: dict[str, dict[str, Any]] = REFUSALS["valid"]
SCHEMA: list[tuple[Values, str, str]] = REFUSALS["schema"]
MANIFEST_KEY = "trainer.manifests."


class Refusal(NamedTuple):
    """The message's three parts."""

    cause: str
    allowed: str
    fix: str


def values(paths: dict[str, Any]) -> Values:
    """Values by their dotted paths."""
    return merged(
        *(
            nested(path, {**MANIFEST, **value} if path.startswith(MANIFEST_KEY) else value)
            for path, value in paths.items()
        )
    )


def base(case: dict[str, Any]) -> tuple[Values, dict[str, Any]]:
    """The values of a case's tier, or none, and the paths that it sets."""
    name = next(iter(case))
    return overlay(name) if name in TIERS else {}, case[name]


def refusal(*layers: Values) -> Refusal:
    """What the user reads, without Helm's own line."""
    with pytest.raises(HelmRenderError) as caught:
        render(*layers)
    text = str(caught.value).split("\n\n", 1)[1].strip()
    found = re.fullmatch(r"(.+)\nAllowed: (.+)\nFix: (.+)", text)
    assert found, text
    return Refusal(*found.groups())


@cache
def refused(name: str) -> Refusal:
    under, paths = base(COMBINATIONS[name])
    return refusal(under, values(paths))


def named(path: str) -> str:
    """The key that a message names for a path: a manifest's own name may be any."""
    return MANIFEST_KEY if path.startswith(MANIFEST_KEY) else path


@pytest.mark.parametrize("name", COMBINATIONS)
def test_refused_with_cause_allowed_values_and_fix(name: str) -> None:
    _, paths = base(COMBINATIONS[name])
    assert any(path in refused(name).cause for path in paths)


@pytest.mark.parametrize(
    ("name", "fix"),
    [(name, fix) for name, case in COMBINATIONS.items() for fix in case.get("fixes", [])],
    ids=str,
)
def test_fix_is_advised_and_renders(name: str, fix: dict[str, Any]) -> None:
    under, paths = base(COMBINATIONS[name])
    assert [path for path in fix if named(path) not in refused(name).fix] == []
    assert render(under, values(paths), values(fix)).objects


@pytest.mark.parametrize(
    ("name", "fix"),
    [(name, fix) for name, case in COMBINATIONS.items() for fix in case.get("instead", [])],
    ids=str,
)
def test_replacement_is_advised_and_renders(name: str, fix: dict[str, Any] | str) -> None:
    under, _ = base(COMBINATIONS[name])
    if isinstance(fix, str):
        assert f"overlays/{fix}/values.yaml" in refused(name).fix
        assert tier(fix).objects
    else:
        assert [path for path in fix if named(path) not in refused(name).fix] == []
        assert render(under, values(fix)).objects


@pytest.mark.parametrize("name", VALID)
def test_valid_combination_renders(name: str) -> None:
    under, paths = base(VALID[name])
    assert render(under, values(paths)).objects


@pytest.mark.parametrize(("wrong", "place", "says"), SCHEMA, ids=str)
def test_schema_refuses_with_place_and_rule(wrong: Values, place: str, says: str) -> None:
    with pytest.raises(HelmValuesError) as caught:
        render(overlay("tier3"), values(wrong))
    assert f"at '{place}'" in str(caught.value)
    assert says in str(caught.value)


def test_every_validation_has_a_case() -> None:
    """Each cause in validations.yaml is the cause of some case."""
    text = (CHART / "templates" / "validations.yaml").read_text()
    causes = re.findall(r'"cause" (?:\(printf )?"((?:[^"\\]|\\.)*)"', text)
    assert len(causes) == text.count('include "platform.fail"')
    found = [refused(name).cause for name in COMBINATIONS]
    for cause in causes:
        pattern = re.sub(r"%[qsv]", ".*", re.escape(cause))
        assert any(re.fullmatch(pattern, one) for one in found), cause


def test_all_templates_fail_through_one() -> None:
    """Only platform.fail says `fail`, so no message lacks one of its parts."""
    templates = (CHART / "templates").rglob("*.*")
    text = "".join(
        re.sub(r"{{-?/\*.*?\*/", "", path.read_text(), flags=re.DOTALL) for path in templates
    )
    assert len(re.findall(r"{{-? *(?:fail|required)\b|\| *fail\b", text)) == 1


def test_validations_render_nothing() -> None:
    assert "validations.yaml" not in tier("tier3").files
