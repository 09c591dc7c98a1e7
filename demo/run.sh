#!/usr/bin/env bash
# `make demo`: the platform starts, trains a detector, proves it on pages it has not seen, and stops.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
apps/cli/.venv/bin/yard dev --state .trainyard/demo -- demo/.venv/bin/python demo/demo.py
code=$?
if [ $code = 0 ]; then
  echo "The demo took $SECONDS s from start to stop. Run it again any time: make demo"
else
  echo "The demo ended early (exit code $code) after $SECONDS s; logs are in .trainyard/demo/logs" >&2
fi
exit $code
