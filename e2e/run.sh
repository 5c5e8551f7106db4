#!/bin/bash
# The end-to-end tests on a real control plane. usage: run.sh [PART]...   (default: all, in this order)
#   conformance  crates/edge/cluster: what the code that talks to the API relies on
#   kubectl      recorded kubectl sessions: what the embedded Kubernetes is held to, held against the real one
#   scenarios    e2e/src: what a Rollout and a Canary must do
#   flagger      flagger.sh: every scenario that was recorded of Flagger (needs the recordings beside the repository)
#   manifests    every example manifest of Argo's, applied with kubectl, and of Flagger's by compat.sh (need what lies beside the repository)
#   shift        `serin shift` and `serin canary` as a user runs them
#   bad-input    malformed and absurd Rollouts and Canaries, and the definition of Rollouts deleted under the running controller
#   traffic      traffic.sh: real requests through Traefik while a release goes on
#   story        story.sh: a recorded session, line by line (needs the recordings beside the repository)
#   chart        chart.sh: the chart with Flagger's values, rendered and installed
#   w2           w2.sh: the second walk-through with kubectl, a mesh and real requests
#   judge        judge.sh: serin judge with data from a real Prometheus
#   metrics      metrics.sh: what Canaries measure, on a real Prometheus: every query that is built in
#   gate         gate.sh: what the gate reads from a real Prometheus is what was shown, and it passes, fails and holds on it
# One part runs after the other, but for `flagger`, which waits for most of its time: what comes after it runs beside it. Each
# has a control plane of its own: what a part leaves behind, also when it fails, is no other part's ground. The variables that
# are set here ask for the real API server, and then nothing is skipped: whatever a test misses fails it, and so does a name
# that no test has.
# env SERIN_BIN (the program under test), KEEP=1 (leave the data of the run behind)
set -uo pipefail
cd "$(dirname "$0")"
. ./tools.sh
PARTS=(conformance kubectl scenarios flagger manifests shift bad-input traffic story chart w2 judge metrics gate)
[ $# -gt 0 ] || set -- "${PARTS[@]}"
seen=()
for part in "$@"; do
  [[ " ${seen[*]} " != *" $part "* ]] || { echo "$part is named twice" >&2; exit 2; }
  seen+=("$part")
  [[ " ${PARTS[*]} " == *" $part "* ]] || { echo "no part is called $part; usage: run.sh [PART]..., of ${PARTS[*]}" >&2; exit 2; }
done
ensure_plane && ensure_kubectl || exit 1
[ -x "${SERIN_BIN:-}" ] || unset SERIN_BIN
ensure_serin || exit 1

RUN=$(mktemp -d "${TMPDIR:-/tmp}/serin-e2e.XXXXXX")
BESIDE=
PLANE=
finish() {
  # The part that runs beside is a process group of its own, and takes its control plane down.
  [ -z "$BESIDE" ] || { kill -- "-$BESIDE"; wait "$BESIDE"; for _ in {1..100}; do kill -0 -- "-$BESIDE" || break; sleep 0.1; done; } 2> /dev/null
  plane_down
  if [ "${KEEP:-0}" = 1 ]; then say "kept $RUN"; else rm -rf "$RUN"; fi
}
trap finish EXIT
trap 'exit 130' INT TERM

plane_up() { # name [first port]
  local try
  PLANE=$RUN/$1
  # A port that was free may be somebody's by the time it is bound: others on this machine take ports too.
  for try in 1 2 3; do
    AUDIT=1 ./kube/up.sh "$PLANE" "$(free_ports "${2:-21000}")" >&2 && return 0
    say "no control plane at try $try"
  done
  return 1
}
plane_down() {
  [ -z "$PLANE" ] || ./kube/down.sh "$PLANE" > /dev/null
  PLANE=
}
cargo_test() { # part [what to hand to cargo test]...: on a new control plane
  local part=$1; shift
  plane_up "$part" || return 1
  (cd .. && SERIN_E2E_KUBECONFIG=$PLANE/kubeconfig SERIN_E2E_CONTROLLER_KUBECONFIG=$PLANE/controller.kubeconfig \
    cargo test --workspace "$@") 2>&1 | tee "$RUN/$part.log" || return 1
  # cargo is content when nothing has the name that it was given.
  grep -qE '^(test result: ok\. [1-9]|scenarios: [1-9])' "$RUN/$part.log" || { echo "e2e: $part: no test ran"; return 1; }
}

one_part() { # part
  local began=$SECONDS code
  case $1 in
    conformance) cargo_test "$1" --test conformance -- a_kubernetes_conforms ;;
    kubectl) cargo_test "$1" --test it -- kubectl:: ;;
    scenarios) cargo_test "$1" --test scenarios -- --target real ;;
    # Nobody looks after the nodes that the tests leave behind: a pod there would never be ready.
    manifests) cargo_test "$1" --test manifests && plane_down && plane_up compat && ./compat.sh "$PLANE" "$RUN/compat-out" ;;
    shift) cargo_test "$1" --test shift --test canary ;;
    bad-input) cargo_test "$1" --test bad_input --test bad_canaries ;;
    traffic | w2 | judge | metrics | gate) "./$1.sh" "$RUN/$1" ;;
    story | chart) plane_up "$1" && "./$1.sh" "$PLANE" "$RUN/$1-out" ;;
    # Ports that no other part takes: it runs beside them.
    flagger) plane_up "$1" 13000 && "./$1.sh" "$PLANE" "$RUN/$1-out" ;;
  esac
  code=$?
  plane_down
  echo "e2e: $1 took $((SECONDS - began)) s"
  return $code
}

failed=()
for part in "$@"; do
  say "$part"
  if [ "$part" = flagger ]; then
    set -m
    (trap plane_down EXIT; trap 'exit 143' TERM; one_part "$part") > "$RUN/flagger.log" 2>&1 < /dev/null & BESIDE=$!
    set +m
  else
    one_part "$part" || failed+=("$part")
  fi
done
if [ -n "$BESIDE" ]; then
  wait "$BESIDE" || failed+=(flagger)
  BESIDE=
  cat "$RUN/flagger.log"
fi
[ ${#failed[@]} = 0 ] || { echo "e2e: failed: ${failed[*]}"; exit 1; }
echo "e2e: passed: $*"
