#!/usr/bin/env bash
# Copyright The Espalier Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Starts a real Kubernetes on this machine: up.sh [number of nodes, 3 by default]
# What it is made of and what can be done to it: README.md beside this file.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/credentials.sh"
source "$(dirname "$0")/node.sh"

node_count=${1:-3}
[[ $node_count =~ ^[1-9]$ ]] || die "usage: $0 [number of nodes, 1 to 9]"

main() {
	need_root
	install_what_is_missing
	"$root/hack/kube/build.sh" cluster
	one_at_a_time
	local started=$SECONDS n
	say "clearing what an earlier run may have left"
	clear_cluster
	rm -rf "$logs"
	mkdir -p "$logs" "$work/pids"
	trap 'failed' EXIT

	make_cgroups
	make_credentials
	make_networks
	say "starting the control plane and $node_count nodes"
	start_control_plane
	for n in $(seq "$node_count"); do start_containerd "$n"; done
	local loaders=()
	for n in $(seq "$node_count"); do
		load_system_images "$n" &
		loaders+=($!)
	done
	await 120 "the API server" apiserver etcd -- kubectl get --raw /readyz
	start_controllers
	for n in $(seq "$node_count"); do
		suspects=("node-$n.images" "node-$n.containerd")
		wait "${loaders[n - 1]}"
	done
	for n in $(seq "$node_count"); do start_kubelet "$n"; done
	await 20 "the first manifests" apiserver -- kubectl apply --filename "$root/hack/cluster/manifests.yaml"
	await 120 "ready nodes" controller-manager node-1.kubelet node-1.containerd -- nodes_ready
	for n in $(seq "$node_count"); do start_node_proxy "$n"; done
	start_control_proxy
	await 120 "cluster DNS" controller-manager scheduler node-1.kubelet node-1.kube-proxy -- \
		kubectl --namespace kube-system rollout status deployment/coredns --timeout=1s
	await 20 "the way to services" control.kube-proxy -- service_reachable

	trap - EXIT
	kubectl get nodes --label-columns topology.kubernetes.io/zone
	say "up in $((SECONDS - started)) s: export KUBECONFIG=.work/cluster/kubeconfig"
}

# failed says what the processes said last, and leaves nothing half started.
failed() {
	local log
	trap - EXIT
	for log in "${suspects[@]:-credentials}"; do
		printf '\n--- last lines of .work/cluster/logs/%s.log\n' "$log" >&2
		tail -n 15 "$logs/$log.log" >&2 || true
	done
	clear_cluster
	die "not started (all logs are in .work/cluster/logs)"
}

# await SECONDS WHAT PROCESS… -- COMMAND…: repeats the command until it succeeds,
# as long as the processes that it depends on are there.
await() {
	local limit=$1 what=$2 deadline=$((SECONDS + $1)) process
	shift 2
	suspects=()
	while [[ $1 != -- ]]; do
		suspects+=("$1")
		shift
	done
	shift
	until "$@" >"$work/await.out" 2>&1; do
		for process in "${suspects[@]}"; do
			if ! kill -0 "$(<"$work/pids/$process")" 2>/dev/null; then
				suspects=("$process")
				give_up "$process ended while $what was awaited"
			fi
		done
		((SECONDS < deadline)) || give_up "waited $limit s in vain for $what: $(tail -n 1 "$work/await.out")"
		sleep 0.2
	done
}

give_up() {
	say "$1" >&2
	exit 1
}

