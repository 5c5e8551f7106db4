#!/bin/bash
# What Canaries measure, on a real Prometheus (Debian: apt-get install prometheus). usage: metrics.sh FOLDER   env SERIN_BIN
set -uo pipefail
cd "$(dirname "$0")"
. ./tools.sh
folder=${1:?usage: metrics.sh FOLDER}
command -v prometheus > /dev/null || { echo "missing: prometheus (Debian: apt-get install prometheus)"; exit 1; }
ensure_serin || exit 1
mkdir -p "$folder"
"$(dirname "$SERIN_BIN")/canary-metrics" "$folder" "$(free_ports 21000)" > "$folder/metrics.log" || {
  tail -n 5 "$folder/metrics.log" "$folder/prometheus.log"; exit 1; }
tail -n 1 "$folder/metrics.log"
