#!/bin/bash
# Real requests through a real proxy while releases go on: the walk-throughs' applications, Traefik with its ingress-nginx
# provider for Rollouts and its Gateway API for Canaries (canaries.sh), pods that serve, a Prometheus that scrapes Traefik,
# kubectl and the plugin as a user has them. Both stories go side by side; one alone can be asked for.
# usage: traffic.sh DIR [rollouts|canaries]
# Everything runs in a network namespace of its own, because the API refuses loopback addresses for pods. Needs root.
# env SERIN_BIN, KUBE_BIN (from tools.sh), CI
set -uo pipefail
DIR=${1:?usage: traffic.sh DIR [rollouts|canaries]}
ONLY=${2:-}
cd "$(dirname "$0")"
. ./tools.sh

skip() { if [ -n "${CI:-}" ]; then echo "traffic: FAILED: $1"; exit 1; fi; echo "traffic: skipped: $1"; exit 0; }

if [ -z "${SERIN_INSIDE:-}" ]; then
  [ "$(id -u)" = 0 ] || skip "needs root for a network namespace"
  need ip "Debian: apt-get install iproute2" prometheus "Debian: apt-get install prometheus" || skip "no ip or no prometheus"
  ensure_plane && ensure_kubectl && ensure_traefik && ensure_serin || exit 1
  NETNS=serin-$$
  ip netns add "$NETNS" 2> /dev/null || skip "this machine lets nobody make a network namespace"
  trap 'ip netns del "$NETNS"' EXIT
  ip netns exec "$NETNS" ip link set lo up
  ip netns exec "$NETNS" ip addr add 10.0.0.0/16 dev lo # the pods' addresses
  export SERIN_INSIDE=1 TRAEFIK KUBE_BIN SERIN_BIN
  ip netns exec "$NETNS" "$0" "$DIR" "$ONLY"
  exit $?
fi

# ---- inside the namespace: all ports are ours
mkdir -p "$DIR"; DIR=$(cd "$DIR" && pwd)
: > "$DIR/pids"
finish() {
  touch "$DIR/stop" "$DIR/canaries-stop"
  local name pid
  # Stories first: nobody is asked after what they stand on.
  tac "$DIR/pids" | while read -r name pid; do stop "$pid" 5; done
  ./kube/down.sh "$DIR/plane" > /dev/null
}
trap finish EXIT
trap 'exit 130' INT TERM
background() { # name command...
  local name=$1; shift
  # What a story starts does not end with the story's own traps.
  (trap - EXIT INT TERM; exec > "$DIR/$name.log" 2>&1 < /dev/null; if [ "$(type -t "$1")" = function ]; then "$@"; else exec "$@"; fi) &
  echo "$name $!" >> "$DIR/pids"
}
pid_of() { awk -v name="$1" '$1 == name { pid = $2 } END { print pid }' "$DIR/pids"; }
die() {
  echo "traffic: FAILED: $1"
  kubectl get rollout,rs,pods,svc,ingress -o wide 2>&1
  kubectl get rollout sample-app -o jsonpath='{.status}' 2>&1; echo
  for log in controller nodes traefik; do echo "--- $log"; tail -n 20 "$DIR/$log.log"; done
  exit 1
}

./kube/up.sh "$DIR/plane" 21000 || exit 1
export KUBECONFIG=$DIR/plane/kubeconfig
mkdir -p "$DIR/path"; ln -sf "$SERIN_BIN" "$DIR/path/kubectl-argo-rollouts"; export PATH=$DIR/path:$PATH
NODES=$(dirname "$SERIN_BIN")/serin-nodes
[ -x "$NODES" ] || { echo "missing: $NODES (cargo build --workspace --bins)"; exit 1; }
# A rolling update is the Deployment's own: like orderly programs, pods serve on until proxies have heard that they go.
background nodes "$NODES" --kubeconfig "$KUBECONFIG" --addresses network --prefix 10.0.0.0/16 --listen 0.0.0.0:8080 --terminate-after 10s
kubectl apply -f "$REPO/manifests/crds.yaml" > /dev/null || die "the definitions were refused"
established crd/rollouts.argoproj.io || die "no definition of Rollouts"
. ./canaries.sh
canaries_ground
TOKEN=$(sed -n 's/.*token: \([0-9a-f]*\).*/\1/p' "$KUBECONFIG")
background traefik "$TRAEFIK" --entrypoints.web.address=127.0.0.1:8000 --providers.providersthrottleduration=100ms \
  --providers.kubernetesingressnginx=true \
  --providers.kubernetesingressnginx.endpoint=https://127.0.0.1:21002 --providers.kubernetesingressnginx.token="$TOKEN" \
  --providers.kubernetesingressnginx.certauthfilepath="$DIR/plane/pki/ca.crt" \
  --entrypoints.gateway.address=127.0.0.1:9898 --providers.kubernetesgateway=true \
  --providers.kubernetesgateway.endpoint=https://127.0.0.1:21002 --providers.kubernetesgateway.token="$TOKEN" \
  --providers.kubernetesgateway.certauthfilepath="$DIR/plane/pki/ca.crt" \
  --entrypoints.metrics.address=127.0.0.1:8082 --metrics.prometheus=true --metrics.prometheus.entrypoint=metrics \
  --global.checknewversion=false --global.sendanonymoususage=false
canaries_servers
# 8080 is where the pods are.
background controller "$SERIN_BIN" controller --kubeconfig "$DIR/plane/controller.kubeconfig" --healthzPort=8081
kubectl apply -f manifests/sample-app.yaml > /dev/null || die "the application was refused"
kubectl config set-context --current --namespace=sample-app > /dev/null