# install_what_is_missing asks for programs, not packages: on another Linux they
# may come from elsewhere.
install_what_is_missing() {
	local program missing=()
	local -A packages=(
		[containerd]=containerd [runc]=runc [/usr/lib/cni/bridge]=containernetworking-plugins
		[iptables]=iptables [ip]=iproute2 [openssl]=openssl [nsenter]=util-linux [mount]=mount [sysctl]=procps
	)
	for program in "${!packages[@]}"; do
		command -v "$program" >/dev/null || missing+=("${packages[$program]}")
	done
	if ((${#missing[@]})); then
		say "installing ${missing[*]}"
		install_packages "${missing[@]}"
	fi
}

# make_networks connects everything to one bridge in the control plane's
# namespace. The host has a single link to it, and keeps its own tables clean:
# what it sends to a service is translated by the control plane's kube-proxy.
make_networks() {
	local n m control node
	control=$(namespace_of control)
	ip netns add "$control"
	ip -n "$control" link set lo up
	ip -n "$control" link add nodes type bridge
	ip -n "$control" address add "$control_ip/24" dev nodes
	ip -n "$control" link set nodes up
	ip link add "$host_link" type veth peer name host netns "$control"
	ip -n "$control" link set host master nodes up
	ip address add "$host_ip/24" dev "$host_link"
	ip link set "$host_link" up
	ip -n "$control" route add default via "$host_ip"
	ip route add "$services" via "$control_ip"
	nsenter --net="/run/netns/$control" sysctl -qw net.ipv4.ip_forward=1

	for n in $(seq "$node_count"); do
		node=$(namespace_of "node-$n")
		ip netns add "$node"
		ip -n "$node" link set lo up
		ip -n "$control" link add "node-$n" type veth peer name eth0 netns "$node"
		ip -n "$control" link set "node-$n" master nodes up
		ip -n "$node" address add "$(node_ip "$n")/24" dev eth0
		ip -n "$node" link set eth0 up
		ip -n "$node" route add default via "$control_ip"
		nsenter --net="/run/netns/$node" sysctl -qw net.ipv4.ip_forward=1
		ip route add "$(pod_subnet "$n")" via "$(node_ip "$n")"
		ip -n "$control" route add "$(pod_subnet "$n")" via "$(node_ip "$n")"
		for m in $(seq "$node_count"); do
			((m == n)) || ip -n "$node" route add "$(pod_subnet "$m")" via "$(node_ip "$m")"
		done
	done
}

in_control() { nsenter --net="/run/netns/$(namespace_of control)" -- "$@"; }

start_in_control() {
	local name=$1
	shift
	start "$name" nsenter --net="/run/netns/$(namespace_of control)" -- "$@"
}

start_control_plane() {
	start_in_control etcd "$bin/etcd" --name=etcd --data-dir="$work/etcd" --log-level=warn --unsafe-no-fsync \
		--listen-client-urls=http://127.0.0.1:2379 --advertise-client-urls=http://127.0.0.1:2379 \
		--listen-peer-urls=http://127.0.0.1:2380 --initial-advertise-peer-urls=http://127.0.0.1:2380 --initial-cluster=etcd=http://127.0.0.1:2380
	start_in_control apiserver "$bin/kube-apiserver" \
		--etcd-servers=http://127.0.0.1:2379 \
		--bind-address=0.0.0.0 --secure-port=6443 --advertise-address="$control_ip" \
		--tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" \
		--client-ca-file="$pki/ca.crt" --token-auth-file="$pki/tokens.csv" \
		--authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
		--requestheader-client-ca-file="$pki/ca.crt" --requestheader-allowed-names=front-proxy-client \
		--requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group --requestheader-extra-headers-prefix=X-Remote-Extra- \
		--kubelet-certificate-authority="$pki/ca.crt" --kubelet-preferred-address-types=InternalIP \
		--kubelet-client-certificate="$pki/apiserver-kubelet-client.crt" --kubelet-client-key="$pki/apiserver-kubelet-client.key" \
		--service-account-key-file="$pki/service-accounts.pub" --service-account-signing-key-file="$pki/service-accounts.key" \
		--service-account-issuer=https://kubernetes.default.svc.cluster.local \
		--service-cluster-ip-range="$services" --allow-privileged=true --cert-dir="$work/apiserver" --profiling=false
}

start_controllers() {
	start_in_control controller-manager "$bin/kube-controller-manager" \
		--kubeconfig="$pki/controller-manager.kubeconfig" \
		--authentication-kubeconfig="$pki/controller-manager.kubeconfig" --authorization-kubeconfig="$pki/controller-manager.kubeconfig" \
		--service-account-private-key-file="$pki/service-accounts.key" --root-ca-file="$pki/ca.crt" \
		--use-service-account-credentials=true --leader-elect=false --allocate-node-cidrs=false --profiling=false \
		--node-monitor-period=2s --node-monitor-grace-period=12s
	start_in_control scheduler "$bin/kube-scheduler" \
		--kubeconfig="$pki/scheduler.kubeconfig" \
		--authentication-kubeconfig="$pki/scheduler.kubeconfig" --authorization-kubeconfig="$pki/scheduler.kubeconfig" \
		--leader-elect=false --profiling=false
	start_in_control provisioner "$bin/provisioner" --kubeconfig="$KUBECONFIG" --nodes="$work"
}

# start_control_proxy lets the host and the control plane reach services. Kube-
# proxy wants a Node to be on, and the control plane is none: node-1's name does.
start_control_proxy() {
	start_in_control control.kube-proxy bash -c "$(keep_running)" kube-proxy "$bin/kube-proxy" "${proxy_flags[@]}" --hostname-override=node-1
}

nodes_ready() {
	local ready
	ready=$(kubectl get nodes --output 'jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' | grep -c True)
	echo "$ready of $node_count nodes are ready"
	((ready == node_count))
}

# service_reachable asks the API server through its service, from the host.
service_reachable() {
	kubectl --server="https://$api_service_ip" get --raw /livez
}

main
