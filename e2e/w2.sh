#!/bin/bash
# The second walk-through with kubectl on a real control plane: Flagger's Canary with Istio, a good version, one whose
# acceptance test fails, and one whose metric has no series, side by side. usage: w2.sh DIR
# Real: the API, Serin in Flagger's place, its load tester, every request. Instead of Istio's sidecars, Prometheus and Slack:
# serin-mesh, which forwards by VirtualServices, counts, and answers as Prometheus; and a server that writes down what it is sent.
# The interval is 10 s instead of a minute, the least that there is. curl runs as in the walk-through, the mesh being its proxy;
# in place of hey, which a machine may lack, the load tester sends the load itself.
# Everything runs in a network namespace of its own, because the API refuses loopback addresses for pods. Needs root.
# env SERIN_BIN, KUBE_BIN (from tools.sh), CI
set -uo pipefail
DIR=${1:?usage: w2.sh DIR}
cd "$(dirname "$0")"
. ./tools.sh

skip() { if [ -n "${CI:-}" ]; then echo "w2: FAILED: $1"; exit 1; fi; echo "w2: skipped: $1"; exit 0; }

if [ -z "${SERIN_INSIDE:-}" ]; then
  [ "$(id -u)" = 0 ] || skip "needs root for a network namespace"
  need ip "Debian: apt-get install iproute2" python3 "Debian: apt-get install python3" || skip "a program is missing"
  ensure_plane && ensure_kubectl && ensure_serin || exit 1
  NETNS=serin-w2-$$
  ip netns add "$NETNS" 2> /dev/null || skip "this machine lets nobody make a network namespace"
  trap 'ip netns del "$NETNS"' EXIT
  ip netns exec "$NETNS" ip link set lo up
  ip netns exec "$NETNS" ip addr add 10.0.0.0/16 dev lo # the pods' addresses
  export SERIN_INSIDE=1 KUBE_BIN SERIN_BIN
  ip netns exec "$NETNS" "$E2E/w2.sh" "$DIR"
  exit $?
fi

