# Copyright The Espalier Authors.
# SPDX-License-Identifier: Apache-2.0
#
# The cluster's certificates and tokens, made anew at every start. Servers prove
# themselves by certificates of one CA; the components and the administrator
# prove themselves to the API server by tokens, under the names that RBAC and
# the node authorizer know them by.
# shellcheck shell=bash

pki=$work/pki

make_credentials() {
	local n
	mkdir -p -m 0700 "$pki"
	new_key ca
	certify ca '/CN=espalier-cluster' 'basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign'
	certify apiserver '/CN=kube-apiserver' "extendedKeyUsage=serverAuth
subjectAltName=DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,DNS:localhost,IP:$api_service_ip,IP:$control_ip,IP:127.0.0.1" signed
	certify apiserver-kubelet-client '/O=system:masters/CN=kube-apiserver-kubelet-client' 'extendedKeyUsage=clientAuth' signed
	new_key service-accounts
	openssl ec -in "$pki/service-accounts.key" -pubout -out "$pki/service-accounts.pub" 2>>"$logs/credentials.log"

	: >"$pki/tokens.csv"
	add_user admin 'system:masters' "$KUBECONFIG"
	add_user system:kube-controller-manager '' "$pki/controller-manager.kubeconfig"
	add_user system:kube-scheduler '' "$pki/scheduler.kubeconfig"
	add_user system:kube-proxy '' "$pki/kube-proxy.kubeconfig"
	for n in $(seq "$node_count"); do
		certify "node-$n" "/O=system:nodes/CN=system:node:node-$n" "extendedKeyUsage=serverAuth
subjectAltName=DNS:node-$n,IP:$(node_ip "$n")" signed
		add_user "system:node:node-$n" 'system:nodes' "$pki/node-$n.kubeconfig"
	done
}

new_key() {
	openssl ecparam -name prime256v1 -genkey -noout -out "$pki/$1.key" 2>>"$logs/credentials.log"
}

# certify NAME SUBJECT EXTENSIONS [signed]: a key and its certificate, signed by
# the CA or else by itself.
certify() {
	local name=$1 subject=$2 extensions=$3 signer=()
	[[ -z ${4:-} ]] || signer=(-CA "$pki/ca.crt" -CAkey "$pki/ca.key")
	[[ -e $pki/$name.key ]] || new_key "$name"
	printf '[req]\ndistinguished_name=name\nx509_extensions=extensions\n[name]\n[extensions]\n%s\n' "$extensions" >"$pki/request.conf"
	openssl req -x509 -new -days 3650 -config "$pki/request.conf" "${signer[@]}" \
		-key "$pki/$name.key" -subj "$subject" -out "$pki/$name.crt" 2>>"$logs/credentials.log"
}

# add_user NAME GROUPS FILE: a token for the user, and a kubeconfig that needs
# no other file.
add_user() {
	local name=$1 groups=$2 file=$3 token
	token=$(openssl rand -hex 24)
	echo "$token,$name,$name,\"$groups\"" >>"$pki/tokens.csv"
	(
		umask 077
		cat >"$file" <<-EOF
			apiVersion: v1
			kind: Config
			clusters:
			- name: espalier
			  cluster:
			    server: https://$control_ip:6443
			    certificate-authority-data: $(base64 -w0 "$pki/ca.crt")
			users:
			- name: $name
			  user: {token: $token}
			contexts:
			- name: espalier
			  context: {cluster: espalier, user: "$name"}
			current-context: espalier
		EOF
	)
}
