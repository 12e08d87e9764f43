#!/usr/bin/env bash
# Copyright The Espalier Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Runs the end-to-end tests of hack/e2e on a real Kubernetes:
#
#   hack/e2e.sh              on our own: started on this machine, ended afterwards
#   KUBECONFIG=… hack/e2e.sh on any other, into which it installs the operator
#
#   E2E_KEEP=1   use our own cluster if it is up, and leave it up
#   E2E_RUN=…    only the tests that match, as in go test -run
#   IMAGE=…      on another cluster: the image, which it must have or be able to
#                pull; espalier:dev when unset. A cluster of kind gets it loaded.
#
# Tests that kill a container's process need to see it: on a cluster whose
# processes are elsewhere they are skipped, and say so. On our own nothing is.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

namespace=espalier-system
tests=(
	"TestGrowth|star, chain, tree: grown, fed, unchanged"
	"TestScale|members are taken away and added"
	"TestRefusals|wrong manifests are refused"
	"TestDisk|every member stops at once, with disks"
	"TestFailures|master, relay, leaf: killed, deleted"
	"TestOperatorDies|the operator dies at each step of a failover"
	"TestFailoverTime|SIGKILL of the master to the next write"
	"TestHazard|the empty-master hazard, on the cluster"
)

main() {
	command -v go >/dev/null || die "Go is not installed: https://go.dev/doc/install"
	local own=$ROOT/.work/cluster/kubeconfig
	if [ -n "${KUBECONFIG:-}" ] && ! [ "$KUBECONFIG" -ef "$own" ]; then
		other_cluster
	else
		[ -z "${KUBECONFIG:-}" ] || E2E_KEEP=1 # named, so wanted as it is
		own_cluster
	fi
	step "install the operator with Helm" install_operator
	step "compile the tests" go test -c -tags e2e -o .work/e2e.test ./hack/e2e
	local entry
	for entry in "${tests[@]}"; do
		[[ ${entry%%|*} =~ ${E2E_RUN:-.} ]] || continue
		step "${entry#*|}" run_test "${entry%%|*}"
	done
	report_steps
}

own_cluster() {
	[ "$(uname -s)" = Linux ] || die "our own cluster needs Linux; set KUBECONFIG to use another one, of kind for example"
	[ "$(id -u)" = 0 ] || die "our own cluster needs root; set KUBECONFIG to use another one, of kind for example"
	export E2E_OWN_CLUSTER=1 KUBECONFIG=$ROOT/.work/cluster/kubeconfig PATH=$ROOT/bin/k8s:$PATH
	step "build operator and node" make --no-print-directory image
	step "build Kubernetes and Helm" hack/kube/build.sh
	if [ -z "${E2E_KEEP:-}" ]; then
		trap hack/cluster/down.sh EXIT
		step "start a cluster of three nodes" hack/cluster/up.sh
	elif ! kubectl --request-timeout=3s get --raw /readyz >/dev/null 2>&1; then
		step "start a cluster of three nodes" hack/cluster/up.sh
	fi
	# The tag changes with the content, so that a cluster that is kept takes it up.
	tag=$(cat bin/manager bin/node | sha256sum | cut -c1-12)
	hack/image/build.sh "espalier:$tag" .work/e2e.tar
	step "load the image onto the nodes" hack/cluster/do.sh load .work/e2e.tar
	image=espalier:$tag
}

other_cluster() {
	image=${IMAGE:-espalier:dev}
	export PATH=$PATH:$ROOT/bin/k8s
	command -v helm >/dev/null || step "build Helm" hack/kube/build.sh helm
	command -v kubectl >/dev/null || step "build kubectl" hack/kube/build.sh api
	kubectl --request-timeout=10s get nodes || die "the cluster of KUBECONFIG=$KUBECONFIG does not answer"
	local context
	context=$(kubectl config current-context)
	if [[ $context == kind-* ]]; then
		step "build operator and node" make --no-print-directory image IMAGE="$image"
		step "load the image into kind" kind load image-archive bin/espalier.tar --name "${context#kind-}"
	fi
}

install_operator() {
	kubectl apply --filename - <<-EOF
		apiVersion: v1
		kind: Namespace
		metadata: {name: $namespace, labels: {pod-security.kubernetes.io/enforce: restricted}}
	EOF
	helm upgrade --install espalier charts/espalier --namespace $namespace \
		--set "image.repository=${image%:*}" --set "image.tag=${image##*:}" --wait --timeout 120s && return
	kubectl --namespace $namespace describe pods | tail -n 60
	kubectl --namespace $namespace logs deployment/espalier --tail=40
	return 1
}

run_test() {
	(cd hack/e2e && "$ROOT/.work/e2e.test" -test.run "^$1\$" -test.v -test.parallel 5 -test.timeout 15m)
}

main
