#!/usr/bin/env bash
# Copyright The Espalier Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Tries the running cluster out: whatever Espalier's own tests take for granted
# about a Kubernetes is true of this one. Takes about a minute.
source "$(dirname "$0")/lib.sh"

namespace=cluster-check
image=$work/probe.tar

main() {
	trap 'kubectl delete namespace $namespace --ignore-not-found --wait=false >/dev/null' EXIT
	(cd "$root" && CGO_ENABLED=0 go build -o "$work/probe" ./hack/cluster/probe && go run ./hack/image -o "$image" -name probe:dev "/probe=$work/probe")
	"$root/hack/cluster/do.sh" load "$image"
	kubectl delete namespace $namespace --ignore-not-found >/dev/null
	objects | kubectl apply --filename - >/dev/null
	kubectl -n $namespace rollout status --timeout=60s daemonset/web statefulset/disk >/dev/null

	local web n node volume folder pid
	web=$(kubectl -n $namespace get service web -o 'jsonpath={.spec.clusterIP}')
	n=$(nodes_up | wc -l)
	check "the service answers this machine from every node" within 10 answers_from "$n" "$web"
	check "cluster DNS answers this machine" resolves web.$namespace.svc.cluster.local "$web"
	check "a pod is reached by its address" fetch "$(kubectl -n $namespace get pod disk-0 -o 'jsonpath={.status.podIP}')" 8080
	check "a pod reaches the service by its name" in_pod disk-0 get http://web.$namespace.svc.cluster.local:8080
	check "a pod reaches the service by its short name" in_pod disk-0 get http://web:8080
	check "a pod reaches the API server, with its token, trusting its CA" in_pod disk-0 api
	check "logs are there" same 1 "$(kubectl -n $namespace logs disk-0 | grep -c 'serving on')"
	check "pod security refuses what is not restricted" refused kubectl -n $namespace run refused --image=probe:dev

	volume=$(kubectl -n $namespace get persistentvolumeclaim data-disk-0 -o 'jsonpath={.spec.volumeName}')
	folder=$(kubectl get persistentvolume "$volume" -o 'jsonpath={.spec.local.path}')
	check "a claim is written by a user that is not root" in_pod disk-0 write /data/file kept
	kubectl -n $namespace delete pod disk-0 >/dev/null
	kubectl -n $namespace rollout status --timeout=60s statefulset/disk >/dev/null
	check "and holds it for the next pod" same kept "$(in_pod disk-0 read /data/file)"

	pid=$("$root/hack/cluster/do.sh" pid $namespace disk-0)
	kill -KILL "$pid"
	check "a killed container is started again" within 20 restarted disk-0

	node=$(kubectl -n $namespace get pod disk-0 -o 'jsonpath={.spec.nodeName}')
	"$root/hack/cluster/do.sh" cut "$node"
	check "a node that is cut off is not ready soon" within 30 node_is Unknown "$node"
	"$root/hack/cluster/do.sh" heal "$node"
	check "and is ready when it is back" within 30 node_is True "$node"
	"$root/hack/cluster/do.sh" freeze "$node"
	check "neither is one whose kubelet hangs" within 30 node_is Unknown "$node"
	"$root/hack/cluster/do.sh" thaw "$node"
	check "and is ready when it goes on" within 30 node_is True "$node"

	kubectl delete namespace $namespace --timeout=60s >/dev/null
	check "a deleted claim takes its folder along" within 20 missing "$folder"
	say "everything as it should be"
}

objects() {
	cat <<-EOF
		apiVersion: v1
		kind: Namespace
		metadata: {name: $namespace, labels: {pod-security.kubernetes.io/enforce: restricted}}
		---
		apiVersion: apps/v1
		kind: DaemonSet
		metadata: {name: web, namespace: $namespace}
		spec:
		  selector: {matchLabels: {app: web}}
		  template:
		    metadata: {labels: {app: web}}
		    spec: {terminationGracePeriodSeconds: 0, $(pod_security), containers: [{$(container)}]}
		---
		apiVersion: v1
		kind: Service
		metadata: {name: web, namespace: $namespace}
		spec: {selector: {app: web}, ports: [{port: 8080}]}
		---
		apiVersion: apps/v1
		kind: StatefulSet
		metadata: {name: disk, namespace: $namespace}
		spec:
		  serviceName: disk
		  selector: {matchLabels: {app: disk}}
		  template:
		    metadata: {labels: {app: disk}}
		    spec: {terminationGracePeriodSeconds: 0, $(pod_security), containers: [{$(container), volumeMounts: [{name: data, mountPath: /data}]}]}
		  volumeClaimTemplates:
		  - metadata: {name: data}
		    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
	EOF
}

pod_security() {
	echo 'securityContext: {runAsNonRoot: true, runAsUser: 65532, fsGroup: 65532, seccompProfile: {type: RuntimeDefault}}'
}

container() {
	echo 'name: probe, image: "probe:dev", imagePullPolicy: Never, args: [serve],
		    env: [{name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}],
		    readinessProbe: {httpGet: {port: 8080}, periodSeconds: 1},
		    securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}'
}

# check WHAT COMMAND…: one line for each thing that was tried.
check() {
	local what=$1
	shift
	if ! "$@" >"$work/check.out" 2>&1; then
		say "NOT SO: $what" >&2
		cat "$work/check.out" >&2
		exit 1
	fi
	say "ok: $what"
}

same() { [[ $1 == "$2" ]] || { echo "want $1, got $2" && false; }; }
refused() { { ! "$@"; } 2>&1 | grep 'violates PodSecurity "restricted'; }
missing() { [[ ! -e $1 ]]; }
in_pod() { kubectl -n $namespace exec "$1" -- /probe "${@:2}"; }
node_is() { same "$1" "$(kubectl get node "$2" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')"; }
restarted() { same 1 "$(kubectl -n $namespace get pod "$1" -o 'jsonpath={.status.containerStatuses[0].restartCount}')"; }

within() {
	local deadline=$((SECONDS + $1))
	until "${@:2}"; do
		((SECONDS < deadline)) || return 1
		sleep 0.3
	done
}

# fetch ADDRESS PORT: the body of an HTTP answer.
fetch() {
	exec 3<>"/dev/tcp/$1/$2"
	printf 'GET / HTTP/1.0\r\n\r\n' >&3
	sed '1,/^\r$/d' <&3
	exec 3>&-
}

# answers_from NUMBER ADDRESS: that many different pods answer there.
answers_from() { same "$1" "$(for _ in {1..40}; do fetch "$2" 8080; done | sort -u | wc -l)"; }

resolves() { same "$2" "$("$work/probe" lookup "$1" "$dns_ip")"; }

main
