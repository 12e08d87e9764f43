#!/usr/bin/env bash
# Copyright The Espalier Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Does something to the running cluster:
#
#   do.sh load ARCHIVE                 gives every node the images of an archive
#   do.sh pid NAMESPACE POD [CONTAINER]  prints the process id, on this machine, of a container's first process
#   do.sh rerun NAMESPACE POD          kills a pod's only container and runs it again in the pod at once, behind everybody's back
#   do.sh cut NODE                     takes the node's network away; its pods go on running, alone
#   do.sh heal NODE                    gives it back
#   do.sh freeze NODE                  stops the node's kubelet as it is (SIGSTOP); its pods go on
#   do.sh thaw NODE                    lets it go on
#
# A NODE is node-1, node-2, …
source "$(dirname "$0")/lib.sh"

main() {
	local verb=${1:-}
	[[ $verb ]] && shift
	case "$verb:$#" in
	load:1) load "$1" ;;
	pid:2 | pid:3) container_pid "$@" ;;
	rerun:2) rerun "$@" ;;
	cut:1) set_link "$1" down ;;
	heal:1) set_link "$1" up ;;
	freeze:1) kill -STOP "$(pid_of "$1.kubelet")" ;;
	thaw:1) kill -CONT "$(pid_of "$1.kubelet")" ;;
	*)
		sed -n '6,16s/^# \{0,1\}//p' "$0" >&2
		exit 2
		;;
	esac
}

load() {
	local archive=$1 n loaders=() loader
	[[ -r $archive ]] || die "$archive: no such archive"
	for n in $(nodes_up); do
		load_image "$n" <"$archive" &
		loaders+=($!)
	done
	for loader in "${loaders[@]}"; do
		wait "$loader" || die "$archive: not loaded, see .work/cluster/logs/node-*.images.log"
	done
}

# container_pid finds the container's cgroup by its id, and in it the process
# that is number 1 to itself.
container_pid() {
	local namespace=$1 pod=$2 container=${3:-} filter id pid
	filter='[0]'
	[[ -z $container ]] || filter="[?(@.name==\"$container\")]"
	id=$(kubectl --namespace "$namespace" get pod "$pod" --output "jsonpath={.status.containerStatuses$filter.containerID}")
	id=${id#containerd://}
	[[ $id ]] || die "pod $namespace/$pod has no such container${container:+ as $container} yet"
	for pid in $(find "$process_cgroup" -path "*/$id/cgroup.procs" -exec cat {} + 2>/dev/null); do
		if [[ $(awk '/^NSpid:/ {print $NF}' "/proc/$pid/status" 2>/dev/null) == 1 ]]; then
			echo "$pid"
			return
		fi
	done
	die "container $id of pod $namespace/$pod runs no process"
}

rerun() {
	local node
	node=$(kubectl --namespace "$1" get pod "$2" --output 'jsonpath={.spec.nodeName}')
	in_node "${node#node-}" "$bin/rerun" "$1" "$2"
}

set_link() {
	pid_of "$1.kubelet" >/dev/null
	ip -n "$(namespace_of control)" link set "$1" "$2"
}

main "$@"
