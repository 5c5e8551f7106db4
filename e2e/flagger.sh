#!/bin/bash
# Drives Serin through the scenarios that were recorded of Flagger, on a real control plane, and compares what could be
# observed: events, status, routes, objects, queries, web hooks and chats. usage: flagger.sh PLANE_DIR OUT [RECORDER'S ARGUMENTS]
# The recorder, its scenarios and what Flagger did lie beside the repository (SERIN_SHARED); without them there is nothing to
# compare with. Every difference must stand in flagger-accepted.txt, with why. env SERIN_BIN, CI
set -uo pipefail
PLANE=${1:?usage: flagger.sh PLANE_DIR OUT}; OUT=${2:?usage: flagger.sh PLANE_DIR OUT}; shift 2
cd "$(dirname "$0")"
. ./tools.sh
SHARED=${SERIN_SHARED:-$REPO/../shared}
TOOLS=$SHARED/tools/flagger
RECORDED=$SHARED/recorded/flagger
if [ ! -e "$TOOLS/record.py" ] || [ ! -d "$RECORDED" ]; then
  [ -z "${CI:-}" ] || { echo "flagger: FAILED: no recordings in $SHARED (SERIN_SHARED)"; exit 1; }
  echo "flagger: skipped: no recordings in $SHARED (SERIN_SHARED)"; exit 0
fi
ensure_serin && ensure_yaml || exit 1
mkdir -p "$OUT"; OUT=$(cd "$OUT" && pwd)
# One scenario takes a label from a node of this name.
"$(dirname "$SERIN_BIN")/serin-nodes" --kubeconfig "$PLANE/kubeconfig" --nodes 3 --node-prefix node --addresses none > "$OUT/nodes.log" 2>&1 & NODES=$!
trap 'stop "$NODES"' EXIT
# The recordings have this address in texts and objects.
PORT=19190
if (exec 3<> "/dev/tcp/127.0.0.1/$PORT") 2> /dev/null; then echo "flagger: FAILED: port $PORT is in use, and the recordings have it"; exit 1; fi
CONTROL=$(free_ports 9000) || exit 1
record() { # out [recorder's arguments]
  local out=$1; shift
  (cd "$TOOLS" && "$PYTHON_WITH_YAML" -B record.py --kubeconfig "$PLANE/kubeconfig" --crd "$REPO/manifests/flagger-crds.yaml" --out "$out" \
    --log "$OUT/controller.log" --port "$PORT" --ctl-port "$CONTROL" --controller "$SERIN_BIN flagger -kubeconfig {kubeconfig} \
    -metrics-server {prom} -event-webhook {events} -slack-url {slack} -slack-channel general -cluster-name test-cluster -port {port}" "$@") \
    >> "$OUT/recorder.log" 2>&1
}
# Prints what differs and is not accepted, one scenario a line, and a last line of sums.
judge() { # out
  "$PYTHON_WITH_YAML" -B "$TOOLS/compare.py" "$1" "$RECORDED" | tee "$1.compared" | awk -v list=flagger-accepted.txt '
    BEGIN { while ((getline line < list) > 0) if (line !~ /^#/ && split(line, part, "\t") > 1) accepted[part[1]] = part[2] }
    /^[a-z0-9-]+\/[a-z0-9-]+: / {
      name = substr($1, 1, length($1) - 1); scenarios++
      if ($2 == "same") { same++; next }
      views = $0; sub(/^.*DIFFERENT: /, "", views); if ($2 == "MISSING") views = "missing"
      gsub(/,/, "", views); n = split(views, view, " "); odd = ""
      for (i = 1; i <= n; i++) if (index(" " accepted[name] " ", " " view[i] " ") == 0) odd = odd " " view[i]
      if (odd != "") { print "differs: " name ":" odd; bad++ }
    }
    END { print "flagger: " scenarios " scenarios, " same + 0 " the same, " (scenarios - same - bad) " with accepted differences, " bad + 0 " with others" }'
}
record "$OUT/run" --parallel 30 "$@"
judge "$OUT/run" > "$OUT/judged.log"
# What a busy machine has upset (the recorder looks for a second and a half) is recorded again, with less beside it.
if grep -q '^differs: ' "$OUT/judged.log" && ! grep -q ': missing' "$OUT/judged.log" && [ $# = 0 ]; then
  again() { sed -n 's/^differs: \([^:]*\):.*/\1/p' "$OUT/judged.log" | cut -d/ -f"$1" | sort -u | paste -sd,; }
  providers=$(again 1 | sed 's/gatewayapi-v1/gatewayapi:v1/g; s/appmesh-v1/appmesh:v1/g; s/smi-v1/smi:v1/g')
  echo "flagger: again: $(sed -n 's/^differs: //p' "$OUT/judged.log" | paste -sd' ')"
  record "$OUT/run" --parallel 6 --providers "$providers" --scenarios "$(again 2)"
  judge "$OUT/run" > "$OUT/judged.log"
fi
cat "$OUT/judged.log"
grep -E "panicked" "$OUT/controller.log" | head -5
if grep -q '^differs: ' "$OUT/judged.log"; then echo "flagger: FAILED: see $OUT"; exit 1; fi
echo "flagger: passed"
