#!/usr/bin/env bash
# The tests start a PostgreSQL of their own; this sees to it that its programs are there.
set -euo pipefail
if command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  echo "PostgreSQL's server programs (initdb, postgres) are needed for the tests: install them and run again." >&2
  exit 1
fi
echo "── installing PostgreSQL for the tests (apt-get install postgresql)"
sudo=$([ "$(id -u)" = 0 ] || echo sudo)
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -q
$sudo apt-get install -qy --no-install-recommends postgresql
