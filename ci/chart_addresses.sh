#!/usr/bin/env bash
# chart_addresses.sh URL REF: write into Chart.yaml where the chart comes from, for a release.
# URL is the repository's page, as https://github.com/TEAM/trainyard, REF the release's tag.
set -euo pipefail
cd "$(dirname "$0")/.."
url=${1:?the address of the repository} ref=${2:?the tag of the release}

# Chart.yaml ends with its annotations.
cat >> charts/platform/Chart.yaml << EOF
  artifacthub.io/links: |
    - name: Installing and running the platform
      url: $url/blob/$ref/docs/platform.md
    - name: Values
      url: $url/blob/$ref/docs/values.md
    - name: Changelog
      url: $url/blob/$ref/CHANGELOG.md
icon: $url/raw/$ref/apps/frontend/public/icon.svg
home: $url
sources:
  - $url
EOF
