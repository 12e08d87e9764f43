#!/usr/bin/env bash
# Copyright The Espalier Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Shows the whole of Espalier on this machine, and tells what it does: a real
# Kubernetes, the operator, a tree of five nodes in three levels that keeps
# nothing on disk, a master killed with SIGKILL, and every key still there.
#
# It can be run again and again: a cluster that is up is used as it is, the tree
# is grown anew.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

namespace=espalier-demo
group=demo
keys=10000
export KUBECONFIG=$ROOT/.work/cluster/kubeconfig PATH=$ROOT/bin/k8s:$PATH

main() {
	check_machine
	say "Espalier grows trees of Redis-compatible nodes on Kubernetes and keeps them alive.
This shows one: how it grows, and what happens when its master is killed."

	say "1. Build: the operator, the node, and a Kubernetes to run them on"
	tell "Everything is compiled here from Go modules; no image is pulled. With empty
caches this takes fifteen minutes or more on two CPUs, later a few seconds."
	with_progress "operator and node" make --no-print-directory build
	hack/kube/build.sh
	with_progress "the demonstration's own client" go build -o .work/demo ./hack/demo

	say "2. A real Kubernetes with three nodes, on this machine"
	start_cluster
	run kubectl get nodes

	say "3. The operator, installed with Helm"
	install_operator
	run kubectl --namespace espalier-system get pods

	say "4. A tree: one master, two relays that feed from it, a leaf below each relay"
	tell "No member keeps anything on disk. Whoever restarts is empty."
	grow_tree
	run kubectl --namespace $namespace get replicationgroup $group
	tell "The members themselves describe it so:"
	ask tree

	say "5. $keys keys, written through the Service $group"
	ask write $keys
	ask tree

	say "6. The master's process is killed"
	kill_master

	say "7. Who leads now, and why"
	tell_decision

	say "8. All $keys keys, read through the same Service"
	ask read $keys

	say "9. The old master is back, as a replica"
	ask settled "$epoch"
	ask tree
	tell "The node started again as $master was empty and knew nothing. It waited until the
operator gave it a role; had it simply begun as the master again, as a process
that a supervisor restarts does, every other member would have copied its
emptiness."

	say "Done in $SECONDS s. The cluster stays up. Some lines to try next:"
	next_lines
}

check_machine() {
	[ "$(uname -s)" = Linux ] || die "the demo starts a Kubernetes on this machine, which needs Linux (network namespaces, cgroups)"
	[ "$(id -u)" = 0 ] || die "the demo starts a Kubernetes on this machine, which needs root: try sudo make demo"
	command -v go >/dev/null || die "the demo compiles everything that it runs, which needs Go: https://go.dev/doc/install"
	command -v make >/dev/null || install_packages make
	# Compiling Kubernetes fills Go's caches with 5 GB, its programs take 1 GB.
	local free needed=8000
	[ ! -x bin/k8s/helm ] || needed=1500
	free=$(df --output=avail -m "$ROOT" | tail -n 1)
	[ "$free" -ge $needed ] || die "the demo needs $needed MB of free disk in $ROOT, there are $((free))"
}

tell() { printf '%s\n' "$*"; }

# run shows a command and runs it.
run() {
	printf '\n$ %s\n' "$*"
	"$@"
}

ask() { .work/demo $namespace $group "$@"; }

# with_progress WHAT COMMAND…: a line every 15 seconds, and its output only if
# it fails.
with_progress() {
	local what=$1 log=$ROOT/.work/demo.log began=$SECONDS pid next=15
	shift
	"$@" >"$log" 2>&1 &
	pid=$!
	while kill -0 $pid 2>/dev/null; do
		sleep 0.2
		if ((SECONDS - began >= next)); then
			echo "  $what: $((SECONDS - began)) s"
			next=$((next + 15))
		fi
	done
	if ! wait $pid; then
		tail -n 30 "$log" >&2
		die "$what: failed"
	fi
	echo "  $what: ready"
}

start_cluster() {
	if kubectl wait nodes --all --for=condition=Ready --timeout=15s --request-timeout=5s >/dev/null 2>&1; then
		tell "It is up already."
		return
	fi
	tell "Three network namespaces, each with its own containerd, kubelet and kube-proxy."
	hack/cluster/up.sh 2>&1 | grep -v 'bin/k8s is ready' || die "the cluster did not start"
}

