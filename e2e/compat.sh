#!/bin/bash
# Every public manifest of Flagger (its examples and the kustomize overlays of its installation), as a user applies it: Flagger's own
# definitions, the target and autoscaler of its overlay `podinfo`, each Canary to Initialized and, after a new image, to Succeeded;
# and the arguments of every overlay's controller. Metric servers and web hooks are answered by a double, and the objects of meshes
# are taken by definitions that check nothing. usage: compat.sh PLANE_DIR OUT   env SERIN_BIN, CI
# The manifests lie beside the repository (SERIN_SHARED); they are data, and no part of it.
set -uo pipefail
PLANE=${1:?usage: compat.sh PLANE_DIR OUT}; OUT=${2:?usage: compat.sh PLANE_DIR OUT}
cd "$(dirname "$0")"
. ./tools.sh
FLAGGER=${SERIN_SHARED:-$REPO/../shared}/compat/flagger
if [ ! -d "$FLAGGER" ]; then
  [ -z "${CI:-}" ] || { echo "compat: FAILED: no manifests in $FLAGGER (SERIN_SHARED)"; exit 1; }
  echo "compat: skipped: no manifests in $FLAGGER (SERIN_SHARED)"; exit 0
fi
ensure_kubectl && ensure_yaml && ensure_serin || exit 1
mkdir -p "$OUT"
export KUBECONFIG=$PLANE/kubeconfig
PIDS=()
trap 'for pid in "${PIDS[@]}"; do stop "$pid"; done' EXIT
run() { local name=$1; shift; "$@" > "$OUT/$name.log" 2>&1 < /dev/null & PIDS+=($!); }
die() { echo "compat: FAILED: $1"; kubectl get canaries -A; tail -n 15 "$OUT"/controller.log; exit 1; }
PORT=$(free_ports 26000) || exit 1

# ---- definitions: Flagger's, and of each mesh's kinds one that takes anything
kubectl apply --server-side --force-conflicts -f "$FLAGGER/kustomize/base/flagger/crd.yaml" > /dev/null || die "Flagger's own definitions are refused"
for kind in networking.istio.io/v1beta1/VirtualService networking.istio.io/v1beta1/DestinationRule split.smi-spec.io/v1alpha1/TrafficSplit \
  split.smi-spec.io/v1alpha2/TrafficSplit kuma.io/v1alpha1/TrafficRoute kuma.io/v1alpha1/Mesh policy.linkerd.io/v1alpha1/AuthorizationPolicy; do
  IFS=/ read -r group version name <<< "$kind"
  plural=${name,,}s; plural=${plural/policys/policies}; plural=${plural/meshs/meshes}
  scope=Namespaced; [ "$group" = kuma.io ] && scope=Cluster
  versions="{name: $version, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}"
  [ "$kind" = split.smi-spec.io/v1alpha2/TrafficSplit ] && versions="$versions, ${versions//v1alpha2, served: true, storage: true/v1alpha1, served: true, storage: false}"
  kubectl apply --server-side --force-conflicts -f - > /dev/null << CRD || die "no definition of $name"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: $plural.$group}
spec: {group: $group, scope: $scope, names: {kind: $name, listKind: ${name}List, plural: $plural, singular: ${name,,}}, versions: [$versions]}
CRD
done
for crd in canaries.flagger.app virtualservices.networking.istio.io trafficsplits.split.smi-spec.io trafficroutes.kuma.io meshes.kuma.io; do
  established "crd/$crd" || die "$crd is not served"
done

# ---- what answers
run double python3 -c '
import http.server, json, re, sys, urllib.parse
class Double(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = urllib.parse.unquote_plus(self.path + self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())
        value = "1" if "vector(1)" in asked else "0.1" if re.search("histogram_quantile|duration|latency", asked) else "100"
        body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, value]}]}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_GET = do_POST
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Double).serve_forever()' "$PORT"
run nodes "$(dirname "$SERIN_BIN")/serin-nodes" --kubeconfig "$KUBECONFIG" --nodes 3 --node-prefix compat --addresses none

