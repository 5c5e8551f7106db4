#!/bin/bash
# The end-to-end tests on a real control plane. usage: run.sh [PART]...   (default: all, in this order)
#   conformance  crates/edge/cluster: what the code that talks to the API relies on
#   kubectl      recorded kubectl sessions: what the embedded Kubernetes is held to, held against the real one
#   scenarios    e2e/src: what a Rollout and a Canary must do
#   manifests    every example manifest of Argo's, applied with kubectl, and of Flagger's by compat.sh (need what lies beside the repository)
#   shift        `serin shift` and `serin canary` as a user runs them
#   bad-input    malformed and absurd Rollouts and Canaries, and the definition of Rollouts deleted under the running controller
#   traffic      traffic.sh: real requests through Traefik while a release goes on
#   story        story.sh: a recorded session, line by line (needs the recordings beside the repository)
#   w2           w2.sh: the second walk-through with kubectl, a mesh and real requests
#   judge        judge.sh: serin judge with data from a real Prometheus
#   chart        chart.sh: the chart with Flagger's values, rendered and installed
#   flagger      flagger.sh: every scenario that was recorded of Flagger (needs the recordings beside the repository)
#   metrics      metrics.sh: what Canaries measure, on a real Prometheus: every query that is built in
#   gate         gate.sh: what the gate reads from a real Prometheus is what was shown, and it passes, fails and holds on it
# One part runs after the other, each on a control plane of its own: what a part leaves behind, also when it fails, is no
# other part's ground. The variables that are set here ask for the real API server, and then nothing is skipped: whatever a
# test misses fails it, and so does a name that no test has.
# env SERIN_BIN (the program under test), KEEP=1 (leave the data of the run behind)
set -uo pipefail
cd "$(dirname "$0")"
. ./tools.sh
PARTS=(conformance kubectl scenarios manifests shift bad-input traffic story chart flagger w2 judge metrics gate)
[ $# -gt 0 ] || set -- "${PARTS[@]}"
for part in "$@"; do
  [[ " ${PARTS[*]} " == *" $part "* ]] || { echo "no part is called $part; usage: run.sh [PART]..., of ${PARTS[*]}" >&2; exit 2; }
done
ensure_plane && ensure_kubectl || exit 1
[ -x "${SERIN_BIN:-}" ] || unset SERIN_BIN
ensure_serin || exit 1

RUN=$(mktemp -d "${TMPDIR:-/tmp}/serin-e2e.XXXXXX")
finish() {
  plane_down
  if [ "${KEEP:-0}" = 1 ]; then say "kept $RUN"; else rm -rf "$RUN"; fi
}
trap finish EXIT
trap 'exit 130' INT TERM

PLANE=
plane_up() { # name
  local try
  PLANE=$RUN/$1
  # A port that was free may be somebody's by the time it is bound: others on this machine take ports too.
  for try in 1 2 3; do
    AUDIT=1 ./kube/up.sh "$PLANE" "$(free_ports 21000)" >&2 && return 0
    say "no control plane at try $try"
  done
  return 1
}
plane_down() {
  [ -z "$PLANE" ] || ./kube/down.sh "$PLANE" > /dev/null
  PLANE=
}
cargo_test() { # what to hand to cargo test: on a new control plane
  plane_up "$part" || return 1
  (cd .. && SERIN_E2E_KUBECONFIG=$PLANE/kubeconfig SERIN_E2E_CONTROLLER_KUBECONFIG=$PLANE/controller.kubeconfig \
    cargo test --workspace "$@") 2>&1 | tee "$RUN/$part.log" || return 1
  # cargo is content when nothing has the name that it was given.
  grep -qE '^(test result: ok\. [1-9]|scenarios: [1-9])' "$RUN/$part.log" || { echo "e2e: $part: no test ran"; return 1; }
}

failed=()
for part in "$@"; do
  say "$part"
  SECONDS=0
  case $part in
    conformance) cargo_test --test conformance -- a_kubernetes_conforms ;;
    kubectl) cargo_test --test it -- kubectl:: ;;
    scenarios) cargo_test --test scenarios -- --target real ;;
    # Nobody looks after the nodes that the tests leave behind: a pod there would never be ready.
    manifests) cargo_test --test manifests && plane_down && plane_up compat && ./compat.sh "$PLANE" "$RUN/compat-out" ;;
    shift) cargo_test --test shift --test canary ;;
    bad-input) cargo_test --test bad_input --test bad_canaries ;;
    traffic) ./traffic.sh "$RUN/traffic" ;;
    story) plane_up plane && ./story.sh "$PLANE" "$RUN/story" ;;
    chart) plane_up plane && ./chart.sh "$PLANE" "$RUN/chart" ;;
    flagger) plane_up plane && ./flagger.sh "$PLANE" "$RUN/flagger" ;;
    w2) ./w2.sh "$RUN/w2" ;;
    judge) ./judge.sh "$RUN/judge" ;;
    metrics) ./metrics.sh "$RUN/metrics" ;;
    gate) ./gate.sh "$RUN/gate" ;;
  esac || failed+=("$part")
  plane_down
  echo "e2e: $part took $SECONDS s"
done
[ ${#failed[@]} = 0 ] || { echo "e2e: failed: ${failed[*]}"; exit 1; }
echo "e2e: passed: $*"
