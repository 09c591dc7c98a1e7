#!/usr/bin/env bash
# install-env.sh DIR LOCK: make DIR/.venv hold exactly what LOCK pins, and DIR's own package, editable.
set -euo pipefail
dir=$1 lock=$2
uv=.tools/bin/uv

"$uv" venv --quiet --allow-existing --python "${PYTHON:-python3}" "$dir/.venv"
"$uv" pip sync --require-hashes --python "$dir/.venv/bin/python" "$lock"
if [ -f "$dir/pyproject.toml" ]; then
  "$uv" pip install --quiet --no-deps --no-build-isolation --python "$dir/.venv/bin/python" --editable "$dir"
fi
