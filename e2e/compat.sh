#!/bin/bash
# Every public manifest of Flagger (its examples and the kustomize overlays of its installation), as a user applies it: Flagger's own
# definitions, the target and autoscaler of its overlay `podinfo`, each Canary to Initialized and, after a new image, to Succeeded;
# and the arguments of every overlay's controller. Metric servers and web hooks are answered by a double, and the objects of meshes
# are taken by definitions that check nothing. usage: compat.sh PLANE_DIR|embedded OUT   env SERIN_BIN, CI
# With `embedded` it starts the embedded Kubernetes (the program embedded-plane beside SERIN_BIN) instead of using a real one.
# The manifests lie beside the repository (SERIN_SHARED); they are data, and no part of it.
set -uo pipefail
PLANE=${1:?usage: compat.sh PLANE_DIR|embedded OUT}; OUT=${2:?usage: compat.sh PLANE_DIR|embedded OUT}
cd "$(dirname "$0")"
. ./tools.sh
FLAGGER=${SERIN_SHARED:-$REPO/../shared}/compat/flagger
if [ ! -d "$FLAGGER" ]; then
  [ -z "${CI:-}" ] || { echo "compat: FAILED: no manifests in $FLAGGER (SERIN_SHARED)"; exit 1; }
  echo "compat: skipped: no manifests in $FLAGGER (SERIN_SHARED)"; exit 0
fi
ensure_kubectl && ensure_yaml && ensure_serin || exit 1
mkdir -p "$OUT"
PIDS=()
trap 'for pid in "${PIDS[@]}"; do stop "$pid"; done' EXIT
run() { local name=$1; shift; "$@" > "$OUT/$name.log" 2>&1 < /dev/null & PIDS+=($!); }
die() { echo "compat: FAILED: $1"; kubectl get canaries -A; tail -n 15 "$OUT"/controller.log; exit 1; }
PORT=$(free_ports 26000) || exit 1
apply=(apply --server-side --force-conflicts)
fit() { cat "$1"; } # file
if [ "$PLANE" = embedded ]; then
  # It serves no apply but the client's, and no rules of CEL, which Flagger's definitions have: they are left out.
  apply=(apply)
  fit() {
    "$PYTHON_WITH_YAML" -c '
import sys, yaml
def without(value):
    if isinstance(value, dict):
        return {key: without(one) for key, one in value.items() if key != "x-kubernetes-validations"}
    return [without(one) for one in value] if isinstance(value, list) else value
loader, dumper = getattr(yaml, "CSafeLoader", yaml.SafeLoader), getattr(yaml, "CSafeDumper", yaml.SafeDumper)
yaml.dump_all([without(one) for one in yaml.load_all(open(sys.argv[1]), loader) if one], sys.stdout, dumper)' "$1"
  }
  PLANE=$(cd "$OUT" && pwd)
  run plane "$(dirname "$SERIN_BIN")/embedded-plane" "$PLANE/kubeconfig"
  for _ in $(seq 1 100); do grep -q '^up' "$OUT/plane.log" && break; sleep 0.1; done
  grep -q '^up' "$OUT/plane.log" || { echo "compat: FAILED: no embedded Kubernetes: $(tail -1 "$OUT/plane.log")"; exit 1; }
  cp "$PLANE/kubeconfig" "$PLANE/controller.kubeconfig"
fi
export KUBECONFIG=$PLANE/kubeconfig

