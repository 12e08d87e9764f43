// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package resources

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/espalier-io/espalier/api/v1alpha1"
)

// TokenKey is the key of the node Secret that holds the bearer token of the
// control API.
const TokenKey = "token"

// authFile is the key of the node Secret that redis.conf includes.
const authFile = "auth.conf"

// AuthSecretName is the name of the generated password Secret.
func AuthSecretName(group string) string { return group + "-auth" }

// NodeSecretName is the name of the Secret that members mount.
func NodeSecretName(group string) string { return group + "-node" }

// PasswordSecretName is where the group's password is: the user's Secret, or
// the generated one.
func PasswordSecretName(group *v1alpha1.ReplicationGroup) (name string, generated bool) {
	if group.Spec.Auth != nil {
		return group.Spec.Auth.SecretRef.Name, false
	}
	return AuthSecretName(group.Name), true
}

// AuthSecret holds the generated password of a group that names no Secret.
func AuthSecret(group *v1alpha1.ReplicationGroup, password string) *corev1.Secret {
	return secret(group, AuthSecretName(group.Name), map[string][]byte{
		v1alpha1.PasswordKey: []byte(password),
	})
}

// NodeSecret holds what members mount: the password as redis.conf directives,
// for clients and for replicas alike, and the token of the control API. It is
// derived: people change the password Secret.
func NodeSecret(group *v1alpha1.ReplicationGroup, password, token string) *corev1.Secret {
	auth := "requirepass " + quoted(password) + "\nmasterauth " + quoted(password) + "\n"
	return secret(group, NodeSecretName(group.Name), map[string][]byte{
		authFile: []byte(auth),
		TokenKey: []byte(token),
	})
}

func secret(group *v1alpha1.ReplicationGroup, name string, data map[string][]byte) *corev1.Secret {
	return &corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: objectMeta(group, name),
		Type:       corev1.SecretTypeOpaque,
		Data:       data,
	}
}
