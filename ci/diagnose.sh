#!/usr/bin/env bash
# diagnose.sh CONTEXT: what a person would look at when the platform does not come up or a smoke test fails.
set -uo pipefail
context=$1
kubectl() { command kubectl --context "$context" --namespace platform "$@"; }

echo "── pods"
kubectl get pods -o wide
echo "── the last events"
kubectl get events --sort-by=.lastTimestamp | tail -n 30
for pod in $(kubectl get pods -o name); do
  echo "── the last words of $pod"
  kubectl logs "$pod" --all-containers --prefix --tail=15 | cut -c -240
done
