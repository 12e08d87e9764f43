# Copyright The Espalier Authors.
# SPDX-License-Identifier: Apache-2.0
#
# What the scripts of this folder share: names, addresses, how a process of the
# cluster is started and how all of them are ended. Read README.md first.
# shellcheck shell=bash

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/hack/lib.sh" # install_packages
bin=$root/bin/k8s
work=$root/.work/cluster
logs=$work/logs
export PATH=$PATH:/usr/sbin:/sbin
export KUBECONFIG=$work/kubeconfig

# The cluster's network. The host is one more machine in it.
host_ip=10.200.0.1
control_ip=10.200.0.2
services=10.96.0.0/16
pods=10.244.0.0/16
api_service_ip=10.96.0.1
dns_ip=10.96.0.10
node_ip() { echo "10.200.0.1$1"; }
pod_subnet() { echo "10.244.$1.0/24"; }

# One machine holds one such cluster, and whatever clone of the repository
# started it, its traces carry these names.
host_link=espalier0
namespace_of() { echo "espalier-$1"; } # of control, node-1, …
cgroup=espalier-cluster

# Every process of the cluster lives in the cgroup below, containers included:
# that is how they are found again, by a run that knows nothing of the one that
# started them.
if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
	cgroup_hierarchies=(/sys/fs/cgroup) # version 2: one tree
	process_cgroup=/sys/fs/cgroup/$cgroup
else
	cgroup_hierarchies=() # version 1: one for each controller
	for hierarchy in /sys/fs/cgroup/*/cgroup.procs; do
		cgroup_hierarchies+=("${hierarchy%/cgroup.procs}")
	done
	process_cgroup=/sys/fs/cgroup/pids/$cgroup
fi

# Folders that every node covers with its own, and that this machine may lack.
mount_points=(/var/lib/kubelet /var/lib/cni)

say() { printf 'cluster: %s\n' "$*"; }

die() {
	printf 'cluster: %s\n' "$*" >&2
	exit 1
}

# need_root explains itself: the demo's first line may end here.
need_root() {
	[[ $(uname -s) == Linux ]] || die "this needs Linux (network namespaces, cgroups). Elsewhere set KUBECONFIG to any cluster, one of kind for example."
	[[ $EUID == 0 ]] || die "this needs root (network namespaces, cgroups, containerd). As another user set KUBECONFIG to any cluster, one of kind for example."
}

# one_at_a_time keeps a second run waiting until this one has ended.
one_at_a_time() {
	exec 9>/run/lock/espalier-cluster
	flock --wait 300 9 || die "another run of these scripts has held /run/lock/espalier-cluster for five minutes"
}

# start NAME COMMAND…: starts a process of the cluster in the background, its
# output in logs/NAME.log, its id in pids/NAME.
start() {
	local name=$1
	shift
	(
		echo "$BASHPID" >"$process_cgroup/daemons/cgroup.procs"
		exec setsid "$@"
	) </dev/null >>"$logs/$name.log" 2>&1 9>&- &
	echo $! >"$work/pids/$name"
	disown # its end is for its log, not for the shell to tell
}

# pid_of NAME: the process that was started under that name, if it is still it.
pid_of() {
	local pid
	pid=$(cat "$work/pids/$1" 2>/dev/null) && grep -qs "/$cgroup/daemons" "/proc/$pid/cgroup" ||
		die "$1 does not run: start a cluster with hack/cluster/up.sh"
	echo "$pid"
}

# in_node N COMMAND…: runs a command where containerd and the kubelet of node N
# run: in the node's network and mount namespaces.
in_node() {
	local pid
	pid=$(pid_of "node-$1.containerd")
	shift
	nsenter --target "$pid" --net --mount -- "$@"
}

# load_image N < ARCHIVE: gives node N the images of an archive.
load_image() {
	in_node "$1" ctr --address /run/containerd/containerd.sock --namespace k8s.io images import - >>"$logs/node-$1.images.log" 2>&1
}

# nodes_up lists the numbers of the nodes that were started.
nodes_up() {
	local file
	for file in "$work"/pids/node-*.kubelet; do
		[[ -e $file ]] || die "no cluster runs: start one with hack/cluster/up.sh"
		file=${file##*/node-}
		echo "${file%.kubelet}"
	done
}

kubectl() { "$bin/kubectl" "$@"; }

# clear_cluster ends a cluster, of whatever clone and in whatever state. The
# nodes' mounts (volumes, container file systems, sockets) are in the nodes' own
# mount namespaces and go with the last process there.
clear_cluster() {
	local namespace group folder attempt
	kill_all_processes
	ip link delete "$host_link" 2>/dev/null || true # routes go with it
	for namespace in /run/netns/"$(namespace_of '')"*; do
		[[ ! -e $namespace ]] || ip netns delete "${namespace##*/}"
	done
	for group in $(find /sys/fs/cgroup -maxdepth 2 -type d -name "$cgroup"); do
		for attempt in {1..50}; do
			find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && break
			sleep 0.1
		done
	done
	for folder in "${mount_points[@]}"; do
		[[ ! -d $folder ]] || rmdir --ignore-fail-on-non-empty "$folder"
	done
	# The logs stay until the next start: they are what is left to read.
	[[ ! -d $work ]] || find "$work" -mindepth 1 -maxdepth 1 ! -name logs -exec rm -rf --one-file-system {} +
}

kill_all_processes() {
	local pids attempt
	for attempt in {1..100}; do
		pids=$(find "$process_cgroup" -name cgroup.procs -exec cat {} + 2>/dev/null || true)
		[[ -n $pids ]] || return 0
		# shellcheck disable=SC2086 # one argument for each process
		kill -KILL $pids 2>/dev/null || true
		sleep 0.1
	done
	die "processes that SIGKILL did not end in 10 s ($attempt tries): ${pids//$'\n'/ }"
}
