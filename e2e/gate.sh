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

# gate-run: serin gate run --follow on a real Prometheus that scrapes a real exporter every second: three releases side by
# side, one equal, one that fails twice as often, one that is sent traffic and answers nothing: without a weight there is
# nothing to judge (`silent`), with it that is a black hole (`silent-33`).
run=$folder/run
mkdir -p "$run"
exporter_port=$(free_ports 22000)
prometheus_port=$((exporter_port + 1))
PYTHONHASHSEED=0 python3 exporter.py "$exporter_port" "$run/canary" > "$run/exporter.log" 2>&1 &
exporter=$!
cat > "$run/prometheus.yml" <<END
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
- {job_name: shop, static_configs: [{targets: ["127.0.0.1:$exporter_port"]}]}
END
prometheus --config.file="$run/prometheus.yml" --storage.tsdb.path="$run/data" --web.listen-address="127.0.0.1:$prometheus_port" \
  --log.level=warn > "$run/prometheus.log" 2>&1 &
prometheus=$!
trap 'kill "$exporter" "$prometheus" 2> /dev/null; wait "$exporter" "$prometheus" 2> /dev/null' EXIT
config() {
  cat <<END
block: 1s
blackhole: 5s
scrapeInterval: 1s
lag: 2s
history: 45s
warmUp: 0s
deadline: 40s
steps: [{weight: 33, minimum: 5s}]
arms: {stable: {track: stable}, canary: {track: canary}}
metrics:
- name: errors
  events: requests_total{service="$1",code="500"}
  exposure: requests_total{service="$1"}
  margin: 1.8
END
}
# The past of the stable version, without which bursts and pods are unknown.
sleep 50
failed=0
# gate-plan and gate-backtest: what serin gate plan and serin gate backtest read of that past, whose rates are known: six pods
# with 200 requests a second each, of which 5 % fail. The plan is made before the release, the backtest has more past after it.
config equal | sed -e 's/^history:.*/history: 32s/' > "$run/past.yaml"
past() { # verb wanted [argument]...   checks the exit code and, by `wanted`, the JSON that it prints
  local verb=$1 wanted=$2 code found; shift 2
  "$SERIN_BIN" gate "$verb" --config "$run/past.yaml" --prometheus "http://127.0.0.1:$prometheus_port" -o json "$@" \
    > "$run/$verb.out" 2> "$run/$verb.error"; code=$?
  if [ "$code" = 0 ] && found=$(python3 -c "$wanted" < "$run/$verb.out" 2>> "$run/$verb.error"); then
    echo "gate $verb: $found"
  else
    echo "gate $verb: exit $code, or its numbers are not those of the exporter"; tail -3 "$run/$verb.error"; failed=1
  fi
}
past plan '
import json, sys
service = json.load(sys.stdin)["metrics"][0]["service"]
exposure, rate = service["exposure"], service["rate"]
assert 0.8 < exposure / (6 * 200 * 60) < 1.2 and 0.8 < rate / 0.05 < 1.2 and service["stablePods"] == 6, service
print(f"{exposure:.0f} requests a minute, {100 * rate:.2f} % of which fail")'
touch "$run/canary"
declare -A wanted=([equal]=0 [worse]=1 [silent]=3 [silent-33]=1) word=([equal]=PASS [worse]=FAIL [silent]=no-exposure [silent-33]='"rule": "blackhole"') running=()
for release in "${!wanted[@]}"; do
  config "${release%-33}" > "$run/$release.yaml"
  weight=()
  [ "$release" = "${release%-33}" ] || weight=(--weight-query 'vector(0.333)')
  "$SERIN_BIN" gate run --config "$run/$release.yaml" --prometheus "http://127.0.0.1:$prometheus_port" --follow "${weight[@]}" \
    --record "$run/$release.json" -o json > "$run/$release.out" 2> "$run/$release.looks" &
  running[$release]=$!
done
for release in "${!wanted[@]}"; do
  wait "${running[$release]}"; code=$?
  if [ "$code" = "${wanted[$release]}" ] && grep -q "${word[$release]}" "$run/$release.out" \
    && "$SERIN_BIN" verify "$run/$release.json" > "$run/$release.verified"; then
    echo "gate run: $release: exit $code after $(wc -l < "$run/$release.looks") looks, verified"
  else
    echo "gate run: $release: exit $code, not ${wanted[$release]} (${word[$release]})"; tail -3 "$run/$release.looks"; failed=1
  fi
done

past backtest '
import json, sys
found = json.load(sys.stdin)
same = found["same"]
assert found["stablePods"] == 6 and not found["troubled"], found
assert 0 < same["trials"] == same["failed"] + same["passed"] + same["held"], same
print("{} false alarms in {} judgements".format(same["failed"], same["trials"]))' --last 80s --horizon 12s
exit "$failed"
