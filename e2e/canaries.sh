# Canaries on the Gateway API while requests go through Traefik: the walk-through's success and its two failures side by side,
# in a namespace each, from before there is a Canary until the one that succeeded is deleted again. To be sourced by traffic.sh,
# whose ground and words it stands on.

canaries_ground() { # what is there before any Canary
  local spaces=(test test-a test-b) ns
  kubectl apply -f manifests/gateway-api.yaml -f "$REPO/manifests/flagger-crds.yaml" > /dev/null || die "the definitions were refused"
  for ns in gateways httproutes; do established "crd/$ns.gateway.networking.k8s.io" || die "no definition of $ns"; done
  established crd/canaries.flagger.app || die "no definition of Canaries"
  # Names of Services are resolved by nobody here: the gateway serves them. The mount is this network namespace's own.
  { cat /etc/hosts; for ns in "${spaces[@]}"; do echo "127.0.0.1 podinfo.$ns podinfo-canary.$ns"; done; } > "$DIR/hosts"
  mount --bind "$DIR/hosts" /etc/hosts || die "names cannot be given to loopback"
  kubectl apply -f manifests/gateway.yaml > /dev/null || die "the gateway was refused"
  for ns in "${spaces[@]}"; do sed "s/NS/$ns/g" manifests/podinfo.yaml | kubectl apply -f - > /dev/null || die "podinfo was refused"; done
  # As our manifests install them; the programs run here, for the pods of this cluster are doubles.
  kubectl create namespace flagger-system > /dev/null && kubectl apply -n flagger-system -f "$REPO/manifests/flagger.yaml" > /dev/null &&
    kubectl apply -n test -f "$REPO/manifests/loadtester.yaml" > /dev/null || die "a manifest was refused"
  as_account flagger-system serin-flagger; as_account test flagger-loadtester
}
as_account() { # namespace account: its kubeconfig, with the rights that our manifests give it
  sed "s/token: [^}]*/token: $(kubectl -n "$1" create token "$2")/" "$KUBECONFIG" > "$DIR/$2.kubeconfig"
}
loadtester() { # port
  background "loadtester-$1" "$SERIN_BIN" loadtester -port "$1" -bind-address 127.0.0.1 -log-level info \
    -gates-configmap test/serin-gates -kubeconfig "$DIR/flagger-loadtester.kubeconfig"
}
canaries_servers() {
  cat > "$DIR/prometheus.yml" << CONFIG
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs: [{job_name: traefik, static_configs: [{targets: ["127.0.0.1:8082"]}]}]
CONFIG
  background prometheus prometheus --config.file="$DIR/prometheus.yml" --storage.tsdb.path="$DIR/prometheus" \
    --web.listen-address=127.0.0.1:9090 --log.level=warn
  local port
  for port in 8095 8096; do # two copies that share their gates
    loadtester "$port"
  done
  : > "$DIR/events"
  background ear python3 traffic.py hear 8097 "$DIR/events"
  background flagger "$SERIN_BIN" flagger -kubeconfig "$DIR/serin-flagger.kubeconfig" -port 8083 \
    -mesh-provider gatewayapi:v1 -metrics-server http://127.0.0.1:9090 -event-webhook http://127.0.0.1:8097/
}

# ---- words
canary_state() { kubectl -n "$1" get canary podinfo -o jsonpath='{.status.phase}/{.status.canaryWeight}/{.status.failedChecks}'; }
canary_reaches() { # namespace phase: within a minute and a half
  local i
  for i in $(seq 1 450); do
    [ "$(canary_state "$1" 2> /dev/null | cut -d/ -f1)" = "$2" ] && return 0
    sleep 0.2
  done
  canary_die "$1" "not within 90 s: $2 (is $(canary_state "$1"))"
}
canary_die() { # namespace what
  echo "traffic: FAILED: $1: $2"
  kubectl -n "$1" get canary,httproute,deploy,rs,pods,svc,endpointslices,hpa -o wide 2>&1
  grep "^$1 " "$DIR/events"
  tail -n 20 "$DIR/flagger.log" "$DIR/loadtester-8095.log" "$DIR/prometheus.log"
  exit 1
}
heard() { # namespace count text: so many times has the Canary said so, to who hears its events one by one
  local got
  got=$(awk -v ns="$1" -v text="$3" '$1 == ns && index($0, text) { n++ } END { print n + 0 }' "$DIR/events")
  [ "$got" = "$2" ] || canary_die "$1" "said $got times and not $2: $3"
}
weights() { # namespace: each change of the canary's weight with its time
  local weight
  kubectl -n "$1" get httproute podinfo -w -o \
    go-template='{{range $i, $to := (index .spec.rules 0).backendRefs}}{{if eq $i 1}}{{$to.weight}}{{end}}{{end}}{{"\n"}}' |
    while read -r weight; do echo "$(date +%s.%N) $weight"; done > "$DIR/weights-$1"
}
image_of() { kubectl -n "$1" set image deployment/podinfo "podinfod=podinfo:$2" > /dev/null || canary_die "$1" "kubectl set image"; }
serves() { # namespace version: all of fifty requests
  local i got
  for i in $(seq 1 50); do
    got=$(curl -s -o /dev/null --max-time 10 -w '%{http_code} %header{x-version}\n' "http://podinfo.$1:9898/?[1-50]" | grep -c "^200 $2\$")
    [ "$got" = 50 ] && return 0; sleep 0.2
  done
  canary_die "$1" "not all requests reach $2"
}
begin() { # namespace: the Canary is applied while users are served
  serves "$1" 1.0
  background "weights-$1" weights "$1"
  local metric=/DURATION/d
  [ "$1" = test-b ] && metric='s/ # DURATION//'
  sed "$metric; s/NS/$1/g" manifests/podinfo-canary.yaml | kubectl apply -f - > /dev/null || canary_die "$1" "the Canary was refused"
  canary_reaches "$1" Initialized
  serves "$1" 1.0
  [ "$(kubectl -n "$1" get deployment podinfo -o jsonpath='{.spec.replicas}')" = 0 ] || canary_die "$1" "the target is not at zero"
}

