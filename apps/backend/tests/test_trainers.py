"""Configs, checked against the Ultralytics trainer's manifest."""

import json
from pathlib import Path
from typing import Any

import data_support
import pytest
from backend.catalog import TrainerCatalog
from backend.infra.problems import Problem
from trainyard_manifest import (
    Manifest,
    complete,
    config_errors,
    dataset_errors,
    wanted,
)

ULTRALYTICS = Path(__file__).parents[2] / "trainer-ultralytics" / "trainer.json"
REPOSITORY = Path(__file__).parents[3]
PROPERTIES = json.loads(ULTRALYTICS.read_bytes())["config_schema"]["properties"]


@pytest.fixture(scope="module")
def catalog() -> TrainerCatalog:
    return TrainerCatalog(ULTRALYTICS.parent)


def errors(catalog: TrainerCatalog, config: dict[str, Any], task: str = "detect") -> dict[str, str]:
    with pytest.raises(Problem) as raised:
        catalog.validate("ultralytics", config, task=task)
    assert raised.value.status == 422
    found: list[dict[str, str]] = raised.value.extra["errors"]
    assert all(error["message"] in raised.value.detail for error in found[:5])
    return {error["field"]: error["message"] for error in found}


def test_defaults_are_filled_in(catalog: TrainerCatalog) -> None:
    config = catalog.validate("ultralytics", {"epochs": 3}, task="obb")
    assert config == {name: rules["default"] for name, rules in PROPERTIES.items()} | {"epochs": 3}


def test_config_that_no_environment_variable_holds_is_refused() -> None:
    fields = {"type": "object", "properties": {"notes": {"default": "", "description": "Any."}}}
    catalog = data_support.catalog(
        data_support.MANIFEST.model_copy(update={"config_schema": fields})
    )
    fits = "x" * (64 * 1024 - len('{"notes": ""}'))
    assert catalog.validate("plain", {"notes": fits}, task="detect") == {"notes": fits}
    with pytest.raises(Problem, match=r"65537 bytes as JSON.* most is 65536") as raised:
        catalog.validate("plain", {"notes": fits + "x"}, task="detect")
    assert raised.value.status == 422


@pytest.mark.parametrize("name", PROPERTIES)
def test_each_field_refuses_what_it_is_not(catalog: TrainerCatalog, name: str) -> None:
    for wrong in ([["a", "list"]], {"an": "object"}, float("nan"), "\0"):
        found = errors(catalog, {name: wrong})
        assert list(found) == [f"config.{name}"]
        assert found[f"config.{name}"].startswith(f'"{name}" must be ')
        assert "something else" not in found[f"config.{name}"]


@pytest.mark.parametrize(
    "name", [name for name, rules in PROPERTIES.items() if "minimum" in rules or "maximum" in rules]
)
def test_each_range_is_named(catalog: TrainerCatalog, name: str) -> None:
    rules = PROPERTIES[name]
    for wrong in (-1_000_000_000_001, 1_000_000_000_001):
        message = errors(catalog, {name: wrong})[f"config.{name}"]
        assert message.endswith(f"; it is {wrong}.")
        for bound in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
            assert bound not in rules or str(rules[bound]) in message


@pytest.mark.parametrize(
    ("config", "field", "message"),
    [
        ({"epoch": 3}, "config.epoch", 'There is no "epoch". Did you mean "epochs"?'),
        ({"lr": 0.01}, "config.lr", 'There is no "lr". Did you mean "lr0" or "lrf"?'),
        # By what other tools, and the page's labels, call it.
        ({"batch_size": 8}, "config.batch_size", 'There is no "batch_size". Did you mean "batch"?'),
        (
            {"learning_rate": 0.1},
            "config.learning_rate",
            'There is no "learning_rate". Did you mean "lr0"?',
        ),
        ({"zzz": 3}, "config.zzz", 'There is no "zzz".'),
        (
            {"cache": 3},
            "config.cache",
            '"cache" must be one of false, true, "ram"; it is 3.',
        ),
        (
            {"batch": 0},
            "config.batch",
            '"batch" must be a whole number from 1 to 4096 or -1 or a number above 0 and below 1; it is 0.',
        ),
        (
            {"pretrained": True},
            "config.pretrained",
            (
                '"pretrained" cannot be set: A job names its weights beside its config: '
                "`yard train --weights NAME`."
            ),
        ),
        (
            {"device": "0,1"},
            "config.device",
            (
                '"device" must be as described: auto (the first GPU, else the CPU), cpu, or the '
                'number of a GPU, e.g. 0; it is "0,1".'
            ),
        ),
        (
            {"epochs": 0},
            "config.epochs",
            '"epochs" must be a whole number from 1 to 10000; it is 0.',
        ),
        (
            {"epochs": "ten"},
            "config.epochs",
            '"epochs" must be a whole number from 1 to 10000; it is "ten".',
        ),
        (
            {"epochs": True},
            "config.epochs",
            '"epochs" must be a whole number from 1 to 10000; it is true.',
        ),
        (
            {"imgsz": 100},
            "config.imgsz",
            '"imgsz" must be a whole number from 32 to 4096, a multiple of 32; it is 100.',
        ),
        (
            {"lr0": 0},
            "config.lr0",
            '"lr0" must be a number above 0 and at most 1; it is 0.',
        ),
        ({"cos_lr": 1}, "config.cos_lr", '"cos_lr" must be true or false; it is 1.'),
        (
            {"lr0": float("inf")},
            "config.lr0",
            '"lr0" must be a number above 0 and at most 1; it is not a finite number.',
        ),
    ],
    ids=lambda value: str(value)[:24],
)
def test_messages(
    catalog: TrainerCatalog, config: dict[str, Any], field: str, message: str
) -> None:
    assert errors(catalog, config) == {field: message}


