#!/usr/bin/env bash
# `make bench`: the design's numbers, each beside its peer in the same run. About 15 minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
yard=apps/cli/.venv/bin
pages=$(mktemp -d)
trap 'rm -rf "$pages"' EXIT

echo "── 1/3 heartbeats"
apps/backend/.venv/bin/python bench/heartbeats.py --mlflow .tools/mlflow/bin/mlflow
demo/.venv/bin/python demo/make_pages.py "$pages" >/dev/null
echo "── 2/3 submit to first batch, beside yolo train"
$yard/yard dev --state .trainyard/bench -- $yard/python bench/first_batch.py "$pages/dataset"
echo "── 3/3 throughput, beside the bare library"
$yard/yard dev --state .trainyard/bench -- $yard/python bench/throughput.py "$pages/dataset"
