#!/usr/bin/env bash
# Copyright The Espalier Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Builds the Kubernetes that tests and the demo run on into bin/k8s, from
# published Go modules alone:
#
#   hack/kube/build.sh api       etcd, kube-apiserver, kubectl: what API tests want (KUBEBUILDER_ASSETS=bin/k8s)
#   hack/kube/build.sh cluster   those, and all that hack/cluster/up.sh starts
#   hack/kube/build.sh helm      helm
#   hack/kube/build.sh           everything
#
# What is built and unchanged is left alone; a second run takes a moment. With
# empty caches and two CPUs everything takes about ten minutes.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
out=$root/bin/k8s
version=v1.35.4      # of k8s.io/kubernetes in go.mod
helm_version=v3.22.0 # of helm.sh/helm/v3 in addons/go.mod

export CGO_ENABLED=0 GOWORK=off GOFLAGS=-buildvcs=false
unset GOOS GOARCH

component_base=k8s.io/component-base/version
ldflags="-s -w -X $component_base.gitVersion=$version -X $component_base.gitMajor=1 -X $component_base.gitMinor=35 -X helm.sh/helm/v3/internal/version.version=$helm_version"

# inputs_of FOLDER PACKAGE: one hash of everything that decides what is built.
inputs_of() {
	{
		go version
		echo "$ldflags"
		cat "$1"/go.mod "$1"/go.sum "$1/$2"/*.go 2>/dev/null || true # a package of another module has no files here
	} | sha256sum
}

# build NAME FOLDER PACKAGE: builds bin/k8s/NAME unless its inputs are as they
# were, with a line every 15 seconds for whoever is waiting.
build() {
	local name=$1 folder=$root/$2 package=$3
	local stamp=$out/.$name.inputs inputs started=$SECONDS log
	inputs=$(inputs_of "$folder" "$package")
	if [[ -x $out/$name && -f $stamp && $(<"$stamp") == "$inputs" ]]; then
		return
	fi
	rm -f "$stamp"
	log=$(mktemp)
	(cd "$folder" && exec go build -v -ldflags "$ldflags" -o "$out/$name" "$package") >"$log" 2>&1 &
	local pid=$! next=$((SECONDS + 15))
	trap 'kill '"$pid"' 2>/dev/null || true' EXIT
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		if ((SECONDS >= next)); then
			echo "  $name: $((SECONDS - started)) s, $(wc -l <"$log") packages compiled"
			next=$((SECONDS + 15))
		fi
	done
	trap - EXIT
	if ! wait "$pid"; then
		echo "$name: go build failed:" >&2
		tail -n 30 "$log" >&2
		rm -f "$log"
		exit 1
	fi
	rm -f "$log"
	echo "$inputs" >"$stamp"
	echo "  $name: built in $((SECONDS - started)) s"
}

# image NAME PROGRAM [OPTION...]: packs one program as image NAME:dev.
image() {
	local name=$1 program=$out/$2
	shift 2
	if [[ ! $out/$name.tar -nt $program ]]; then
		(cd "$root" && go run ./hack/image -o "$out/$name.tar" -name "$name:dev" "$@" "/$name=$program")
	fi
}

api() {
	build etcd hack/kube go.etcd.io/etcd/server/v3
	build kube-apiserver hack/kube k8s.io/kubernetes/cmd/kube-apiserver
	build kubectl hack/kube k8s.io/kubernetes/cmd/kubectl
}

cluster() {
	api
	build kube hack/kube .
	for component in kube-controller-manager kube-scheduler kubelet kube-proxy; do
		ln -sf kube "$out/$component"
	done
	build provisioner hack/kube/addons ./provisioner
	build coredns hack/kube/addons ./coredns
	build rerun hack/kube ./rerun
	build pause hack/image ./pause
	image pause pause
	image coredns coredns -user 0:0 # it listens on port 53
}

helm() {
	build helm hack/kube/addons helm.sh/helm/v3/cmd/helm
}

everything() {
	cluster
	helm
}

case ${1:-everything} in
api | cluster | helm | everything) ;;
*)
	sed -n '5,15s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac

mkdir -p "$out"
exec 9>"$out/.lock"
flock 9 # two builds at once would only slow each other down
"${1:-everything}"
echo "Kubernetes $version: bin/k8s is ready ($((SECONDS / 60)) min $((SECONDS % 60)) s)"