# ---- inside the namespace: all ports are ours
mkdir -p "$DIR"; DIR=$(cd "$DIR" && pwd)
PIDS=()
finish() {
  for pid in "${PIDS[@]}"; do stop "$pid" 5; done
  ./kube/down.sh "$DIR/plane" > /dev/null
}
trap finish EXIT
trap 'exit 130' INT TERM
background() { # name command...
  local name=$1; shift
  "$@" > "$DIR/$name.log" 2>&1 < /dev/null &
  PIDS+=($!)
}
die() {
  echo "w2: FAILED: $1"
  kubectl get canaries,deployments,hpa,svc,virtualservices -A -o wide 2>&1
  for log in "$DIR"/*.log; do echo "--- $log"; tail -n 15 "$log"; done
  exit 1
}
PROGRAMS=$(dirname "$SERIN_BIN")
for program in serin-nodes serin-mesh; do
  [ -x "$PROGRAMS/$program" ] || { echo "missing: $PROGRAMS/$program (cargo build --workspace --bins)"; exit 1; }
done
GATEWAY=127.0.0.1:15080 SIDECAR=127.0.0.1:15001 PROMETHEUS=127.0.0.1:15090 TESTER=127.0.0.1:9090 SLACK=127.0.0.1:9091

./kube/up.sh "$DIR/plane" 21000 || exit 1
export KUBECONFIG=$DIR/plane/kubeconfig
background nodes "$PROGRAMS/serin-nodes" --kubeconfig "$KUBECONFIG" --addresses network --prefix 10.0.0.0/16 --listen 0.0.0.0:9898
kubectl apply -f "$REPO/manifests/flagger-crds.yaml" -f "$REPO/crates/proof/ingress/src/mesh/istio.yaml" > /dev/null || die "the definitions were refused"
established crd/canaries.flagger.app && established crd/virtualservices.networking.istio.io || die "definitions are not served"
background mesh "$PROGRAMS/serin-mesh" --kubeconfig "$KUBECONFIG" --gateway $GATEWAY --sidecar $SIDECAR --prometheus $PROMETHEUS
background tester env http_proxy=http://$SIDECAR "$SERIN_BIN" loadtester -bind-address 127.0.0.1 -port 9090
background slack python3 -u -c '
import http.server, json
class Slack(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["attachments"][0]
        print(message["author_name"] + ": " + message["text"])
        self.send_response(200); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", 9091), Slack).serve_forever()'
background flagger "$SERIN_BIN" flagger -kubeconfig "$DIR/plane/controller.kubeconfig" -metrics-server http://$PROMETHEUS \
  -slack-url http://$SLACK/ -slack-channel general -port 8081

# ---- words
declare -A HOST=([test]='*' [test-a]=a.podinfo.example [test-b]=b.podinfo.example) # one gateway has one *
declare -A NEW=([test]=3.1.1 [test-a]=3.1.1-error100 [test-b]=3.1.1)
manifest() { # namespace: the walk-through's, for this place
  local more=()
  [ "$1" = test-b ] && more=(-e '/request-success-rate/a\    - {name: request-duration, thresholdRange: {max: 500}, interval: 30s}'
    -e "/progressDeadlineSeconds/a\  metricsServer: http://$PROMETHEUS/istio-1.4")
  sed -e "s/namespace: test\b/namespace: $1/" -e "s/podinfo-canary\.test/podinfo-canary.$1/" -e 's/^    interval: 1m$/    interval: 10s/' \
    -e "s/hosts: \[\"\*\"\]/hosts: [\"${HOST[$1]}\"]/" -e "s|http://flagger-loadtester.test/|http://$TESTER/|" \
    -e "s|metadata: {cmd: \"hey .*|metadata: {type: load, url: \"http://$SIDECAR/\", headers: \"Host: podinfo-canary.$1\", rate: \"20\", duration: 9s}|" \
    "${more[@]}" "$REPO/crates/app/serin/src/demo/flagger/podinfo.yaml"
}
of() { kubectl -n "$1" get "$2" -o jsonpath="$3"; } # namespace object path
reach() { # namespace phase seconds
  local i
  for i in $(seq 1 $(($3 * 5))); do
    for pid in "${PIDS[@]}"; do [ -d "/proc/$pid" ] || die "a process that this test started has ended (waiting for $2 in $1)"; done
    [ "$(of "$1" canary/podinfo '{.status.phase}' 2> /dev/null)" = "$2" ] && return 0
    sleep 0.2
  done
  die "$1 is not $2 within $3 s, but $(of "$1" canary/podinfo '{.status}')"
}
is() { # what wanted found
  [ "$2" = "$3" ] || die "$1 is $3, not $2"
}
ask() { # count host: one line "code version" for each request
  curl -s -o /dev/null --max-time 10 -H "Host: $2" -w '%{http_code} %header{x-version}\n' "http://$GATEWAY/?[1-$1]"
}
visible() { [ "$1" = '*' ] && echo podinfo.example || echo "$1"; }
happened() { # namespace: the events since the new version was seen, without the sentences on why there are no values
  sed -n 's/^Canary //p' "$DIR/events-$1.log" | sed -e 's/^(combined from similar events): //' | sed -n '/^New revision/,$p' |
    grep -v '^No values for metric'
}
expect() { # namespace: compares with the lines on stdin
  local i
  cat > "$DIR/expected-$1"
  for i in $(seq 1 50); do # the last event may still be on its way
    happened "$1" > "$DIR/happened-$1"
    cmp -s "$DIR/expected-$1" "$DIR/happened-$1" && { echo "w2: $1: $(wc -l < "$DIR/happened-$1") events in their order"; return 0; }
    sleep 0.2
  done
  diff "$DIR/expected-$1" "$DIR/happened-$1"
  die "the events in $1 are not those of the walk-through"
}

# ---- the applications, and what is made around them
for ns in test test-a test-b; do
  kubectl create namespace "$ns" > /dev/null || die "no namespace"
  background "events-$ns" kubectl -n "$ns" get events --watch -o jsonpath='{.involvedObject.kind} {.message}{"\n"}'
  manifest "$ns" | kubectl apply -f - > "$DIR/applied-$ns.log" || die "the manifest of $ns was refused"
done
for ns in test test-a test-b; do reach "$ns" Initialized 60; done
is "podinfo-primary" 2 "$(of test deployment/podinfo-primary '{.status.readyReplicas}')"
is "podinfo" 0 "$(of test deployment/podinfo '{.spec.replicas}')"
is "the primary's scaler" podinfo-primary "$(of test hpa/podinfo-primary '{.spec.scaleTargetRef.name}')"
for pair in podinfo=podinfo-primary podinfo-canary=podinfo podinfo-primary=podinfo-primary; do
  is "the selector of ${pair%=*}" "${pair#*=}" "$(of test "service/${pair%=*}" '{.spec.selector.app}')"
done
is "the route" "100 0" "$(of test virtualservice/podinfo '{.spec.http[0].route[*].weight}')"
echo "w2: initialized: primary, scaler, three Services, a route of 100/0, and podinfo at 0"

# ---- the releases, under the eyes of users
for ns in test test-a test-b; do
  host=$(visible "${HOST[$ns]}")
  for _ in $(seq 1 50); do [ "$(ask 1 "$host")" = "200 3.1.0" ] && break; sleep 0.2; done
  background "users-$ns" curl -s -o /dev/null --max-time 10 --rate 20/s -H "Host: $host" -w '%{http_code} %header{x-version}\n' "http://$GATEWAY/?[1-9999]"
  kubectl -n "$ns" set image deployment/podinfo "podinfod=podinfo:${NEW[$ns]}" > /dev/null || die "no new image"
done
for weight in 10 20 30 40 50; do
  for _ in $(seq 1 150); do [ "$(of test canary/podinfo '{.status.canaryWeight}')" = $weight ] && break; sleep 0.2; done
  is "the weight" $weight "$(of test canary/podinfo '{.status.canaryWeight}')"
  got=$(ask 100 podinfo.example | grep -c '^200 3\.1\.1$')
  # The counter is exact for all requests together; the users' take some of its turns.
  [ $((weight - 8)) -le "$got" ] && [ "$got" -le $((weight + 8)) ] || die "at weight $weight, $got of 100 requests reach the new version"
  echo "w2: weight $weight: $got of 100 requests reached 3.1.1"
done
reach test Succeeded 60; reach test-a Failed 60; reach test-b Failed 60

expect test << 'END'
New revision detected! Scaling up podinfo.test
Starting canary analysis for podinfo.test
Pre-rollout check acceptance-test passed
Advance podinfo.test canary weight 10
Advance podinfo.test canary weight 20
Advance podinfo.test canary weight 30
Advance podinfo.test canary weight 40
Advance podinfo.test canary weight 50
Copying podinfo.test template spec to podinfo-primary.test
Routing all traffic to primary
Promotion completed! Scaling down podinfo.test
END
five() { for _ in 1 2 3 4 5; do printf '%s\n' "$@"; done; }
{
  echo 'New revision detected! Scaling up podinfo.test-a'
  five 'Starting canary analysis for podinfo.test-a' \
    "Halt podinfo.test-a advancement pre-rollout check acceptance-test failed POST http://$TESTER/ giving up after 1 attempt(s)"
  echo 'Rolling back podinfo.test-a failed checks threshold reached 5'
  echo 'Canary failed! Scaling down podinfo.test-a'
} | expect test-a || exit 1
{
  printf '%s\n' 'New revision detected! Scaling up podinfo.test-b' 'Starting canary analysis for podinfo.test-b' \
    'Pre-rollout check acceptance-test passed' 'Advance podinfo.test-b canary weight 10'
  five 'Halt advancement no values found for istio metric request-duration probably podinfo.test-b is not receiving traffic: running query failed: no values found'
  echo 'Rolling back podinfo.test-b failed checks threshold reached 5'
  echo 'Canary failed! Scaling down podinfo.test-b'
} | expect test-b || exit 1
grep -q 'No values for metric request-duration: there is no metric istio_request_duration_milliseconds_bucket' "$DIR/events-test-b.log" ||
  die "nobody says why there are no values"
[ "$(grep -c 'grep token.*exit status 1' "$DIR/tester.log")" = 5 ] || die "the load tester does not say how the acceptance test ended"
for said in 'podinfo.test: New revision detected, progressing canary analysis.' \
  'podinfo.test: Canary analysis completed successfully, promotion finished.' \
  'podinfo.test-a: Failed checks threshold reached 5' 'podinfo.test-b: Failed checks threshold reached 5'; do
  grep -qxF "$said" "$DIR/slack.log" || die "the chat has not heard: $said"
done
is "podinfo" 0 "$(of test deployment/podinfo '{.spec.replicas}')"
is "the primary's image" podinfo:3.1.1 "$(of test deployment/podinfo-primary '{.spec.template.spec.containers[0].image}')"
is "the primary's image" podinfo:3.1.0 "$(of test-a deployment/podinfo-primary '{.spec.template.spec.containers[0].image}')"

total=0
for ns in test test-a test-b; do
  # The last line may be half of one: curl writes when it has many.
  sent=$(wc -l < "$DIR/users-$ns.log"); total=$((total + sent))
  failed=$(head -n "$sent" "$DIR/users-$ns.log" | grep -vc '^200 ')
  [ "$sent" -ge 400 ] || die "the users of $ns sent only $sent requests"
  [ "$failed" = 0 ] || die "$failed of $sent requests failed in $ns"
done
echo "w2: passed: none of $total requests failed through one promotion and two roll backs"
