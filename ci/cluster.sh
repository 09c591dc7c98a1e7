#!/usr/bin/env bash
# cluster.sh up | load | down: the kind cluster of tiers 1 and 2.
#
#   up     make it, unless it is there, and wait until its node is ready
#   load   put the project's images (ci/build_images.sh) into it
#   down   delete it, with all that is in it
#   CLUSTER=kind                 its name: kind's own default, so that `kind load docker-image` needs none
#   KIND_IMAGE=kindest/node:…    its Kubernetes; default: the one that this kind was released with
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.tools/cluster/bin:$PATH
cluster=${CLUSTER:-kind}

case ${1:-} in
  up)
    if kind get clusters 2>/dev/null | grep -qx "$cluster"; then
      kind export kubeconfig --name "$cluster"
    else
      kind create cluster --name "$cluster" --config ci/kind.yaml --wait 120s ${KIND_IMAGE:+--image "$KIND_IMAGE"}
    fi
    ;;
  load)
    kind load docker-image --name "$cluster" backend:latest frontend:latest trainer-ultralytics:latest
    ;;
  down)
    kind delete cluster --name "$cluster"
    ;;
  *)
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