# ---- the overlays: what they hold is accepted, and the controller takes their arguments
arguments() { # patch: one a line, the metric server being the double
  "$PYTHON_WITH_YAML" -c '
import sys, yaml
patch = next(o for o in yaml.safe_load_all(open(sys.argv[1])) if o["kind"] == "Deployment")
for one in patch["spec"]["template"]["spec"]["containers"][0]["args"]:
    print(one if not one.startswith("-metrics-server=") else f"-metrics-server=http://127.0.0.1:{sys.argv[2]}")' "$1" "$PORT"
}
table=("manifest|seen")
number=2 # of the port
for folder in "$FLAGGER"/kustomize/*/; do
  name=$(basename "$folder")
  # As kubectl reads it; Flagger's overlays are older than the present words of kustomize, which warns.
  kubectl kustomize "$folder" > "$OUT/$name.yaml" 2> "$OUT/$name.kustomize" || [ "$name" = base ] || die "kubectl cannot read $name: $(tail -1 "$OUT/$name.kustomize")"
  [ -s "$OUT/$name.yaml" ] || continue
  for space in $("$PYTHON_WITH_YAML" -c '
import sys, yaml
print(*sorted({(o["metadata"].get("namespace") or "flagger-system") for o in yaml.safe_load_all(open(sys.argv[1])) if o}))' "$OUT/$name.yaml"); do
    kubectl create namespace "$space" > /dev/null 2>&1
  done
  kubectl apply --server-side --force-conflicts --dry-run=server -f "$OUT/$name.yaml" > "$OUT/$name.accepted" 2>&1 || die "$name is refused: $(tail -1 "$OUT/$name.accepted")"
  [ -e "$folder/patch.yaml" ] || { table+=("kustomize/$name|$(wc -l < "$OUT/$name.accepted") objects accepted"); continue; }
  mapfile -t args < <(arguments "$folder/patch.yaml")
  # One that serves no namespace that there is: it reads its arguments and the definitions, and waits.
  run "overlay-$name" "$SERIN_BIN" flagger "${args[@]}" -kubeconfig "$KUBECONFIG" -namespace nowhere -port $((PORT + number))
  number=$((number + 1)); [ $number -lt 10 ] || { PORT_MORE=$(free_ports 26000); number=$((PORT_MORE - PORT)); }
  for _ in $(seq 1 150); do grep -q '"leading"' "$OUT/overlay-$name.log" && break; sleep 0.2; done
  grep -q '"leading"' "$OUT/overlay-$name.log" || die "serin flagger does not run with the arguments of $name: $(tail -1 "$OUT/overlay-$name.log")"
  stop "${PIDS[-1]}"
  table+=("kustomize/$name|$(wc -l < "$OUT/$name.accepted") objects accepted; serin flagger runs with ${args[*]:1}")
done

for file in "$FLAGGER"/artifacts/flagger/*.yaml; do
  for space in $(sed -n 's/^ *namespace: *//p' "$file"); do kubectl create namespace "$space" > /dev/null 2>&1; done
  kubectl apply --server-side --force-conflicts --dry-run=server -f "$file" > "$OUT/artifact.accepted" 2>&1 || die "$file is refused: $(tail -1 "$OUT/artifact.accepted")"
  table+=("artifacts/flagger/$(basename "$file")|$(wc -l < "$OUT/artifact.accepted") objects accepted")
done

# ---- the examples
mapfile -t args < <(arguments "$FLAGGER/kustomize/kuma/patch.yaml") # whose provider the one example has that names none
run controller "$SERIN_BIN" flagger "${args[@]}" -kubeconfig "$PLANE/controller.kubeconfig" -port $((PORT + 1))
examples=()
for file in "$FLAGGER"/artifacts/examples/*.yaml; do
  name=$(basename "$file" .yaml); examples+=("$name")
  kubectl create namespace "$name" > /dev/null || die "no namespace $name"
  for part in deployment hpa; do
    sed '/namespace:/d' "$FLAGGER/kustomize/podinfo/$part.yaml" | kubectl apply -n "$name" -f - > /dev/null || die "the target of $name is refused"
  done
  # The one place where a manifest is changed: its namespace; hooks go to the double; and the run is short: looks 10 s apart, one
  # iteration, one step to the weight that it ends with.
  "$PYTHON_WITH_YAML" -c '
import sys, yaml
canary, url = yaml.safe_load(open(sys.argv[1])), f"http://127.0.0.1:{sys.argv[3]}/"
canary["metadata"]["namespace"] = sys.argv[2]
analysis = canary["spec"]["analysis"]
analysis["interval"] = "10s"
for short, long in (("iterations", 1), ("stepWeight", analysis.get("maxWeight")), ("stepWeights", analysis.get("stepWeights", [])[-1:])):
    if short in analysis: analysis[short] = long
for hook in analysis["webhooks"]: hook["url"] = url
print(yaml.safe_dump(canary))' "$file" "$name" "$PORT" | kubectl apply -f - > /dev/null || die "$name is refused"
  # As it is, every word known: the namespace is that of the overlay `podinfo`, which is there.
  kubectl apply --dry-run=server --validate=strict -f "$file" > "$OUT/$name.asis" 2>&1 || die "$name as it is is refused: $(tail -1 "$OUT/$name.asis")"
done
reaches() { # phase
  local name
  for name in "${examples[@]}"; do
    kubectl -n "$name" wait canary/podinfo --for=jsonpath='{.status.phase}'="$1" --timeout=180s > /dev/null || die "$name does not reach $1"
  done
}
reaches Initialized
for name in "${examples[@]}"; do kubectl -n "$name" set image deployment/podinfo podinfod=ghcr.io/stefanprodan/podinfo:6.0.1 > /dev/null || die "no new image for $name"; done
reaches Succeeded
for name in "${examples[@]}"; do
  image=$(kubectl -n "$name" get deployment podinfo-primary -o jsonpath='{.spec.template.spec.containers[0].image}')
  [ "${image##*:}" = 6.0.1 ] || die "the primary of $name runs $image"
  said=$(kubectl -n "$name" get events --field-selector involvedObject.kind=Canary -o custom-columns=M:.message --no-headers | grep -c 'Halt')
  [ "$said" = 0 ] || die "$name was halted"
  table+=("artifacts/examples/$name|Initialized, then Succeeded; nothing was halted")
done
! grep -q panicked "$OUT/controller.log" || die "the controller has panicked"
printf 'compat: %s\n' "${table[@]}" | sed 's/|/: /' | tail -n +2
echo "compat: passed: $(( ${#table[@]} - 1 )) manifests"
