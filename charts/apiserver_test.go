// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package charts

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// TestInstall installs config/default into a real API server, then the chart
// over it, creates what the Deployment would (a pod in a namespace that enforces
// Pod Security restricted), and applies the samples twice: the second time must
// change nothing.
func TestInstall(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	api := startAPIServer(t)

	install := kustomize(t, "default")
	for _, kinds := range [][]string{{"Namespace"}, {crdKind}, {"ServiceAccount", "ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding", "Deployment"}} {
		for _, kind := range kinds {
			for _, object := range install.ofKind(kind) {
				apply(ctx, t, api, object, "kubectl")
				delete(install, kind+" "+object.GetName())
			}
		}
	}
	if len(install) > 0 {
		t.Errorf("objects of other kinds were not tried: %v", install)
	}
	rendered := helm(t)
	for _, object := range rendered {
		apply(ctx, t, api, object, "helm")
	}

	deployment, _ := manager(t, rendered)
	template, _, err := unstructured.NestedMap(deployment, "spec", "template")
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(template, pod); err != nil {
		t.Fatal(err)
	}
	pod.Name, pod.Namespace = "manager", namespace
	if err := api.Create(ctx, pod); err != nil {
		t.Errorf("the manager's pod in a namespace with Pod Security restricted: %v", err)
	}

	for _, sample := range kustomize(t, "samples") {
		sample.SetNamespace(metav1.NamespaceDefault)
		first := apply(ctx, t, api, sample, "kubectl")
		second := apply(ctx, t, api, sample, "kubectl")
		if first.GetResourceVersion() != second.GetResourceVersion() {
			t.Errorf("sample %s: applying it again changed it", sample.GetName())
		}
	}
}

// apply sends an object by server-side apply, waiting for a kind that was just
// declared to be served.
func apply(ctx context.Context, t *testing.T, api client.Client, object *unstructured.Unstructured, owner string) *unstructured.Unstructured {
	t.Helper()
	var applied *unstructured.Unstructured
	var last error
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, 20*time.Second, true, func(ctx context.Context) (bool, error) {
		applied = object.DeepCopy()
		last = api.Apply(ctx, client.ApplyConfigurationFromUnstructured(applied), client.FieldOwner(owner), client.ForceOwnership)
		return last == nil || !meta.IsNoMatchError(last) && !apierrors.IsNotFound(last), nil
	})
	if last == nil {
		last = err
	}
	if last != nil {
		t.Fatalf("apply %s %s: %v", object.GetKind(), object.GetName(), last)
	}
	return applied
}

func startAPIServer(t *testing.T) client.Client {
	t.Helper()
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		assets = filepath.Join("..", "bin", "k8s")
	}
	for _, binary := range []string{"kube-apiserver", "etcd"} {
		if _, err := os.Stat(filepath.Join(assets, binary)); err != nil {
			t.Fatalf("this test needs a real API server: %v\nbuild it with hack/kube/build.sh, or point KUBEBUILDER_ASSETS to a folder with kube-apiserver and etcd", err)
		}
	}
	env := &envtest.Environment{BinaryAssetsDirectory: assets}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Logf("stop the API server: %v", err)
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
