#!/usr/bin/env bash
# version.sh:        print the version, which charts/platform/Chart.yaml holds.
# version.sh X.Y.Z:  write it there and into every file that has to repeat it.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -eq 0 ]; then
  sed -n 's/^version: //p' charts/platform/Chart.yaml
  exit
fi
version=$1
if ! [[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]]; then
  echo "$version is not a version. Write it as X.Y.Z, for example 0.2.0." >&2
  exit 2
fi

shopt -s nullglob
old=$(sed -n 's/^version: //p' charts/platform/Chart.yaml)
# Own images are listed with the version as their tag.
sed -i -E "s/^( +image: [a-z-]+):${old//./\\.}$/\1:$version/" charts/platform/Chart.yaml
sed -i -E "s/^(version|appVersion): .*/\1: $version/" charts/platform/Chart.yaml
sed -i -E "s/^version = \".*\"/version = \"$version\"/" apps/*/pyproject.toml libs/*/pyproject.toml
# npm's lock has it twice in its head, trainers' manifests and package.json once at the top.
sed -i -E "1,10s/^( +\"version\": )\".*\"/\1\"$version\"/" \
  apps/frontend/package.json apps/frontend/package-lock.json \
  apps/*/trainer.json apps/*/trainers/*.json charts/platform/files/trainers/*.json