# ---- words
state() { kubectl get rollout sample-app -o jsonpath='{.status.phase}/{.status.currentStepIndex}/{.status.controllerPause}/{.status.observedGeneration}-{.metadata.generation}'; }
reach() { # phase [step]: waits until the Rollout is there and the controller has seen the present spec
  local i s phase step pid
  for i in $(seq 1 600); do
    for pid in nodes traefik controller flagger; do
      [ -d "/proc/$(pid_of $pid)" ] || die "a process that this test started has ended: $pid (waiting for $1)"
    done
    s=$(state 2> /dev/null); IFS=/ read -r phase step _ generations <<< "$s"
    [ "$phase" = "$1" ] && [ "${2:-$step}" = "$step" ] && [ "${generations%-*}" = "${generations#*-}" ] && return 0
    sleep 0.1
  done
  die "not within 60 s: $1 ${2:-} (is $s)"
}
ask() { # count [curl arguments]: one line "code version" for each request
  local n=$1; shift
  curl -s -o /dev/null --max-time 10 -H 'Host: sample-app.local' "$@" -w '%{http_code} %header{x-version}\n' "http://127.0.0.1:8000/?[1-$n]"
}
share() { # version: how many lines on stdin are of it
  grep -c "^200 $1\$"
}
settle() { # version low high: waits until the proxy has heard of the weight (in percent of 40 requests)
  local i got
  for i in $(seq 1 100); do
    got=$(($(ask 40 | share "$1") * 100 / 40)); [ "$2" -le "$got" ] && [ "$got" -le "$3" ] && return 0; sleep 0.2
  done
  die "the proxy sends $got % to $1, not $2 to $3"
}
binomial() { # version percent requests: within four standard deviations
  local got
  settle "$1" $(($2 - 20)) $(($2 + 20))
  got=$(ask "$3" | share "$1")
  awk -v got="$got" -v n="$3" -v p="$2" 'BEGIN { p /= 100; sd = sqrt(n*p*(1-p)); d = got - n*p; if (d < 0) d = -d; exit !(d <= 4*sd) }' ||
    die "$got of $3 requests reached $1, far from $2 %"
  echo "traffic: weight $2: $got of $3 requests reached $1"
}
all_on() { # version
  settle "$1" 100 100
  [ "$(ask 200 | share "$1")" = 200 ] || die "not all requests reach $1"
  echo "traffic: all requests reach $1"
}
annotation() { kubectl get ingress sample-app-sample-app-canary -o jsonpath="{.metadata.annotations.$1}"; }
plugin() { kubectl argo rollouts "$@" || die "kubectl argo rollouts $*"; }
image() { plugin set image sample-app "sample-app=sample-app:$1"; }

# ---- the stories
if [ "$ONLY" != rollouts ]; then
  (trap - EXIT; canaries) > "$DIR/canaries.log" 2>&1 & CANARIES=$!
  echo "canaries $CANARIES" >> "$DIR/pids"
fi
end_of_canaries() {
  [ "$ONLY" != rollouts ] || return 0
  wait "$CANARIES"; local ended=$?
  cat "$DIR/canaries.log"
  [ "$ended" = 0 ] || { echo "traffic: FAILED: Canaries on the Gateway API"; exit 1; }
}
if [ "$ONLY" = canaries ]; then end_of_canaries; echo "traffic: passed"; exit 0; fi
reach Healthy
[ "$(kubectl get rollout sample-app --no-headers | awk '{print $2, $3, $4, $5}')" = "1 1 1 1" ] || die "kubectl get rollout does not say 1 1 1 1"
all_on 1.0
rm -f "$DIR/stop"
steady() { while [ ! -e "$DIR/stop" ]; do ask 50 >> "$DIR/load"; sleep 0.05; done; }
background steady steady

image 1.1; reach Paused 1
[ "$(annotation 'kubernetes\.io/ingress\.class')" = nginx ] || die "the canary ingress has another class"
for pair in canary=true canary-by-header=X-Canary canary-weight=25; do
  [ "$(annotation "nginx\.ingress\.kubernetes\.io/${pair%%=*}")" = "${pair#*=}" ] || die "the canary ingress lacks $pair"
done
[ "$(kubectl get pods -l deployment=canary --no-headers | wc -l)" = 1 ] || die "not one pod is labelled canary"
[ "$(kubectl get pods -l deployment=stable --no-headers | wc -l)" = 1 ] || die "not one pod is labelled stable"
binomial 1.1 25 2000
[ "$(ask 200 -H 'X-Canary: always' | share 1.1)" = 200 ] || die "the header does not always lead to the canary"
echo "traffic: header X-Canary: all of 200 requests reached 1.1"
plugin promote sample-app; reach Paused 3; binomial 1.1 50 1000
reach Paused 5; binomial 1.1 75 1000
reach Healthy; all_on 1.1
image 1.2; reach Paused 1; plugin promote sample-app --full; reach Healthy; all_on 1.2
image 1.3; reach Paused 1; settle 1.3 5 45
plugin abort sample-app; reach Degraded; all_on 1.2
plugin undo sample-app; reach Healthy; all_on 1.2
[ "$(kubectl get pods -l deployment=canary --no-headers 2> /dev/null | wc -l)" -le 1 ] || die "promoted pods are still labelled canary"

touch "$DIR/stop"
for _ in $(seq 1 150); do [ -d "/proc/$(pid_of steady)" ] || break; sleep 0.1; done
total=$(wc -l < "$DIR/load"); failed=$(grep -vc '^200 ' "$DIR/load")
[ "$total" -ge 2000 ] || die "the steady client sent only $total requests"
[ "$failed" = 0 ] || { grep -v '^200 ' "$DIR/load" | sort | uniq -c; die "$failed of $total requests failed"; }
echo "traffic: none of $total requests failed through promote, promote --full, abort and undo"
end_of_canaries
echo "traffic: passed"
