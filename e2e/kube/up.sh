#!/bin/bash
# Starts a Kubernetes control plane on loopback: etcd, kube-apiserver, kube-controller-manager, kube-scheduler.
# No containers, no kubelet, no nodes: the node double brings those.
# usage: up.sh DIR PORT_BASE
#   DIR        data, logs, pids, kubeconfigs; wiped at each start if an earlier start made it
#   PORT_BASE  first of 5 TCP ports: +0 etcd, +1 etcd peer, +2 API server, +3 controller manager, +4 scheduler
#   KUBE_BIN   where build.sh put the programs
#   AUDIT=1    write an audit log (metadata level) to DIR/audit.log; AUDIT=controller: of the controller under test alone
#   BARE=1     etcd and the API server alone: no controllers and no scheduler
# DIR/kubeconfig is the user's; DIR/controller.kubeconfig is a user of its own for the controller under test, so that the audit
# log tells its requests from ours.
set -u
DIR=${1:?usage: up.sh DIR PORT_BASE}; PB=${2:?usage: up.sh DIR PORT_BASE}
HERE=$(cd "$(dirname "$0")" && pwd)
BIN=${KUBE_BIN:?KUBE_BIN: where build.sh put the programs}; ETCD=${ETCD:-etcd}
T0=$(date +%s.%N)
elapsed() { awk -v a="$T0" -v b="$(date +%s.%N)" 'BEGIN{printf "%.1f", b-a}'; }
[ -f "$DIR/pids" ] && "$HERE/down.sh" "$DIR" > /dev/null 2>&1
for o in 0 1 2 3 4; do
  if (exec 3<> "/dev/tcp/127.0.0.1/$((PB + o))") 2> /dev/null; then echo "port $((PB + o)) is in use: choose another PORT_BASE" >&2; exit 1; fi
