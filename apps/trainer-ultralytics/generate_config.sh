#!/bin/sh
# Writes the types of the training child's config from trainer.json, where each field is told once.
set -eu
cd "$(dirname "$0")"
bin=${PYTHON:-.venv/bin/python}
"$bin" -c 'import json; print(json.dumps(json.load(open("trainer.json"))["config_schema"]))' |
  "$bin" -m datamodel_code_generator --input-file-type jsonschema \
    --output-model-type dataclasses.dataclass --frozen-dataclasses --keyword-only --strict-nullable --target-python-version 3.11 \
    --enum-field-as-literal all --use-union-operator --use-standard-collections \
    --disable-timestamp --use-schema-description --use-field-description \
    --formatters builtin --output "${1:-src/trainer/train_config.py}"
