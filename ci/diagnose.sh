#!/usr/bin/env bash
# diagnose.sh CONTEXT: print the state of a platform that does not come up or fails a smoke test.
set -uo pipefail
context=$1
kubectl() { command kubectl --context "$context" --namespace platform "$@"; }
# Of a suite's dozens of trainings, the last ones.
trainers() { kubectl get pods -l app=trainer --sort-by=.metadata.creationTimestamp -o "$@" | tail -n 4; }
last_words() { kubectl logs "$1" --all-containers --prefix --tail="$2" | cut -c -240; }

echo "── health of the backend and its dependencies"
kubectl exec deployment/backend -c backend -- python -c "
import urllib.error, urllib.request
try:
    print(urllib.request.urlopen('http://localhost:8000/readyz').read().decode())
except urllib.error.HTTPError as error:
    print(error.read().decode())"
echo "── pods"
kubectl get pods -l app!=trainer -o wide
trainers wide
echo "── the last events"
kubectl get events --sort-by=.lastTimestamp | tail -n 30
for pod in $(kubectl get pods -l app=backend -o name); do
  echo "── the last words of $pod, less what it was asked"
  last_words "$pod" 2000 | grep -v ' backend.access: ' | tail -n 60
done
for pod in $(kubectl get pods -l 'app notin (backend, trainer)' -o name) $(trainers name); do
  echo "── the last words of $pod"
  last_words "$pod" 12
done
