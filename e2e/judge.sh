#!/bin/bash
# serin judge against a real Prometheus (Debian: apt-get install prometheus), which is asked about itself.
# usage: judge.sh FOLDER   env SERIN_BIN
#
# Two jobs scrape the same Prometheus under the labels version=v1 and v2, the second with fewer series. Held: equal sides
# pass, a lower side fails with Low, a version that nobody knows is no evidence, a query that cannot be parsed is told.
set -uo pipefail
cd "$(dirname "$0")"
. ./tools.sh
folder=${1:?usage: judge.sh FOLDER}
command -v prometheus > /dev/null || { echo "missing: prometheus (Debian: apt-get install prometheus)"; exit 1; }
ensure_serin || exit 1
mkdir -p "$folder/data"
port=$(free_ports 21000)
url=http://127.0.0.1:$port
cat > "$folder/prometheus.yml" << END
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - {job_name: a, static_configs: [{targets: ["127.0.0.1:$port"], labels: {version: v1}}]}
  - job_name: b
    static_configs: [{targets: ["127.0.0.1:$port"], labels: {version: v2}}]
    metric_relabel_configs: [{source_labels: [__name__], regex: "prometheus_.*", action: drop}]
END
prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/data" --web.listen-address="127.0.0.1:$port" \
  > "$folder/prometheus.log" 2>&1 &
pid=$!
trap 'kill "$pid" 2> /dev/null; wait "$pid" 2> /dev/null' EXIT

metric() { # NAME QUERY
  printf '{"name": "%s", "groups": ["g"], "query": {"type": "prometheus", "customInlineTemplate": "PromQL:%s"}}' "$1" "$2"
}
config() { printf '{"name": "self", "applications": ["self"], "classifier": {}, "metrics": [%s]}' "$1"; }
config "$(metric up 'avg(up{version=\"${scope}\"})')" > "$folder/same.json"
config "$(metric samples 'avg(scrape_samples_post_metric_relabeling{version=\"${scope}\"})')" > "$folder/fewer.json"
config "$(metric up 'avg(up{')" > "$folder/broken.json"

judge() { # CONFIG CANARY: the exit code; what it said is in $folder/said
  "$SERIN_BIN" judge -c "$folder/$1.json" --prometheus "$url" --baseline v1 --canary "$2" --step 1 --pass 95 --marginal 75 \
    --start "$(date -u -d '-20 seconds' +%FT%TZ)" --end "$(date -u +%FT%TZ)" > "$folder/said" 2>&1
}
values() { # how many values the canary has
  sed -n 's/^  canary .*  \([0-9]*\) values$/\1/p' "$folder/said"
}
failed() { echo "judge: $1"; cat "$folder/said"; tail -5 "$folder/prometheus.log"; exit 1; }
for _ in $(seq 60); do
  judge same v2
  [ "$(values)" -ge 8 ] 2> /dev/null && break
  sleep 1
done
judge same v2; [ $? = 0 ] || failed "equal sides do not pass"
judge fewer v2; [ $? = 1 ] && grep -q "Low  samples" "$folder/said" || failed "a lower side does not fail with Low"
judge same v9; [ $? = 3 ] || failed "a version that nobody knows has evidence"
judge broken v2; [ $? = 65 ] && grep -q "400 Bad Request" "$folder/said" || failed "a broken query is not told"
echo "judge: passed on $(prometheus --version 2>&1 | head -1)"
