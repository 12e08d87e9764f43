// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// TestAPIServerAccepts sends every object of the scenarios to a real API
// server, into a namespace that enforces Pod Security `restricted`.
func TestAPIServerAccepts(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	api := startAPIServer(t)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "restricted", Labels: map[string]string{
		"pod-security.kubernetes.io/enforce":         "restricted",
		"pod-security.kubernetes.io/enforce-version": "latest",
	}}}
	if err := api.Create(ctx, namespace); err != nil {
		t.Fatal(err)
	}
	for _, scenario := range scenarios {
		for _, object := range everything(readGroup(t, scenario.name), scenario.members) {
			kind := object.GetObjectKind().GroupVersionKind().Kind
			if err := api.Create(ctx, object, client.FieldValidation("Strict")); err != nil {
				t.Errorf("%s: %s %s: %v", scenario.name, kind, object.GetName(), err)
			}
		}
	}

	// The namespace does enforce: the same pod with one right too many.
	lax := Pod(readGroup(t, "star"), Member{Name: "lax"}, "espalier:test")
	lax.Spec.Containers[0].SecurityContext.AllowPrivilegeEscalation = new(true)
	if err := api.Create(ctx, lax); err == nil {
		t.Error("a pod that may gain rights was accepted: the check above proves nothing")
	}
}

func startAPIServer(t *testing.T) client.Client {
	t.Helper()
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		assets = filepath.Join("..", "..", "bin", "k8s")
	}
	if _, err := os.Stat(filepath.Join(assets, "kube-apiserver")); err != nil {
		t.Fatalf("this test needs a real API server: %v\nbuild it with hack/kube/build.sh, or point KUBEBUILDER_ASSETS to a folder with kube-apiserver and etcd", err)
	}
	env := &envtest.Environment{BinaryAssetsDirectory: assets}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			fmt.Fprintf(os.Stderr, "stop the API server: %v\n", err)
		}
	})
	config, err := env.Start()
	if err != nil {
		t.Fatalf("start the API server: %v", err)
	}
	api, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return api
}
