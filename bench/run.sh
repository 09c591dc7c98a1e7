#!/usr/bin/env bash
# run.sh [PART…]: the design's numbers, each beside its peer in the same run. `make bench` runs all parts.
#
#   heartbeats     at most, beside MLflow's log-batch                              1 minute
#   running-jobs   one replica with 100, 1,000 and 10,000 running jobs             5 minutes
#   first-batch    submit → first batch, beside `yolo train`                       7 minutes
#   throughput     of a training, and of two ranks, beside the bare library        9 minutes
#   live           log line → `yard logs -f`, cancel → no process left             1 minute
#   viewers        50 of one job: the backend's core, and how soon they see a line 1 minute
#   push           a folder, beside `zip -0`, sha256 and boto3                      3 minutes
#   cluster        in the kind cluster of `make tier1` or `make tier2`, if there   5 minutes
set -euo pipefail
export WEIGHTS_DOWNLOAD= # trainings start from scratch, as their peers do
cd "$(dirname "$0")/.."
yard=apps/cli/.venv/bin
backend="env PYTHONPATH=tests apps/backend/.venv/bin/python"
state=.trainyard/bench
[ $# -gt 0 ] || set -- heartbeats running-jobs first-batch throughput live viewers push cluster
pages=$(mktemp -d)
trap 'rm -rf "$pages"' EXIT
demo/.venv/bin/python demo/make_pages.py "$pages" >/dev/null

platform() { "$yard/yard" dev --state "$state" -- env PYTHONPATH=tests "$yard/python" "$@"; }

for part in "$@"; do
  echo "── $part"
  case $part in
    heartbeats) $backend bench/heartbeats.py --mlflow ;;
    running-jobs) $backend bench/running_jobs.py ;;
    first-batch) platform bench/first_batch.py "$pages/dataset" ;;
    throughput) platform bench/throughput.py "$pages/dataset" ;;
    viewers) $backend bench/viewers.py ;;
    push) $backend bench/push.py ;;
    live) platform bench/live.py "$pages/dataset" "$state" ;;
    cluster)
      if curl --silent --fail --output /dev/null --max-time 5 http://localhost:30080/healthz; then
        PYTHONPATH=tests "$yard/python" bench/cluster.py "$pages/dataset"
      else
        echo "No platform answers on localhost:30080. \`make tier2\` (or tier1), then \`bench/run.sh cluster\`."
        echo "To time those in a new cluster, without another one: \`$yard/python bench/bring_up.py tier1\`."
      fi
      ;;
    *)
      sed -n '2,11s/^# \{0,1\}//p' "$0" >&2
      exit 2
      ;;
  esac
done