# ---- the stories
canary_succeeds() {
  local ns=test weight
  begin $ns; image_of $ns 2.0
  canary_reaches $ns Succeeded; serves $ns 2.0
  heard $ns 1 "New revision detected! Scaling up podinfo.$ns"
  heard $ns 1 "Pre-rollout check acceptance-test passed"
  for weight in 10 20 30 40 50; do heard $ns 1 "Advance podinfo.$ns canary weight $weight"; done
  heard $ns 0 "Halt"
  heard $ns 1 "Copying podinfo.$ns template spec to podinfo-primary.$ns"
  heard $ns 1 "Routing all traffic to primary"
  heard $ns 1 "Promotion completed! Scaling down podinfo.$ns"
  # The load tester has sent what it was asked for: the canary's Service saw more than its share of the users' requests.
  curl -sf http://127.0.0.1:8095/results | grep -q '"type": *"load"' || canary_die $ns "no load was sent"
  kubectl -n $ns delete canary podinfo --timeout=60s > /dev/null || canary_die $ns "it cannot be deleted"
  serves $ns 2.0
  [ "$(kubectl -n $ns get httproute podinfo -o jsonpath='{.spec.rules[*].backendRefs[*].name}')" = podinfo ] ||
    canary_die $ns "the route is not as it was"
  kubectl -n $ns wait --for=delete deployment/podinfo-primary --timeout=30s > /dev/null || canary_die $ns "the primary stays"
  sleep 2; serves $ns 2.0 # what hears of it last, hears of it
}
canary_fails() { # namespace version what is said: five failed checks, and back
  local ns=$1
  begin "$ns"; image_of "$ns" "$2"
  canary_reaches "$ns" Failed; serves "$ns" 1.0
  heard "$ns" 5 "$3"
  heard "$ns" 1 "Rolling back podinfo.$ns failed checks threshold reached 5"
  heard "$ns" 1 "Canary failed! Scaling down podinfo.$ns"
}
gates_are_shared() { # both copies of the load tester know of a gate, and one that starts anew does too
  local gate='{"name": "podinfo", "namespace": "test"}' port pid
  answer() { curl -s -o /dev/null -w '%{http_code}' -d "$gate" "http://127.0.0.1:$1/gate/$2"; }
  for port in 8095 8096; do [ "$(answer $port check)" = 403 ] || die "a gate is open that nobody has opened"; done
  [ "$(answer 8095 open)" = 202 ] && [ "$(answer 8096 check)" = 200 ] || die "an open gate is closed at another copy"
  pid=$(pid_of loadtester-8096); stop "$pid" 10
  loadtester 8096
  for _ in $(seq 1 100); do [ "$(answer 8096 check)" = 200 ] && break; sleep 0.1; done
  [ "$(answer 8096 check)" = 200 ] || die "a restart has closed an open gate"
  [ "$(kubectl -n test get configmap serin-gates -o jsonpath='{.data.gate\.test\.podinfo}')" = open ] || die "kubectl does not show the gate"
  kubectl -n test patch configmap serin-gates --type=merge -p '{"data": {"gate.test.podinfo": "closed"}}' > /dev/null
  for port in 8095 8096; do [ "$(answer $port check)" = 403 ] || die "kubectl cannot close a gate"; done
  echo "traffic: gates are kept across copies and restarts"
}
canaries() {
  local ns story stories=() total failed
  rm -f "$DIR/canaries-stop"
  background users python3 traffic.py send "$DIR/users" "$DIR/canaries-stop" 25 9898 podinfo.test podinfo.test-a podinfo.test-b
  canary_succeeds & stories+=($!)
  canary_fails test-a 3.0 "Halt podinfo.test-a advancement pre-rollout check acceptance-test failed" & stories+=($!)
  canary_fails test-b 2.0 "Halt advancement no values found for gatewayapi:v1 metric request-duration probably podinfo.test-b is not receiving traffic" & stories+=($!)
  for story in "${stories[@]}"; do echo "story $story" >> "$DIR/pids"; done
  (gates_are_shared) || return 1
  for story in "${stories[@]}"; do wait "$story" || return 1; done
  touch "$DIR/canaries-stop"
  for _ in $(seq 1 150); do [ -d "/proc/$(pid_of users)" ] || break; sleep 0.1; done
  total=$(wc -l < "$DIR/users"); failed=$(awk '$3 != 200' "$DIR/users" | wc -l)
  [ "$failed" = 0 ] || { awk '$3 != 200' "$DIR/users" | head -20; echo "traffic: FAILED: $failed of $total requests failed"; return 1; }
  for ns in test test-a test-b; do
    python3 traffic.py shares "$DIR/users" "podinfo.$ns" "$DIR/weights-$ns" podinfo-primary- > "$DIR/shares-$ns"; story=$?
    sed 's/^/traffic: /' "$DIR/shares-$ns"
    [ $story = 0 ] || { echo "traffic: FAILED: the served share does not follow the weights"; return 1; }
  done
  echo "traffic: none of $total requests failed from before there were Canaries through promotion, two roll backs and a deletion"
}