def test_enums_are_listed(catalog: TrainerCatalog) -> None:
    message = errors(catalog, {"optimizer": "adamw"})["config.optimizer"]
    assert '"optimizer" must be one of "auto", "SGD"' in message
    assert message.endswith('; it is "adamw".')


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"int8": True, "half": True}, '"int8" and "half" exclude each other'),
        ({"int8": True, "formats": ["onnx", "openvino"]}, "openvino has 8 bits only with NNCF"),
        ({"int8": True, "formats": ["torchscript"]}, "torchscript has no 8 bits"),
        (
            {"half": True, "formats": ["torchscript"], "device": "cpu"},
            "torchscript has 16 bits on a GPU only",
        ),
        ({"int8": False, "half": True, "formats": ["openvino"]}, ""),
        ({"int8": True, "formats": ["onnx"]}, ""),
    ],
)
def test_fields_that_exclude_each_other_are_refused_in_the_manifest_s_words(
    config: dict[str, Any], words: str
) -> None:
    exports = Manifest.read(REPOSITORY / "apps/trainer-ultralytics/trainers/export.json")
    found = config_errors(exports, config, 20, "detect")
    assert found.keys() == ({"config"} if words else set())
    assert words in found.get("config", "")


@pytest.mark.parametrize(
    ("formats", "words"),
    [
        (["onnx", "engine"], '"formats" cannot have "engine": TensorRT builds it for one model of'),
        (["tflite"], "litert-torch and ai-edge-litert, which the trainer's image has not. Export"),
        (["foo"], '"formats" must be a list of at least 1 items, each one of "onnx", "openvino"'),
        ([["engine"]], '"formats" must be a list'),
    ],
)
def test_values_that_are_not_here_are_refused_with_the_reason(
    formats: list[Any], words: str
) -> None:
    exports = Manifest.read(REPOSITORY / "apps/trainer-ultralytics/trainers/export.json")
    told = config_errors(exports, {"formats": formats}, 20, "detect")["config.formats"]
    assert words in told
    assert '"onnx", "openvino", "torchscript"' in told


@pytest.mark.parametrize(
    ("classes", "known", "has"),
    [
        ([0, 99, 2], 2, "classes 0 to 1"),
        ([99], 1, "one class, 0"),
        ([0, 1], 2, ""),
        (None, 2, ""),
        ([99], 0, ""),
        (["disc"], 2, ""),
    ],
    ids=["beyond", "beyond one", "there", "all", "not known", "an own trainer's names"],
)
def test_classes_beyond_those_of_the_dataset_are_refused(
    classes: list[Any] | None, known: int, has: str
) -> None:
    trains = Manifest.read(REPOSITORY / "apps/trainer-ultralytics/trainer.json")
    report = {"images": {"train": 1, "val": 1}, "classes": [{"name": "disc"}] * known}
    told = {"config.classes": f"The dataset has {has}: take 99 out of classes."} if has else {}
    config = complete(trains, {"classes": classes})
    assert dataset_errors(trains, config, report if known else None) == told


def test_all_errors_at_once(catalog: TrainerCatalog) -> None:
    found = errors(catalog, {"epoch": 3, "batch": 0, "lr0": "fast"}, task="count")
    assert set(found) == {"trainer", "config.epoch", "config.batch", "config.lr0"}
    assert "does not do count; it does detect" in found["trainer"]


def test_unknown_trainer(catalog: TrainerCatalog) -> None:
    with pytest.raises(Problem) as raised:
        catalog.validate("ultralytic", {}, task="detect")
    assert raised.value.extra["errors"] == [
        {
            "field": "trainer",
            "message": 'There is no trainer "ultralytic". Did you mean "ultralytics"? '
            "There is: ultralytics.",
        }
    ]


def test_other_shapes_in_words() -> None:
    schema = {"$defs": {"Size": {"enum": ["n", "s"]}}}
    assert wanted(schema, {"$ref": "#/$defs/Size"}) == 'one of "n", "s"'
    assert wanted(schema, {"anyOf": [{"type": "string"}, {"type": "null"}]}) == "text or null"
    assert wanted(schema, {"type": ["integer", "null"], "minimum": 2}) == (
        "a whole number at least 2 or null"
    )
    assert wanted(schema, {"type": "array", "minItems": 2, "items": {"type": "number"}}) == (
        "a list of at least 2 items, each a number"
    )
    assert wanted(schema, {"type": "string", "maxLength": 5}) == "text of at most 5 characters"
    assert wanted(schema, {"const": 4}) == "4"
