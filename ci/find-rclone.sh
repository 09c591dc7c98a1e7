#!/usr/bin/env bash
# Buckets are backed up with rclone; where there is none, this puts that of Debian's package beside the other cluster tools.
set -euo pipefail
tool=$(cd "$(dirname "$0")/.." && pwd)/.tools/cluster/bin/rclone
if [ -x "$tool" ] || command -v rclone >/dev/null; then exit 0; fi
if ! command -v apt-get >/dev/null; then
  echo "rclone 1.59 or newer is needed for the tests: put it on the PATH and run again." >&2
  exit 1
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -q rclone || { apt-get update -q && apt-get download -q rclone; }
dpkg-deb -x rclone_*.deb package
mkdir -p "$(dirname "$tool")"
install -m 755 package/usr/bin/rclone "$tool"
