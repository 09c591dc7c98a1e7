#!/usr/bin/env bash
# A second opinion on the rendered manifests: checkov, in an environment of its own (.tools/checkov).
set -euo pipefail
cd "$(dirname "$0")/.."
env=.tools/checkov
if ! cmp -s ci/checkov/requirements.lock "$env/installed.lock"; then
  uv=.tools/bin/uv
  [ -x "$uv" ] || uv=$(command -v uv) || { echo "uv is needed: run make .tools/bin/uv first." >&2; exit 1; }
  "$uv" venv --quiet --allow-existing --python "${PYTHON:-python3}" "$env"
  "$uv" pip sync --quiet --require-hashes --python "$env/bin/python" ci/checkov/requirements.lock
  cp ci/checkov/requirements.lock "$env/installed.lock"
fi
for tier in tier1 tier2 tier3; do
  tests/.venv/bin/python ci/render.py render "$tier" | "$env/bin/python" ci/checkov/scan.py "$tier"
done
