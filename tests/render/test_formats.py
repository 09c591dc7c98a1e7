"""files/formats.yaml: each `ok` example renders, each `bad` one is refused with its fix, at each of a format's keys."""

import json
from collections.abc import Iterator
from functools import reduce
from operator import getitem
from typing import Any

import pytest
from chart import Values, loaded_chart, merged, nested, overlay, render
from chart.cases import CASES, MANIFEST, case_layers

from render.test_docs import chart_docs
from render.test_validations import Refusal, refusal

FORMATS: dict[str, dict[str, Any]] = chart_docs.FORMATS
EXAMPLES = {
    kind: [(name, text) for name, entry in FORMATS.items() for text in entry.get(kind, [])]
    for kind in ("ok", "bad")
}


def places(name: str) -> list[str]:
    """Every path of the schema at which a value has the format."""
    keys = [key.split(".") for key in FORMATS[name]["keys"]]
    return [path for each in keys for path, _ in chart_docs.schema_nodes(chart_docs.SCHEMA, each)]


def layers(path: str, text: str) -> Iterator[Values]:
    """Tier 2 with one value; a manifest must be whole."""
    yield overlay("tier2")
    if path.startswith("trainer.manifests.any."):
        yield nested("trainer.manifests.any", {**MANIFEST, "name": "any"})
    yield nested(path, text)


def expected(name: str, path: str, text: str) -> Refusal:
    allowed = FORMATS[name].get("allowed") or ", ".join(FORMATS[name]["values"])
    cause = f"{path} is {json.dumps(text)}."
    return Refusal(cause, f"{allowed.replace('`', '')}.", FORMATS[name]["fix"])


@pytest.mark.parametrize(("name", "text"), EXAMPLES["ok"])
def test_ok_example_renders(name: str, text: str) -> None:
    assert render(*layers(places(name)[0], text)).objects


@pytest.mark.parametrize(("name", "text"), EXAMPLES["bad"])
def test_bad_example_is_refused(name: str, text: str) -> None:
    path = places(name)[0]
    assert refusal(*layers(path, text)) == expected(name, path, text)


@pytest.mark.parametrize("name", FORMATS)
def test_format_holds_at_each_key(name: str) -> None:
    text = FORMATS[name]["bad"][0]
    for path in places(name)[1:]:
        if ".resources." not in path or path.startswith(("backend.", "trainer.manifests.")):
            assert refusal(*layers(path, text)) == expected(name, path, text)


@pytest.mark.parametrize("name", [name for name, entry in FORMATS.items() if "values" in entry])
def test_every_allowed_value_is_rendered_by_a_case(name: str) -> None:
    [path] = FORMATS[name]["keys"]
    values = [merged(loaded_chart().values, *case_layers(case)) for case in CASES]
    used = {reduce(getitem, path.split("."), each) for each in values}
    assert used == set(FORMATS[name]["values"])
