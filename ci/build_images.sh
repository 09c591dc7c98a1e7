#!/usr/bin/env bash
# build_images.sh [NAME…]: build the images named (default: all three) with plain docker.
#
#   TAG=1.2.0 REGISTRY=registry.example.com/team   make the tag; default: NAME:latest, as in tiers 1 and 2
#   VARIANT=cuda                                   the trainer for NVIDIA GPUs
#   PUSH=1                                         push instead of keeping, with SLSA provenance and an SBOM (buildx)
#   METADATA=FILE                                  with PUSH, write there what was pushed: its digest
#   PYTHON_IMAGE NODE_IMAGE NGINX_IMAGE DEBIAN_MIRROR PIP_INDEX_URL PIP_EXTRA_INDEX_URL NPM_CONFIG_REGISTRY
#                                                  handed on where they are set, so that mirrors can be used
set -euo pipefail
cd "$(dirname "$0")/.."

names=("$@")
[ $# -gt 0 ] || names=(backend frontend trainer-ultralytics)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
[ -z "$(git status --porcelain -- apps libs 2>/dev/null)" ] || revision+=-modified

build=(docker build)
[ -z "${PUSH:-}" ] || build=(docker buildx build --push --provenance=mode=max --sbom=true)
[ -z "${METADATA:-}" ] || build+=(--metadata-file "$METADATA")

for name in "${names[@]}"; do
  if [ ! -f "apps/$name/Dockerfile" ]; then
    echo "There is no apps/$name/Dockerfile. Name any of: backend frontend trainer-ultralytics." >&2
    exit 2
  fi
  arguments=(--build-arg "REVISION=$revision")
  [ "${TAG:-latest}" = latest ] || arguments+=(--build-arg "VERSION=$TAG")
  context=apps/$name
  case $name in
    backend)
      context=. # it takes in libs/datasets and libs/manifest
      known=(PYTHON_IMAGE DEBIAN_MIRROR PIP_INDEX_URL PIP_EXTRA_INDEX_URL)
      ;;
    frontend) known=(NODE_IMAGE NGINX_IMAGE NPM_CONFIG_REGISTRY) ;;
    *) known=(PYTHON_IMAGE VARIANT PIP_INDEX_URL) ;;
  esac
  for variable in "${known[@]}"; do
    [ -z "${!variable:-}" ] || arguments+=(--build-arg "$variable")
  done
  "${build[@]}" "${arguments[@]}" --file "apps/$name/Dockerfile" \
    --tag "${REGISTRY:+$REGISTRY/}$name:${TAG:-latest}" "$context"
done
