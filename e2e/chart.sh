#!/bin/bash
# The chart that takes the values of Flagger's: with its defaults it is manifests/flagger.yaml; with every value it is accepted by
# a real API server, and the controller takes the arguments that come of it; what it cannot give it refuses by name; installed, its
# service account has the rights that the controller needs to start. usage: chart.sh PLANE_DIR OUT   env SERIN_BIN
set -uo pipefail
PLANE=${1:?usage: chart.sh PLANE_DIR OUT}; OUT=${2:?usage: chart.sh PLANE_DIR OUT}
cd "$(dirname "$0")"
. ./tools.sh
ensure_helm && ensure_kubectl && ensure_yaml && ensure_serin || exit 1
mkdir -p "$OUT"
# Objects without a namespace go to the release's, the others to theirs.
sed 's/namespace: default/namespace: flagger-system/' "$PLANE/kubeconfig" > "$OUT/admin"
export KUBECONFIG=$OUT/admin HELM_CACHE_HOME=$OUT/helm HELM_CONFIG_HOME=$OUT/helm HELM_DATA_HOME=$OUT/helm
CHART=$REPO/charts/flagger
PIDS=()
trap 'for pid in "${PIDS[@]}"; do stop "$pid"; done' EXIT
die() { echo "chart: FAILED: $1"; tail -n 20 "$OUT"/*.log; exit 1; }
helm() { "$HELM" "$@" 2> "$OUT/helm.log"; }
render() { helm template flagger "$CHART" -n flagger-system --kube-version 1.33.0 "$@"; }

render > "$OUT/defaults.yaml" || die "it cannot be rendered"
"$PYTHON_WITH_YAML" - "$OUT/defaults.yaml" "$REPO/manifests/flagger.yaml" << 'CODE' || die "its defaults are not manifests/flagger.yaml"
import sys, yaml
one, other = ({(o["kind"], o["metadata"]["name"]): o for o in yaml.safe_load_all(open(path)) if o} for path in sys.argv[1:])
wrong = sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))
sys.exit(f"differs: {wrong}" if wrong else 0)
CODE

# ---- every value, under Flagger's names
cat > "$OUT/values.yaml" << 'VALUES'
meshProvider: gatewayapi:v1
metricsServer: http://127.0.0.1:9
namespace: test
noCrossNamespaceRefs: true
analysisVariant: staging
selectorLabels: app,name
includeLabelPrefix: app.kubernetes.io
configTracking: {enabled: false}
ingressAnnotationsPrefix: custom.ingress.kubernetes.io
ingressClass: contour
slack: {user: bot, channel: releases, url: "http://127.0.0.1:9/slack", token: xoxb-1, proxy: "http://127.0.0.1:9"}
msteams: {url: "http://127.0.0.1:9/teams", proxyUrl: "http://127.0.0.1:9"}
eventWebhook: http://127.0.0.1:9/events
clusterName: one
logLevel: debug
leaderElection: {enabled: true, replicaCount: 2}
kubeconfigQPS: 50
kubeconfigBurst: 100
threadiness: 4
crd: {create: true}
serviceAccount: {create: true, name: other, annotations: {example.com/role: flagger}}
podDisruptionBudget: {enabled: true, minAvailable: 1}
podMonitor: {enabled: true, namespace: monitoring, interval: 30s, additionalLabels: {team: blue}, podTargetLabels: [app]}
serviceMonitor: {enabled: true, namespace: monitoring, interval: 30s, additionalLabels: {team: blue}, honorLabels: true}
resources: {requests: {cpu: 20m}}
securityContext: {enabled: true, context: {runAsUser: 10001}}
env: [{name: EVENT_WEBHOOK_URL, valueFrom: {secretKeyRef: {name: hooks, key: events}}}]
envFromSecret: more
additionalVolumes: [{name: ca, configMap: {name: ca}}]
additionalVolumeMounts: [{name: ca, mountPath: /etc/ssl/certs}]
podAnnotations: {a: b}
podLabels: {c: d}
deploymentLabels: {e: f}
podPriorityClassName: system-cluster-critical
nodeSelector: {kubernetes.io/os: linux}
tolerations: [{operator: Exists}]
affinity: {nodeAffinity: {}}
image: {repository: registry.example.com/serin, tag: 1.2.3, pullPolicy: IfNotPresent, pullSecret: pull}
VALUES
render -f "$OUT/values.yaml" > "$OUT/all.yaml" || die "it cannot be rendered with every value"
kubectl create namespace test > /dev/null && kubectl create namespace monitoring > /dev/null || die "no namespaces"
# The monitors' definitions are others' work: any object of the kind will do.
for kind in PodMonitor ServiceMonitor; do
  kubectl apply -f - > /dev/null << CRD || die "no definition of $kind"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ${kind,,}s.monitoring.coreos.com}
spec:
  group: monitoring.coreos.com
  scope: Namespaced
  names: {kind: $kind, listKind: ${kind}List, plural: ${kind,,}s, singular: ${kind,,}}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
CRD
done
for kind in pod service; do established "crd/${kind}monitors.monitoring.coreos.com" || die "no definition of monitors"; done
kubectl create namespace flagger-system > /dev/null || die "no namespace"
kubectl apply --server-side --dry-run=server --validate=strict -f "$OUT/all.yaml" > "$OUT/accepted" || die "a real API server refuses it"
for kind in podmonitor servicemonitor poddisruptionbudget service/ customresourcedefinition role rolebinding clusterrole deployment serviceaccount/other; do
  grep -q "^$kind" "$OUT/accepted" || die "no $kind comes of it"
done

# ---- what it has not it refuses
refused() { # name of the value, its value
  render --set "$1=$2" > /dev/null && die "$1 is not refused"
  grep -q "${1%.secretName}" "$OUT/helm.log" || die "it is not said that it is $1"
}
refused image.repository ghcr.io/fluxcd/flagger; refused image.repository weaveworks/flagger
refused prometheus.install true; refused linkerdAuthPolicy.create true; refused controlplane.kubeconfig.secretName x
refused slack.proxyUrl a,slack.proxy=b; refused leaderElection.replicaCount 2,leaderElection.enabled=false

# ---- installed, and the controller with the arguments and the rights that come of it
helm install flagger "$CHART" -n flagger-system --set crd.create=true > "$OUT/installed" || die "it cannot be installed"
established crd/canaries.flagger.app || die "no definitions are installed"
starts() { # rendered file, name: with the Deployment's arguments
  local args i port
  port=$(free_ports 25000)
  mapfile -t args < <("$PYTHON_WITH_YAML" -c '
import sys, yaml
deployment = next(o for o in yaml.safe_load_all(open(sys.argv[1])) if o and o["kind"] == "Deployment")
print("\n".join(deployment["spec"]["template"]["spec"]["containers"][0]["args"]))' "$1")
  "$SERIN_BIN" "${args[@]}" -kubeconfig "$OUT/kubeconfig" -port "$port" > "$OUT/$2.log" 2>&1 & PIDS+=($!)
  for i in $(seq 1 100); do
    [ -d "/proc/${PIDS[-1]}" ] || die "the controller has ended with the arguments of $2"
    grep -q '"leading"' "$OUT/$2.log" && [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/healthz")" = 200 ] && break
    sleep 0.2
  done
  grep -q '"leading"' "$OUT/$2.log" || die "the controller does not lead with the arguments of $2"
  sleep 1
  # The metric server of the values is none.
  ! grep -v 'Metrics server' "$OUT/$2.log" | grep -qiE 'forbidden|"level":"(warn|error)"' || die "the controller is refused something with $2"
  stop "${PIDS[-1]}"
}
token() { sed "s/token: [^}]*/token: $(kubectl -n flagger-system create token "$1")/" "$KUBECONFIG" > "$OUT/kubeconfig"; }
token serin-flagger
starts "$OUT/defaults.yaml" defaults
# The rights of a lease in the namespace that is served.
helm upgrade flagger "$CHART" -n flagger-system -f "$OUT/values.yaml" > "$OUT/installed" || die "it cannot be upgraded"
token other
starts "$OUT/all.yaml" every-value
helm uninstall flagger -n flagger-system > /dev/null || die "it cannot be taken out"
kubectl get crd canaries.flagger.app > /dev/null || die "the definitions went with the release, and all Canaries with them"
echo "chart: passed: defaults are manifests/flagger.yaml, every value is accepted, and the controller runs with what comes of them"
