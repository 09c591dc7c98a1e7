#!/usr/bin/env bash
# find-tool.sh TOOL PACKAGE: print the path of a tool; one that is missing is unpacked from that Debian package, without root.
set -euo pipefail
name=$1 package=$2
if command -v "$name"; then exit 0; fi
tool=$(cd "$(dirname "$0")/.." && pwd)/.tools/cluster/bin/$name
if [ ! -x "$tool" ]; then
  if ! command -v apt-get >/dev/null; then
    echo "The tests need $name (Debian: $package): put it on the PATH and run again." >&2
    exit 1
  fi
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  (
    cd "$folder"
    apt-get download -q "$package" || { apt-get update -q && apt-get download -q "$package"; }
    dpkg-deb -x "$package"_*.deb .
  ) >&2
  mkdir -p "$(dirname "$tool")"
  install -m 755 "$folder/usr/bin/$name" "$tool"
fi
echo "$tool"
