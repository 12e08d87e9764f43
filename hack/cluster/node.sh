# Copyright The Espalier Authors.
# SPDX-License-Identifier: Apache-2.0
#
# One node: a network namespace, a mount namespace, a cgroup, and in them
# containerd, a kubelet and a kube-proxy. To them it looks like a machine of its
# own, with its own /run, /var/log and /var/lib/kubelet.
# shellcheck shell=bash

zones=(a b c)
# kube-proxy writes its rules at most every 100 ms instead of every second: how
# long a client waits for a new endpoint would be the proxy's rhythm otherwise.
proxy_flags=(--iptables-min-sync-period=100ms --kubeconfig="$work/pki/kube-proxy.kubeconfig" --proxy-mode=iptables --cluster-cidr="$pods"
	--conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0s --conntrack-tcp-timeout-close-wait=0s)

# make_cgroups makes the cgroup that all processes start in and one for the pods
# of each node.
make_cgroups() {
	local hierarchy n controller set
	for hierarchy in "${cgroup_hierarchies[@]}"; do
		for n in $(seq "$node_count"); do mkdir -p "$hierarchy/$cgroup/node-$n"; done
	done
	mkdir -p "$process_cgroup/daemons"
	if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
		for controller in cpuset cpu io memory hugetlb pids; do
			grep -qw "$controller" /sys/fs/cgroup/cgroup.controllers || continue
			echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
			echo "+$controller" >"$process_cgroup/cgroup.subtree_control"
		done
		return
	fi
	# In version 1 a new cpuset is empty, and nothing can run in it.
	for set in "/sys/fs/cgroup/cpuset/$cgroup" "/sys/fs/cgroup/cpuset/$cgroup"/node-*; do
		cat /sys/fs/cgroup/cpuset/cpuset.cpus >"$set/cpuset.cpus"
		cat /sys/fs/cgroup/cpuset/cpuset.mems >"$set/cpuset.mems"
	done
}

# start_containerd N opens the node's mount namespace: whatever is mounted later
# (sockets, volumes, container file systems) is mounted there alone, and gone
# with the node's last process.
start_containerd() {
	local n=$1 dir=$work/node-$1
	mkdir -p "$dir"/{containerd,kubelet,log/containers,volumes} "${mount_points[@]}"
	: >"$dir/resolv.conf" # pods inherit no search domains of this machine
	cat >"$dir/cni.conflist" <<-EOF
		{"cniVersion": "0.4.0", "name": "pods", "plugins": [{
		  "type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
		  "ipam": {"type": "host-local", "dataDir": "/run/cni", "ranges": [[{"subnet": "$(pod_subnet "$n")"}]], "routes": [{"dst": "0.0.0.0/0"}]}
		}]}
	EOF
	cat >"$dir/containerd.toml" <<-EOF
		version = 2
		root = "$dir/containerd"
		state = "/run/containerd"
		[grpc]
		  address = "/run/containerd/containerd.sock"
		[plugins."io.containerd.grpc.v1.cri"]
		  sandbox_image = "docker.io/library/pause:dev"
		  disable_apparmor = true
		  # Lowering oom_score_adj may be forbidden here, in a container or a small VM.
		  restrict_oom_score_adj = true
		  [plugins."io.containerd.grpc.v1.cri".cni]
		    bin_dir = "/usr/lib/cni"
		    conf_dir = "/run/cni-conf"
	EOF
	# shellcheck disable=SC2016 # $0 and $1 belong to the inner shell
	start "node-$n.containerd" nsenter --net="/run/netns/$(namespace_of "node-$n")" -- \
		unshare --mount --propagation private bash -euc '
			mount -t tmpfs -o mode=0755 run /run
			mount --bind "$0/log" /var/log
			mount -t tmpfs cni /var/lib/cni
			mount --bind "$0/kubelet" /var/lib/kubelet
			mount --make-rshared /
			mkdir -p /run/netns /run/cni-conf /run/lock
			cp "$0/cni.conflist" /run/cni-conf/10-pods.conflist
			exec containerd --config "$0/containerd.toml" --log-level warn' "$dir"
}

# load_system_images N waits for containerd and gives it the images that pods
# need before anything else can run.
load_system_images() {
	local n=$1 deadline=$((SECONDS + 30))
	until in_node "$n" test -S /run/containerd/containerd.sock 2>/dev/null; do
		((SECONDS < deadline)) || return 1
		sleep 0.1
	done
	load_image "$n" <"$bin/pause.tar"
	load_image "$n" <"$bin/coredns.tar"
}

start_kubelet() {
	local n=$1 dir=$work/node-$1
	cat >"$dir/kubelet.yaml" <<-EOF
		apiVersion: kubelet.config.k8s.io/v1beta1
		kind: KubeletConfiguration
		containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
		cgroupDriver: cgroupfs
		cgroupRoot: /$cgroup/node-$n
		failCgroupV1: false
		failSwapOn: false
		enforceNodeAllocatable: []
		authentication:
		  anonymous: {enabled: false}
		  webhook: {enabled: true}
		  x509: {clientCAFile: $work/pki/ca.crt}
		authorization: {mode: Webhook}
		tlsCertFile: $work/pki/node-$n.crt
		tlsPrivateKeyFile: $work/pki/node-$n.key
		clusterDNS: [$dns_ip]
		clusterDomain: cluster.local
		resolvConf: $dir/resolv.conf
		# The nodes share one disk and one memory: none of them may tidy up because it is full.
		evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
		imageGCHighThresholdPercent: 100
		# A lost node is known as such within 12 s (--node-monitor-grace-period).
		nodeLeaseDurationSeconds: 10
		nodeStatusUpdateFrequency: 4s
		nodeStatusReportFrequency: 1m
	EOF
	local containerd
	containerd=$(pid_of "node-$n.containerd")
	start "node-$n.kubelet" nsenter --target "$containerd" --net --mount -- \
		"$bin/kubelet" --config="$dir/kubelet.yaml" --kubeconfig="$work/pki/node-$n.kubeconfig" \
		--hostname-override="node-$n" --node-ip="$(node_ip "$n")" \
		--node-labels="topology.kubernetes.io/region=local,topology.kubernetes.io/zone=${zones[(n - 1) % 3]}"
}

start_node_proxy() {
	local n=$1
	start "node-$n.kube-proxy" nsenter --target "$(pid_of "node-$n.containerd")" --net --mount -- \
		bash -c "$(keep_running)" kube-proxy "$bin/kube-proxy" "${proxy_flags[@]}" --hostname-override="node-$n"
}

# keep_running is a shell program that runs its arguments again whenever they
# end: kube-proxy ends itself when its Node object goes away.
keep_running() { echo 'while true; do "$@" || true; sleep 1; done'; }
