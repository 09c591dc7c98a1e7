#!/usr/bin/env bash
# install.sh tier1|tier2: install the chart into the kind cluster, or bring it up to date, and show how it comes up.
#
#   CLUSTER=kind                              the cluster's name, as for ci/cluster.sh
#   HELM_ARGS="--set grafana.enabled=false"   handed on to helm
set -Eeuo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.tools/cluster/bin:$PATH
tier=${1:?tier1 or tier2}
context=kind-${CLUSTER:-kind}
kubectl() { command kubectl --context "$context" --namespace platform "$@"; }
helm() { command helm --kube-context "$context" --namespace platform "$@"; }
trap 'ci/diagnose.sh "$context" >&2' ERR

kubectl apply -f overlays/namespace/namespace.yaml

# `latest` names what was built last: pods of an older build are replaced, and the migrations of the new one run.
built=$(docker image inspect --format '{{.Id}}' backend:latest frontend:latest trainer-ultralytics:latest | tr '\n' ' ')
runs=$(kubectl get namespace platform -o jsonpath='{.metadata.annotations.trainyard\.dev/images}')
replace=
if [ "$runs" != "$built" ] && helm status platform >/dev/null 2>&1; then
  replace=yes
  kubectl delete job -l app=backend-migrate --ignore-not-found
fi

# What `kubectl set env` has changed is the overlay's again; Helm 3 needs no word for that.
if helm upgrade --help | grep -e --force-conflicts >/dev/null; then
  HELM_ARGS="${HELM_ARGS:-} --force-conflicts"
fi

# On the one node, a training's Job must not take the place of a platform pod that is replaced.
# shellcheck disable=SC2086 # HELM_ARGS are words
helm upgrade platform charts/platform --install --values "overlays/$tier/values.yaml" \
  --set scheduling.priorityClassName=system-cluster-critical ${HELM_ARGS:-} >/dev/null
[ -z "$replace" ] || kubectl rollout restart deployment/backend deployment/frontend
kubectl annotate namespace platform --overwrite "trainyard.dev/images=$built" >/dev/null

for workload in $(kubectl get statefulsets,deployments -o name); do
  kubectl rollout status --timeout=300s "$workload"
done
kubectl wait --for=condition=complete --timeout=300s job -l 'app.kubernetes.io/part-of=platform,app!=trainer'
helm get notes platform