# ---- definitions: Flagger's, and of each mesh's kinds one that takes anything
fit "$FLAGGER/kustomize/base/flagger/crd.yaml" | kubectl "${apply[@]}" -f - > /dev/null || die "Flagger's own definitions are refused"
for kind in networking.istio.io/v1beta1/VirtualService networking.istio.io/v1beta1/DestinationRule split.smi-spec.io/v1alpha1/TrafficSplit \
  split.smi-spec.io/v1alpha2/TrafficSplit kuma.io/v1alpha1/TrafficRoute kuma.io/v1alpha1/Mesh policy.linkerd.io/v1alpha1/AuthorizationPolicy; do
  IFS=/ read -r group version name <<< "$kind"
  plural=${name,,}s; plural=${plural/policys/policies}; plural=${plural/meshs/meshes}
  scope=Namespaced; [ "$group" = kuma.io ] && scope=Cluster
  versions="{name: $version, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}"
  [ "$kind" = split.smi-spec.io/v1alpha2/TrafficSplit ] && versions="$versions, ${versions//v1alpha2, served: true, storage: true/v1alpha1, served: true, storage: false}"
  kubectl "${apply[@]}" -f - > /dev/null << CRD || die "no definition of $name"
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

# The arguments of each overlay's controller, one a line, the metric server being the double.
"$PYTHON_WITH_YAML" -c '
import pathlib, sys, yaml
for file in sys.argv[3:]:
    patch = next(o for o in yaml.safe_load_all(open(file)) if o["kind"] == "Deployment")
    args = patch["spec"]["template"]["spec"]["containers"][0]["args"]
    args = [one if not one.startswith("-metrics-server=") else f"-metrics-server=http://127.0.0.1:{sys.argv[1]}" for one in args]
    pathlib.Path(sys.argv[2], pathlib.Path(file).parent.name + ".args").write_text("\n".join(args) + "\n")
' "$PORT" "$OUT" "$FLAGGER"/kustomize/*/patch.yaml || die "the arguments of the overlays cannot be read"

