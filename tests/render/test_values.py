"""values.yaml and its schema have the same keys in the same order."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from chart import CHART, TIERS, Values, loaded_chart, nested, overlay, render
from helm_python import HelmValuesError

SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
VALUES: Values = loaded_chart().values

# Order of keys in every component; the dots stand for keys of a single component.
ORDER = [
    *("enabled", "image", "adminTools", "replicas", "autoscaling"),
    "…",
    *("persistence", "nodePort", "consoleNodePort", "resources"),
]
# Empty by default: the schema says what may be in it.
FREE = {"backend.settings", "trainer.job.limits"}
# A JSON Schema inside manifests.
CONFIG_SCHEMA = "/$defs/manifest/properties/config_schema"
COMPONENTS = [
    name for name, value in VALUES.items() if isinstance(value, dict) and "image" in value
]


def resolve(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    resolved: dict[str, Any] = SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    return resolved


def schema_paths(schema: dict[str, Any], at: str = "") -> Iterator[str]:
    schema = resolve(schema)
    for key, child in schema.get("properties", {}).items():
        yield f"{at}{key}"
        if not at.endswith("resources.") and f"{at}{key}" not in FREE:
            yield from schema_paths(child, f"{at}{key}.")


def value_paths(values: Values, at: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield f"{at}{key}"
        if isinstance(value, dict) and not at.endswith(
            "resources."
        ):  # requests and limits are leaves
            yield from value_paths(value, f"{at}{key}.")


def nodes(schema: Any, at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of the schema's JSON by its place."""
    if isinstance(schema, dict):
        yield at, schema
        for key, child in schema.items():
            yield from nodes(child, f"{at}/{key}")
    elif isinstance(schema, list):
        for number, child in enumerate(schema):
            yield from nodes(child, f"{at}/{number}")


def closed_objects(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for at, node in nodes(schema):
        if isinstance(node.get("properties"), dict) and not at.startswith(CONFIG_SCHEMA):
            yield at, node


def test_schema_and_values_have_the_same_keys_in_the_same_order() -> None:
    text = yaml.safe_load((CHART / "values.yaml").read_text())  # Helm sorts keys, the file does not
    assert list(schema_paths(SCHEMA)) == list(value_paths(text))


def test_no_pattern_in_the_schema() -> None:
    """Helm's message would show nothing but the pattern: formats.yaml has them."""
    assert [at for at, node in nodes(SCHEMA) if isinstance(node.get("pattern"), str)] == []


def test_null_takes_no_value_away() -> None:
    """Helm deletes a key that is set to null, so a template would miss its value."""
    text = yaml.safe_load((CHART / "values.yaml").read_text())
    for path in value_paths(text):
        *parents, last = path.split(".")
        with pytest.raises(HelmValuesError) as caught:
            render(overlay("tier3"), nested(path, None))
        place = "".join(f"/{parent}" for parent in parents)
        assert f"at '{place}': missing property '{last}'" in str(caught.value)


def test_schema_is_closed() -> None:
    found = list(closed_objects(SCHEMA))
    assert len(found) > len(COMPONENTS)
    for at, node in found:
        assert node["additionalProperties"] is False, at


@pytest.mark.parametrize("name", COMPONENTS)
def test_same_key_order_in_each_component(name: str) -> None:
    keys = list(yaml.safe_load((CHART / "values.yaml").read_text())[name])
    head, tail = ORDER[: ORDER.index("…")], ORDER[ORDER.index("…") + 1 :]
    own = [key for key in keys if key not in ORDER]
    expected = [
        *(key for key in head if key in keys),
        *own,
        *(key for key in tail if key in keys),
    ]
    assert keys == expected
    assert keys[-1] == "resources"


@pytest.mark.parametrize("name", COMPONENTS)
def test_each_component_has_image_and_resources(name: str) -> None:
    assert list(VALUES[name]["image"]) == ["digest", "repository", "tag"]
    assert set(VALUES[name]["resources"]) == {"limits", "requests"}


@pytest.mark.parametrize("name", TIERS)
def test_overlay_holds_only_what_the_tier_changes(name: str) -> None:
    def same(over: Values, under: Values, at: str = "") -> Iterator[str]:
        for key, value in over.items():
            if isinstance(value, dict) and isinstance(under.get(key), dict):
                yield from same(value, under[key], f"{at}{key}.")
            elif under.get(key) == value:
                yield f"{at}{key}"

    assert list(same(overlay(name), VALUES)) == []
