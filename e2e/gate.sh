#!/bin/bash
# The gate against a real Prometheus (Debian: apt-get install prometheus). usage: gate.sh FOLDER   env SERIN_BIN
#
# gate-sources: what is read of counters, classic and native histograms and gauges is what an exporter has shown,
# and what serin gate lint says of it.
set -uo pipefail
cd "$(dirname "$0")"
. ./tools.sh
folder=${1:?usage: gate.sh FOLDER}
command -v prometheus > /dev/null || { echo "missing: prometheus (Debian: apt-get install prometheus)"; exit 1; }
ensure_serin || exit 1
mkdir -p "$folder/sources"
"$(dirname "$SERIN_BIN")/gate-sources" "$folder/sources" "$(free_ports 21000)" || { tail -5 "$folder/sources/prometheus.log"; exit 1; }
