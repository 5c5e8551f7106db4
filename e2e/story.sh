#!/bin/bash
# Runs the recorded session against Serin and compares, line by line. usage: story.sh PLANE_DIR OUT
# The script of the session and what Argo's controller answered lie beside the repository (SERIN_SHARED); without them
# there is nothing to compare with. env SERIN_BIN, CI
set -uo pipefail
PLANE=${1:?usage: story.sh PLANE_DIR OUT}; OUT=${2:?usage: story.sh PLANE_DIR OUT}
cd "$(dirname "$0")"
. ./tools.sh
SHARED=${SERIN_SHARED:-$REPO/../shared}
RECORDED=$SHARED/recorded/argo-rollouts
SEED=$SHARED/tools/argo-rollouts/seed.sh
if [ ! -e "$SEED" ] || [ ! -d "$RECORDED" ]; then
  [ -z "${CI:-}" ] || { echo "story: FAILED: no recordings in $SHARED (SERIN_SHARED)"; exit 1; }
  echo "story: skipped: no recordings in $SHARED (SERIN_SHARED)"; exit 0
fi
need python3 "Debian: apt-get install python3; the recorded session is driven by it" curl "Debian: apt-get install curl" || exit 1
ensure_kubectl && ensure_serin || exit 1
NODES=$(dirname "$SERIN_BIN")/serin-nodes; COMPARE=$(dirname "$SERIN_BIN")/compare-story
mkdir -p "$OUT/path"; OUT=$(cd "$OUT" && pwd)
# Argo's controller was so busy after the abort (A17.1) that `status` answered ten seconds late, and the first ReplicaSet's
# delay ended meanwhile. So that the pictures from `retry` on show the same moment, `retry` waits for that here.
cat > "$OUT/path/kubectl-argo-rollouts" << EOF
#!/bin/bash
[ "\$3" = retry ] && for i in {1..300}; do
  [ "\$(kubectl -n seed get rs -o jsonpath='{.items[?(@.metadata.annotations.rollout\.argoproj\.io/revision=="1")].status.replicas}')" = 0 ] && break
  sleep 0.1
done
exec -a kubectl-argo-rollouts "$SERIN_BIN" "\$@"
EOF
chmod +x "$OUT/path/kubectl-argo-rollouts"
export PATH=$OUT/path:$PATH KUBECONFIG=$PLANE/kubeconfig

kubectl apply -f "$REPO/manifests/crds.yaml" > /dev/null || exit 1
established crd/rollouts.argoproj.io || exit 1
# The recording's pods were ready a second and a half after their start.
"$NODES" --kubeconfig "$KUBECONFIG" --addresses none --ready-after 1500ms --terminate-after 0s > "$OUT/nodes.log" 2>&1 & NODES_PID=$!
PORTS=$(free_ports 26000) || exit 1
"$SERIN_BIN" controller --kubeconfig "$PLANE/controller.kubeconfig" --metricsPort="$PORTS" --healthzPort=$((PORTS + 1)) > "$OUT/controller.log" 2>&1 & CONTROLLER_PID=$!
trap 'stop "$CONTROLLER_PID"; stop "$NODES_PID"' EXIT
for _ in {1..300}; do # a session without a controller would tell only of its absence
  curl -fs "http://127.0.0.1:$((PORTS + 1))/healthz" > /dev/null && break
  [ -d "/proc/$CONTROLLER_PID" ] || { echo "story: FAILED: the controller did not start"; tail -n 20 "$OUT/controller.log"; exit 1; }
  sleep 0.1
done
"$SEED" "$OUT/session" 2> "$OUT/seed.log" | tee "$OUT/seed.out"
[ -d "/proc/$CONTROLLER_PID" ] || { echo "story: FAILED: the controller has ended by itself"; tail -n 20 "$OUT/controller.log"; exit 1; }
grep -q TIMEOUT "$OUT/seed.out" && { echo "story: FAILED: the session waited in vain"; tail -n 20 "$OUT/controller.log"; exit 1; }
if "$COMPARE" "$RECORDED" "$OUT/session"; then echo "story: passed"; else echo "story: FAILED"; exit 1; fi
