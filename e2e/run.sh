#!/bin/bash
# The end-to-end tests on a real control plane. usage: run.sh [kubectl] [scenarios] [traffic] [story]   (default: all four)
#   kubectl    recorded kubectl sessions: what the embedded Kubernetes is held to, held against the real one
#   scenarios  e2e/src: what a Rollout must do, on the real kube-apiserver
#   traffic    traffic.sh: real requests through Traefik while a release goes on
#   story      story.sh: a recorded session, line by line (needs the recordings beside the repository)
# env SERIN_BIN (the program under test), KEEP=1 (leave the data of the run behind)
set -uo pipefail
cd "$(dirname "$0")"
. ./tools.sh
[ $# -gt 0 ] || set -- kubectl scenarios traffic story
ensure_plane && ensure_kubectl || exit 1
[ -x "${SERIN_BIN:-}" ] || unset SERIN_BIN
ensure_serin || exit 1

RUN=$(mktemp -d "${TMPDIR:-/tmp}/serin-e2e.XXXXXX")
finish() {
  ./kube/down.sh "$RUN/plane" > /dev/null
  if [ "${KEEP:-0}" = 1 ]; then say "kept $RUN"; else rm -rf "$RUN"; fi
}
trap finish EXIT
trap 'exit 130' INT TERM

plane_up() { [ -f "$RUN/plane/pids" ] || AUDIT=1 ./kube/up.sh "$RUN/plane" "$(free_ports 21000)" >&2; }
failed=()
for part in "$@"; do
  case $part in
    kubectl)
      plane_up && (cd .. && SERIN_PLANE_KUBECONFIG=$RUN/plane/kubeconfig cargo test --workspace --test it -- kubectl::) ;;
    scenarios)
      plane_up && (cd .. && SERIN_E2E_KUBECONFIG=$RUN/plane/kubeconfig SERIN_E2E_CONTROLLER_KUBECONFIG=$RUN/plane/controller.kubeconfig \
        cargo test --workspace --test scenarios -- --target real) ;;
    traffic) ./traffic.sh "$RUN/traffic" ;;
    story) plane_up && ./story.sh "$RUN/plane" "$RUN/story" ;;
    *) echo "usage: run.sh [kubectl] [scenarios] [traffic] [story]" >&2; exit 2 ;;
  esac || failed+=("$part")
done
[ ${#failed[@]} = 0 ] || { echo "e2e: failed: ${failed[*]}"; exit 1; }
echo "e2e: passed: $*"
