#!/bin/sh
# Writes the types of the training child's configs from the manifests, where each field is told once.
set -eu
cd "$(dirname "$0")"
bin=${PYTHON:-.venv/bin/python}
to=${1:-src/trainer}

generate() {
  "$bin" -c 'import json, sys; print(json.dumps(json.load(open(sys.argv[1]))["config_schema"]))' "$1" |
    "$bin" -m datamodel_code_generator --input-file-type jsonschema \
      --output-model-type dataclasses.dataclass --frozen-dataclasses --keyword-only --strict-nullable --target-python-version 3.11 \
      --enum-field-as-literal all --use-union-operator --use-standard-collections \
      --disable-timestamp --use-schema-description --use-field-description \
      --formatters builtin --output "$2"
}

generate trainer.json "$to/train_config.py"
generate trainers/evaluate.json "$to/evaluate_config.py"
generate trainers/export.json "$to/export_config.py"
generate trainers/predict.json "$to/predict_config.py"
