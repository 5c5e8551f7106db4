#!/bin/bash
# Builds the control plane as one program (its name chooses the component), or kubectl, from their Go modules.
# usage: build.sh plane|kubectl OUT_DIR
set -euo pipefail
what=${1:?plane or kubectl}; out=${2:?OUT_DIR}
here=$(cd "$(dirname "$0")" && pwd)
version=1.33.13; package=k8s.io/component-base/version
mkdir -p "$out"; out=$(cd "$out" && pwd)
# Without a version the server says v0.0.0 and the components refuse to work together.
flags="-s -w -X $package.gitVersion=v$version -X $package.gitMajor=1 -X $package.gitMinor=33 -X $package.gitTreeState=clean \
-X $package.gitCommit=0000000000000000000000000000000000000000 -X $package.buildDate=2026-01-01T00:00:00Z"
build() { CGO_ENABLED=0 GOFLAGS="-mod=readonly -buildvcs=false" go build -trimpath -o "$1.new" -ldflags "$flags" "$2" && mv "$1.new" "$1"; }
cd "$here/src"
case $what in
  plane)
    build "$out/kubeplane" .
    for c in kube-apiserver kube-controller-manager kube-scheduler; do ln -sf kubeplane "$out/$c"; done ;;
  kubectl) build "$out/kubectl" ./kubectl ;;
  *) echo "usage: build.sh plane|kubectl OUT_DIR" >&2; exit 2 ;;
esac
