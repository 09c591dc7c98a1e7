#!/usr/bin/env bash
# smoke.sh: tiers 1 and 2 from nothing in a kind cluster, and what any executor must pass on the second.
#
#   KEEP_CLUSTER=1   leave the cluster as it is at the end, for a look; `make down` deletes it
#   KIND_IMAGE, HELM_ARGS, CLUSTER   as for `make tier1`
set -euo pipefail
cd "$(dirname "$0")/.."
[ -n "${KEEP_CLUSTER:-}" ] || trap 'make down' EXIT

make tier1
make smoke TIER=tier1
make tier2
make smoke TIER=tier2
make conformance-cluster