# install_operator loads the image onto the nodes, under a name that changes with
# its content, and installs or upgrades the release.
install_operator() {
	local tag
	tag=$(cat bin/manager bin/node | sha256sum | cut -c1-12)
	hack/image/build.sh "espalier:$tag" .work/demo.tar
	hack/cluster/do.sh load .work/demo.tar
	rm .work/demo.tar
	namespaces | kubectl apply --filename - >/dev/null
	printf '\n$ %s\n' "helm upgrade --install espalier charts/espalier --namespace espalier-system --set image.tag=$tag --wait"
	helm upgrade --install espalier charts/espalier --namespace espalier-system --set "image.tag=$tag" --wait --timeout 120s >"$ROOT/.work/demo.log" 2>&1 || {
		cat "$ROOT/.work/demo.log" >&2
		kubectl --namespace espalier-system describe pods | tail -n 40 >&2
		die "the operator did not start"
	}
	tell "Its image holds two static programs and nothing else."
}

# namespaces admit pods that pass Pod Security "restricted" only.
namespaces() {
	local name
	for name in espalier-system $namespace; do
		cat <<-EOF
			apiVersion: v1
			kind: Namespace
			metadata: {name: $name, labels: {pod-security.kubernetes.io/enforce: restricted}}
			---
		EOF
	done
}

grow_tree() {
	if kubectl --namespace $namespace get replicationgroup $group >/dev/null 2>&1; then
		tell "(The tree of an earlier run is removed first.)"
		kubectl --namespace $namespace delete replicationgroup $group --timeout=90s >/dev/null || explain "the earlier tree was not removed"
	fi
	run cat config/samples/demo.yaml
	run kubectl --namespace $namespace apply --filename config/samples/demo.yaml
	local began=$SECONDS
	ask settled 0 || explain "the tree did not grow"
	tell "All five are up after $((SECONDS - began)) s: each started without a role and waited; when all
were seen to be empty, one was granted the master role, and the others followed."
}

# kill_master takes the process of the container from outside, as the kernel does
# when memory runs out: nothing is saved, nobody is told.
kill_master() {
	local pid
	epoch=$(status .status.epoch)
	master=$(status .status.master)
	pid=$(hack/cluster/do.sh pid $namespace "$master")
	run kill -KILL "$pid"
	ask accepts || explain "no write was accepted"
	ask tree
}

status() { kubectl --namespace $namespace get replicationgroup $group --output "jsonpath={$1}"; }

tell_decision() {
	printf '\n$ kubectl --namespace %s get replicationgroup %s --output jsonpath={.status.lastDecision.text}\n' $namespace $group
	fold -s -w 78 <<<"$(status .status.lastDecision.text)"
	run kubectl --namespace $namespace events --for "replicationgroup/$group" | tail -n 8
}

# explain says what was seen last, and gives up.
explain() {
	{
		kubectl --namespace $namespace get replicationgroup,pods --output wide
		kubectl --namespace $namespace get replicationgroup $group --output 'jsonpath={range .status.conditions[*]}{.type}={.status} {.reason}: {.message}{"\n"}{end}'
		echo "--- the operator said last:"
		kubectl --namespace espalier-system logs deployment/espalier --tail=8 | cut -c1-1000
	} >&2 || true
	die "$1"
}

next_lines() {
	cat <<-EOF

		  export KUBECONFIG=$KUBECONFIG PATH=$ROOT/bin/k8s:\$PATH
		  kubectl --namespace $namespace get replicationgroup $group --watch
		  kubectl --namespace $namespace describe replicationgroup $group
		  .work/demo $namespace $group tree                                         # the tree as its members see it
		  kill -KILL \$(hack/cluster/do.sh pid $namespace $(status .status.master))   # once more
		  kubectl --namespace $namespace delete pod $group-relay-0                   # or politely
		  kubectl --namespace $namespace apply --filename config/samples/persistent.yaml  # a group with disks
		  make cluster-down                                                         # the end; nothing stays behind
	EOF
}

main
