#!/usr/bin/env bash
# install-debian.sh PROGRAM PACKAGE…: install Debian packages unless PROGRAM is there: a name, a path, or a path with wildcards.
set -euo pipefail
program=$1 packages=("${@:2}")
found() { command -v "$program" || compgen -G "$program"; } >/dev/null
if found; then exit 0; fi
if command -v apt-get >/dev/null; then
  echo "── installing ${packages[*]} (apt-get install)"
  sudo=$([ "$(id -u)" = 0 ] || echo sudo)
  export DEBIAN_FRONTEND=noninteractive
  $sudo apt-get update -q
  $sudo apt-get install -qy --no-install-recommends "${packages[@]}"
fi
if ! found; then
  echo "The tests need $program (Debian: ${packages[*]}): install it and run again." >&2
  exit 1
fi
