#!/usr/bin/env bash
# install-env.sh DIR LOCK [LIBRARY…]: make DIR/.venv hold exactly what LOCK pins, and DIR's own package and the
# repository's LIBRARY packages, editable.
set -euo pipefail
dir=$1 lock=$2
shift 2
uv=.tools/bin/uv

"$uv" venv --quiet --allow-existing --python "${PYTHON:-python3}" "$dir/.venv"
# uv's progress bars and sums are worth reading, its list of every package is not.
"$uv" pip sync --require-hashes --python "$dir/.venv/bin/python" "$lock" \
  2> >(grep --line-buffered -v '^ [-+~] ' >&2)
[ ! -f "$dir/pyproject.toml" ] || set -- "$@" "$dir"
for package in "$@"; do
  "$uv" pip install --quiet --no-deps --no-build-isolation --python "$dir/.venv/bin/python" --editable "$package"
done
