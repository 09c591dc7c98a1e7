"""trainer.json: one source for the schema, the child's types, and Ultralytics' own names."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ultralytics
from trainer.train_config import TrainConfig
from ultralytics import cfg
from ultralytics.engine.exporter import export_formats
from ultralytics.utils import DEFAULT_CFG_DICT, DEFAULT_CFG_PATH
from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES

APP = Path(__file__).parents[1]
MANIFEST = json.loads((APP / "trainer.json").read_text())
SCHEMA = MANIFEST["config_schema"]
FIELDS = SCHEMA["properties"]
MODELS = FIELDS["model"]["anyOf"][0]["enum"]
DEFAULTS = DEFAULT_CFG_DICT
# Sections of Ultralytics' default.yaml that are not about training; some of their arguments are.
ELSEWHERE = ("Predict settings", "Visualize settings", "Export settings", "Tracker settings")
OWN = {"export_onnx", "ranks"}
# The model has a default, `auto` names the device, and a default job has two cores for its loaders.
OTHER_DEFAULTS = {"model", "device", "workers", "freeze"}
KINDS = {
    "integer": cfg.CFG_INT_KEYS,
    "number": cfg.CFG_FLOAT_KEYS | cfg.CFG_FRACTION_KEYS,
    "boolean": cfg.CFG_BOOL_KEYS,
    "string": cfg.CFG_STR_KEYS,
}


def test_every_field_is_described_and_its_default_is_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for name, field in FIELDS.items():
        assert field["title"], name
        assert field["group"], name
        assert field["description"].endswith("."), name
        bounded = {"minimum", "exclusiveMinimum", "enum", "pattern", "anyOf", "items"} & set(field)
        assert bounded or field["type"] in ("boolean", ["boolean", "null"]), name
    defaults = {name: field["default"] for name, field in FIELDS.items()}
    jsonschema.validate(defaults, SCHEMA)
    assert asdict(TrainConfig()) == defaults


def test_pretrained_weights_have_the_names_of_ultralytics_own_files() -> None:
    names = {
        (task, model, name.replace("{model}", model))
        for task, name in MANIFEST["pretrained"].items()
        for model in MODELS
    }
    unknown = {(task, model) for task, model, name in names if name not in GITHUB_ASSETS_NAMES}
    # YOLO12 and RT-DETR are there for detection alone.
    alone = ("yolo12", "rtdetr")
    assert all(model.startswith(alone) and task != "detect" for task, model in unknown)
    assert set(MANIFEST["pretrained"]) == set(MANIFEST["tasks"])


def test_assets_are_ultralytics_own_files_that_trainings_start_from() -> None:
    assert MANIFEST["assets"] == {
        name.replace("{model}", model): {"task": task, "model": model}
        for task, name in MANIFEST["pretrained"].items()
        for model in MODELS
        if name.replace("{model}", model) in GITHUB_ASSETS_NAMES
    }


def test_every_argument_of_training_is_taken_or_refused() -> None:
    section, elsewhere = "", set()
    for line in DEFAULT_CFG_PATH.read_text().splitlines():
        if line.startswith("# "):
            section = line[2:].rstrip("- ")
        elif section in ELSEWHERE and ":" in line:
            elsewhere.add(line.split(":")[0])
    assert len(elsewhere) > 20
    # `dnn` is for ONNX files.
    assert DEFAULTS.keys() - elsewhere - {"dnn"} <= FIELDS.keys() | SCHEMA["refused"].keys()
    assert FIELDS.keys() - OWN <= DEFAULTS.keys()
    assert FIELDS.keys().isdisjoint(SCHEMA["refused"])


def test_every_format_is_exported_or_refused_with_the_reason() -> None:
    exports = json.loads((APP / "trainers/export.json").read_text())
    formats = exports["config_schema"]["properties"]["formats"]["items"]
    away = [name for one in formats["unavailable"] for name in one["enum"]]
    known: dict[str, Any] = export_formats()  # type: ignore[no-untyped-call]
    assert {*known["Argument"]} - {"-"} <= {*formats["enum"], *away}
    assert len({*formats["enum"], *away}) == len(formats["enum"]) + len(away)


@pytest.mark.parametrize("name", sorted(FIELDS.keys() - OWN))
def test_arguments_have_ultralytics_own_default_and_type(name: str) -> None:
    field = FIELDS[name]
    if name not in OTHER_DEFAULTS:
        assert (field["default"], type(field["default"])) == (DEFAULTS[name], type(DEFAULTS[name]))
    choices = field.get("anyOf", [field])
    types = str([choice.get("type") for choice in choices])
    for type_, names in KINDS.items():
        assert name not in names or "enum" in field or f"'{type_}'" in types
    # Ultralytics takes both ends of each range.
    for choice in choices:
        ends = [choice[end] for end in ("minimum", "maximum") if end in choice]
        if choice.get("type") == "array":
            continue
        for value in [*ends, *choice.get("enum", []), field["default"]]:
            cfg.check_cfg({name: value})


def test_types_are_generated_from_the_manifests(tmp_path: Path) -> None:
    subprocess.run(
        [APP / "generate_config.sh", tmp_path],
        check=True,
        env=os.environ | {"PYTHON": sys.executable},
    )
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"{one}_config.py" for one in ("train", "evaluate", "export", "predict")}
    for name in names:
        assert (tmp_path / name).read_text() == (APP / "src/trainer" / name).read_text()


def test_every_model_is_there_for_every_task() -> None:
    models = Path(ultralytics.__file__).parent / "cfg" / "models"
    files = {path.stem for path in models.rglob("*.yaml")}
    for model in MODELS:
        if model.startswith("rtdetr"):
            assert model in files
            continue
        for suffix in ("", "-seg", "-cls", "-pose", "-obb"):
            assert f"{model[:-1]}{suffix}" in files
