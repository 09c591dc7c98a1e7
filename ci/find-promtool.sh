#!/usr/bin/env bash
# The alert rules are tested by promtool; this prints where it is, and takes it from Debian's package where there is none.
set -euo pipefail
if command -v promtool; then exit 0; fi
tool=$(cd "$(dirname "$0")/.." && pwd)/.tools/bin/promtool
if [ ! -x "$tool" ]; then
  if ! command -v apt-get >/dev/null; then
    echo "promtool is needed for the tests: put it on the PATH (it comes with Prometheus) and run again." >&2
    exit 1
  fi
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  (
    cd "$folder"
    apt-get download -q prometheus || { apt-get update -q && apt-get download -q prometheus; }
  ) >&2
  dpkg-deb -x "$folder"/prometheus_*.deb "$folder/package"
  mkdir -p "$(dirname "$tool")"
  install -m 755 "$folder/package/usr/bin/promtool" "$tool"
fi
echo "$tool"
