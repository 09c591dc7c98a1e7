#!/usr/bin/env bash
# The page is tested in a real Chromium; this sees to it that there is one.
set -euo pipefail
if [ -x "${CHROMIUM:-/usr/bin/chromium}" ]; then
  exit 0
fi
if ! command -v apt-get >/dev/null || [ -n "${CHROMIUM:-}" ]; then
  echo "Chromium is needed for the page's tests: install it and set CHROMIUM to its path." >&2
  exit 1
fi
echo "── installing Chromium for the page's tests (apt-get install chromium)"
sudo=$([ "$(id -u)" = 0 ] || echo sudo)
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -q
$sudo apt-get install -qy --no-install-recommends chromium fonts-dejavu-core
