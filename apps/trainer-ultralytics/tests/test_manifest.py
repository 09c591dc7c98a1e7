"""trainer.json: one source for the schema, the child's types, and Ultralytics' own names."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import jsonschema
import ultralytics
from trainer.train_config import TrainConfig

APP = Path(__file__).parents[1]
MANIFEST = json.loads((APP / "trainer.json").read_text())


def test_every_field_is_described_and_its_default_is_valid() -> None:
    schema = MANIFEST["config_schema"]
    jsonschema.Draft202012Validator.check_schema(schema)
    for name, field in schema["properties"].items():
        assert field["description"], name
        assert "default" in field, name
        assert {"minimum", "exclusiveMinimum", "enum", "pattern"} & set(field) or field[
            "type"
        ] == "boolean", name
    defaults = {name: field["default"] for name, field in schema["properties"].items()}
    jsonschema.validate(defaults, schema)
    assert asdict(TrainConfig()) == defaults


def test_types_are_generated_from_the_manifest(tmp_path: Path) -> None:
    generated = tmp_path / "train_config.py"
    subprocess.run(
        [APP / "generate_config.sh", generated],
        check=True,
        env=os.environ | {"PYTHON": sys.executable},
    )
    assert generated.read_text() == (APP / "src" / "trainer" / "train_config.py").read_text()


def test_every_model_is_there_for_every_task() -> None:
    models = Path(ultralytics.__file__).parent / "cfg" / "models"
    files = {path.stem for path in models.rglob("*.yaml")}
    for model in MANIFEST["config_schema"]["properties"]["model"]["enum"]:
        for suffix in ("", "-seg", "-cls", "-pose", "-obb"):
            assert f"{model[:-1]}{suffix}" in files
