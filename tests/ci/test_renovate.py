"""Renovate's rules name the chart's images as the chart does."""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml
from chart import CHART, ROOT

RULES = json.loads((ROOT / "renovate.json").read_text())["packageRules"]


def images(values: Any) -> Iterator[tuple[str, str]]:
    """Repository and tag of each image in `values`."""
    if isinstance(values, dict):
        if {"repository", "tag"} <= values.keys():
            yield values["repository"], values["tag"]
        for value in values.values():
            yield from images(value)


IMAGES = dict(images(yaml.safe_load((CHART / "values.yaml").read_text())))


def test_releases_of_this_repository_are_left_alone() -> None:
    [ignored] = [r for r in RULES if r.get("enabled") is False and "matchUpdateTypes" not in r]
    own = {repository for repository, tag in IMAGES.items() if not tag}
    assert set(ignored["matchPackageNames"]) == own


def test_every_other_rule_matches_an_image() -> None:
    names = [name for rule in RULES for name in rule.get("matchPackageNames", [])]
    patterns = [name[1:-1] if name.startswith("/") else f"{re.escape(name)}$" for name in names]
    assert len(patterns) > 5
    for pattern in patterns:
        assert any(re.search(pattern, image) for image in IMAGES), pattern


def test_minio_s_versioning_reads_its_tag() -> None:
    [rule] = [rule for rule in RULES if "versioning" in rule]
    pattern = rule["versioning"].removeprefix("regex:").replace("(?<", "(?P<")
    [tag] = [tag for image, tag in IMAGES.items() if image.endswith("minio/minio")]
    assert re.search(pattern, tag)