done
if [ -e "$DIR" ] && [ ! -e "$DIR/made-by-up" ] && [ -n "$(ls -A "$DIR" 2> /dev/null)" ]; then echo "$DIR is not ours: not wiped" >&2; exit 1; fi
rm -rf "$DIR"; mkdir -p "$DIR"/{pki,log,etcd}; cd "$DIR" || exit 1
DIR=$PWD; chmod 700 "$DIR"; : > pids; : > made-by-up
spawn() { # name cmd...
  local n=$1; shift
  setsid nohup "$@" > "log/$n.log" 2>&1 < /dev/null &
  echo "$n $!" >> pids
}
give_up() { echo "$1" >&2; tail -n 5 log/*.log >&2; "$HERE/down.sh" "$DIR" >&2; exit 1; }

# --- keys and certificates (EC: made in milliseconds)
cd pki || exit 1
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1" 2> /dev/null; }
key ca.key; openssl req -x509 -new -key ca.key -subj /CN=plane-ca -days 3650 -out ca.crt 2> /dev/null
key apiserver.key; openssl req -new -key apiserver.key -subj /CN=kube-apiserver -out apiserver.csr
printf 'subjectAltName=IP:127.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc\n' > san
openssl x509 -req -in apiserver.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 -extfile san -out apiserver.crt 2> /dev/null
key sa.key; openssl ec -in sa.key -pubout -out sa.pub 2> /dev/null
cd ..
token() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }
ADMIN=$(token); MANAGER=$(token); SCHEDULER=$(token); CONTROLLER=$(token)
cat > pki/tokens.csv << TOKENS
$ADMIN,admin,1,"system:masters"
$MANAGER,system:kube-controller-manager,2
$SCHEDULER,system:kube-scheduler,3
$CONTROLLER,controller-under-test,4,"system:masters"
TOKENS
CA=$(base64 -w0 pki/ca.crt)
kubeconfig() { # file token
  cat > "$1" << CONFIG
apiVersion: v1
kind: Config
clusters: [{name: plane, cluster: {server: "https://127.0.0.1:$((PB + 2))", certificate-authority-data: $CA}}]
users: [{name: u, user: {token: $2}}]
contexts: [{name: plane, context: {cluster: plane, user: u, namespace: default}}]
current-context: plane
CONFIG
  chmod 600 "$1"
}
kubeconfig kubeconfig "$ADMIN"; kubeconfig controller.kubeconfig "$CONTROLLER"
kubeconfig pki/manager.kubeconfig "$MANAGER"; kubeconfig pki/scheduler.kubeconfig "$SCHEDULER"

# --- etcd: nothing here must survive a power cut
FSYNC=(); "$ETCD" --help 2>&1 | grep -q unsafe-no-fsync && FSYNC=(--unsafe-no-fsync)
spawn etcd "$ETCD" --name=m --data-dir="$DIR/etcd" --listen-client-urls="http://127.0.0.1:$PB" --advertise-client-urls="http://127.0.0.1:$PB" \
  --listen-peer-urls="http://127.0.0.1:$((PB + 1))" --initial-advertise-peer-urls="http://127.0.0.1:$((PB + 1))" \
  --initial-cluster="m=http://127.0.0.1:$((PB + 1))" --quota-backend-bytes=2147483648 \
  --auto-compaction-retention=10 --auto-compaction-mode=periodic "${FSYNC[@]}"
AUDITING=()
if [ "${AUDIT:-0}" != 0 ]; then
  RULES='{level: Metadata}'; [ "$AUDIT" = controller ] && RULES='{level: Metadata, users: [controller-under-test]}, {level: None}'
  printf 'apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived, ResponseStarted]\nrules: [%s]\n' "$RULES" > pki/audit.yaml
  AUDITING=(--audit-policy-file=pki/audit.yaml --audit-log-path="$DIR/audit.log"
    # Whoever counts requests reads one file.
    --audit-log-maxsize=4096)
fi
# --- API server (endpoint reconciler off: a loopback advertise address is refused for the kubernetes Endpoints)
spawn apiserver "$BIN/kube-apiserver" --etcd-servers="http://127.0.0.1:$PB" --bind-address=127.0.0.1 --advertise-address=127.0.0.1 \
  --secure-port=$((PB + 2)) --endpoint-reconciler-type=none --service-cluster-ip-range=10.96.0.0/16 --cert-dir="$DIR/pki" \
  --tls-cert-file=pki/apiserver.crt --tls-private-key-file=pki/apiserver.key --client-ca-file=pki/ca.crt --token-auth-file=pki/tokens.csv \
  --authorization-mode=Node,RBAC --anonymous-auth=true --service-account-issuer=https://kubernetes.default.svc \
  --service-account-signing-key-file=pki/sa.key --service-account-key-file=pki/sa.pub --allow-privileged=true --profiling=false \
  --max-requests-inflight=800 --max-mutating-requests-inflight=400 --event-ttl=2h "${AUDITING[@]}"
wait_ok() { # url seconds
  local i
  for i in $(seq 1 $(($2 * 10))); do
    [ "$(curl -sk -o /dev/null -w '%{http_code}' --max-time 2 "$1")" = 200 ] && return 0
    sleep 0.1
  done
  return 1
}
wait_ok "https://127.0.0.1:$((PB + 2))/readyz" 90 || give_up "the API server is not ready after 90 s"
up() { echo "up in $(elapsed) s: KUBECONFIG=$DIR/kubeconfig, server https://127.0.0.1:$((PB + 2))"; }
[ "${BARE:-0}" = 1 ] && { up; exit 0; }
# --- controller manager (its own user may not write ReplicaSets: it needs the controllers' accounts), scheduler
spawn kcm "$BIN/kube-controller-manager" --kubeconfig=pki/manager.kubeconfig --authentication-kubeconfig=pki/manager.kubeconfig \
  --authorization-kubeconfig=pki/manager.kubeconfig --bind-address=127.0.0.1 --secure-port=$((PB + 3)) --cert-dir="$DIR/pki" --leader-elect=false \
  --use-service-account-credentials=true --service-account-private-key-file=pki/sa.key --root-ca-file=pki/ca.crt \
  --kube-api-qps=500 --kube-api-burst=1000 --profiling=false --horizontal-pod-autoscaler-sync-period=5s \
  --controllers='*,-node-ipam-controller,-node-route-controller,-cloud-node-lifecycle-controller,-service-lb-controller' \
  --authorization-always-allow-paths=/healthz,/readyz,/livez,/metrics
spawn scheduler "$BIN/kube-scheduler" --kubeconfig=pki/scheduler.kubeconfig --authentication-kubeconfig=pki/scheduler.kubeconfig \
  --authorization-kubeconfig=pki/scheduler.kubeconfig --bind-address=127.0.0.1 --secure-port=$((PB + 4)) --cert-dir="$DIR/pki" \
  --leader-elect=false --kube-api-qps=500 --kube-api-burst=1000 --profiling=false \
  --authorization-always-allow-paths=/healthz,/readyz,/livez,/metrics
wait_ok "https://127.0.0.1:$((PB + 3))/healthz" 60 || give_up "the controller manager is not healthy after 60 s"
wait_ok "https://127.0.0.1:$((PB + 4))/healthz" 60 || give_up "the scheduler is not healthy after 60 s"
SA=https://127.0.0.1:$((PB + 2))/api/v1/namespaces/default/serviceaccounts/default
for _ in $(seq 1 200); do
  [ "$(curl -sk -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $ADMIN" "$SA")" = 200 ] && { up; exit 0; }
  sleep 0.1
done
# Another server that has taken the port is ready too, and does not know our token.
give_up "the API server does not answer to its own token after 20 s"
