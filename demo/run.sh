#!/usr/bin/env bash
# `make demo`: the platform starts, trains a detector, proves it on pages it has not seen, and stops;
# `make demo KEEP=1` leaves it up until Ctrl-C, `MLFLOW=1` runs MLflow beside it.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
apps/cli/.venv/bin/yard dev --state .trainyard/demo ${MLFLOW:+--mlflow} -- demo/.venv/bin/python demo/demo.py
code=$?
if [ $code = 130 ] && [ -n "${KEEP:-}" ]; then
  echo "Stopped. Its jobs are there again after: apps/cli/.venv/bin/yard dev --state .trainyard/demo"
  exit 0
fi
if [ $code = 0 ]; then
  echo "The demo took $SECONDS s from start to stop. Run it again any time: make demo"
else
  echo "The demo ended early (exit code $code) after $SECONDS s; logs are in .trainyard/demo/logs" >&2
fi
exit $code
