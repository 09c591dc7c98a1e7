#!/usr/bin/env bash
# generate.sh [FOLDER]: write the generated half of the client from the backend's OpenAPI document.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${1:-libs/client/src/trainyard/generated}
document=$(mktemp)
trap 'rm -f "$document"' EXIT
PYTHONPATH=tests apps/backend/.venv/bin/python ci/openapi.py >"$document"
tests/.venv/bin/openapi-python-client generate --meta none --overwrite --fail-on-warning \
  --path "$document" --config libs/client/generator.yaml --output-path "$target" >/dev/null
tests/.venv/bin/ruff check --quiet --isolated --select I,F401 --fix "$target"
tests/.venv/bin/ruff format --quiet --isolated --line-length 100 "$target"