# ---- the examples, which begin while the overlays are looked at
mapfile -t args < "$OUT/kuma.args" # whose provider the one example has that names none
run controller "$SERIN_BIN" flagger "${args[@]}" -kubeconfig "$PLANE/controller.kubeconfig" -port $((PORT + 1))
examples=()
for file in "$FLAGGER"/artifacts/examples/*.yaml; do
  name=$(basename "$file" .yaml); examples+=("$name")
  echo "{apiVersion: v1, kind: Namespace, metadata: {name: $name}}"
  for part in deployment hpa; do
    echo ---; sed "/namespace:/d; s/^metadata:/&\n  namespace: $name/" "$FLAGGER/kustomize/podinfo/$part.yaml"
  done
  echo ---
done > "$OUT/targets.yaml"
kubectl apply -f "$OUT/targets.yaml" > "$OUT/targets.applied" || die "the targets of the examples are refused"
# The one place where a manifest is changed: its namespace; hooks go to the double; and the run is short: one iteration, one step
# to the weight that it ends with, looks as often as may be.
"$PYTHON_WITH_YAML" -c '
import pathlib, sys, yaml
changed, url = [], f"http://127.0.0.1:{sys.argv[1]}/"
for file in sys.argv[2:]:
    canary = yaml.safe_load(open(file))
    canary["metadata"]["namespace"] = pathlib.Path(file).stem
    analysis = canary["spec"]["analysis"]
    analysis["interval"] = "10s"
    for short, long in (("iterations", 1), ("stepWeight", analysis.get("maxWeight")), ("stepWeights", analysis.get("stepWeights", [])[-1:])):
        if short in analysis: analysis[short] = long
    for hook in analysis["webhooks"]: hook["url"] = url
    changed.append(canary)
print(yaml.safe_dump_all(changed))' "$PORT" "$FLAGGER"/artifacts/examples/*.yaml > "$OUT/canaries.yaml"
kubectl apply -f "$OUT/canaries.yaml" > "$OUT/canaries.applied" || die "an example is refused"

# ---- the overlays: what they hold is accepted, and the controller takes their arguments
table=("manifest|seen")
files=() controllers=()
more=$(free_ports 26000) || exit 1
for folder in "$FLAGGER"/kustomize/*/; do
  name=$(basename "$folder")
  if [ -e "$OUT/$name.args" ]; then
    mapfile -t args < "$OUT/$name.args"
    # One that serves no namespace that there is: it reads its arguments and the definitions, and waits.
    run "overlay-$name" "$SERIN_BIN" flagger "${args[@]}" -kubeconfig "$KUBECONFIG" -namespace "nowhere-$name" -port $((more + ${#controllers[@]}))
    controllers+=("$name ${PIDS[-1]}")
  fi
  # As kubectl reads it; Flagger's overlays are older than the present words of kustomize, which warns.
  kubectl kustomize "$folder" > "$OUT/$name.yaml" 2> "$OUT/$name.kustomize" || [ "$name" = base ] || die "kubectl cannot read $name: $(tail -1 "$OUT/$name.kustomize")"
  [ ! -s "$OUT/$name.yaml" ] || files+=("$OUT/$name.yaml")
done
files+=("$FLAGGER"/artifacts/flagger/*.yaml)
sed -n 's/^ *namespace: *\([a-z].*\)/\1/p' "${files[@]}" | grep -vx default | sort -u | sed 's/.*/---\n{apiVersion: v1, kind: Namespace, metadata: {name: &}}/' > "$OUT/namespaces.yaml"
kubectl apply -f "$OUT/namespaces.yaml" > "$OUT/namespaces.applied" || die "the namespaces of the overlays are refused"
for file in "${files[@]}"; do
  name=$(basename "$file" .yaml)
  accepted=$(fit "$file" | kubectl "${apply[@]}" --dry-run=server -f - 2> "$OUT/$name.refused" | wc -l) || die "$file is refused: $(tail -1 "$OUT/$name.refused")"
  what=kustomize/$name with=; [ "${file#"$OUT"}" != "$file" ] || what=artifacts/flagger/$name.yaml
  [ $what != "kustomize/$name" ] || [ ! -e "$OUT/$name.args" ] || with="; serin flagger runs with $(tail -n +2 "$OUT/$name.args" | xargs)"
  table+=("$what|$accepted objects accepted$with")
done
for controller in "${controllers[@]}"; do
  read -r name pid <<< "$controller"
  for _ in $(seq 1 150); do grep -q '"leading"' "$OUT/overlay-$name.log" && break; sleep 0.2; done
  grep -q '"leading"' "$OUT/overlay-$name.log" || die "serin flagger does not run with the arguments of $name: $(tail -1 "$OUT/overlay-$name.log")"
  stop "$pid"
done

# ---- the examples run
# As they are, every word known: the namespace is that of the overlay `podinfo`, which is there.
for file in "$FLAGGER"/artifacts/examples/*.yaml; do
  kubectl apply --dry-run=server --validate=strict -f "$file" > "$OUT/asis" 2>&1 || die "$(basename "$file") as it is is refused: $(tail -1 "$OUT/asis")"
done
reaches() { # phase [what to do while it is not reached]
  local phase=$1 begun=$SECONDS states; shift
  while :; do
    states=$(kubectl get canaries -A -o jsonpath='{range .items[*]}{.metadata.namespace}={.status.phase}{"\n"}{end}')
    [ "$(grep -c "=$phase$" <<< "$states")" = ${#examples[@]} ] && return 0
    [ $((SECONDS - begun)) -lt 180 ] || die "not all are $phase: ${states//$'\n'/ }"
    sleep 0.5
    "$@"
  done
}
# Another interval is heard when it is said: a look need not be waited for.
seconds=10
look() {
  seconds=$((21 - seconds))
  sed "s/^    interval: 10s$/    interval: ${seconds}s/" "$OUT/canaries.yaml" | kubectl apply -f - > "$OUT/canaries.applied" || die "another interval is refused"
}
reaches Initialized true
for name in "${examples[@]}"; do kubectl -n "$name" set image deployment/podinfo podinfod=ghcr.io/stefanprodan/podinfo:6.0.1 > /dev/null || die "no new image for $name"; done
reaches Succeeded look
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
