// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/espalier-io/espalier/api/v1alpha1"
)

const crds = "../../config/crd/bases"

// api is a client of a real API server that serves the generated CRDs.
var api client.Client

// TestMain starts one API server for all tests of the package. Without the
// binaries the tests fail: validation that nobody checked is worth nothing.
func TestMain(m *testing.M) {
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		assets = filepath.Join("..", "..", "bin", "k8s")
	}
	for _, binary := range []string{"kube-apiserver", "etcd"} {
		if _, err := os.Stat(filepath.Join(assets, binary)); err != nil {
			fmt.Fprintf(os.Stderr, "these tests need a real API server: %v\nbuild it with hack/kube/build.sh, or point KUBEBUILDER_ASSETS to a folder with kube-apiserver and etcd\n", err)
			os.Exit(1)
		}
	}
	env := &envtest.Environment{
		BinaryAssetsDirectory: assets,
		CRDDirectoryPaths:     []string{crds},
		ErrorIfCRDPathMissing: true,
	}
	config, err := env.Start()
	if err != nil {
		fmt.Fprintf(os.Stderr, "start the API server: %v\n", err)
		_ = env.Stop()
		os.Exit(1)
	}
	code := 1
	scheme := runtime.NewScheme()
	if err = errors.Join(v1alpha1.AddToScheme(scheme), autoscalingv1.AddToScheme(scheme)); err == nil {
		api, err = client.New(config, client.Options{Scheme: scheme})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	if err := env.Stop(); err != nil {
		fmt.Fprintf(os.Stderr, "stop the API server: %v\n", err)
	}
	os.Exit(code)
}

// refusal is what a rejected object's error must contain; the zero value means
// that the object is accepted.
type refusal struct{ field, message string }

func (want refusal) check(t *testing.T, err error) {
	t.Helper()
	switch {
	case want == refusal{} && err != nil:
		t.Fatalf("refused: %v", err)
	case want == refusal{}:
	case err == nil:
		t.Fatalf("accepted; want %s: … %s", want.field, want.message)
	case !strings.Contains(err.Error(), want.field+":") || !strings.Contains(err.Error(), want.message):
		t.Fatalf("refused with another reason\n got: %v\nwant: %s: … %s", err, want.field, want.message)
	}
}

// openCRDs opens what TestMain has installed: go test caches a result by the
// files that the tests have opened, and TestMain is none.
var openCRDs = sync.OnceValue(func() error {
	files, err := filepath.Glob(filepath.Join(crds, "*.yaml"))
	for _, file := range files {
		_, readErr := os.ReadFile(file)
		err = errors.Join(err, readErr)
	}
	return err
})

// object makes an object of the kind from the YAML of its spec.
func object(t *testing.T, kind, name, spec string) *unstructured.Unstructured {
	t.Helper()
	if err := openCRDs(); err != nil {
		t.Fatal(err)
	}
	var content map[string]any
	if err := yaml.Unmarshal([]byte(spec), &content); err != nil {
		t.Fatalf("the test's manifest: %v\n%s", err, spec)
	}
	if content == nil {
		content = map[string]any{}
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "espalier.io/v1alpha1",
		"kind":       kind,
		"metadata":   map[string]any{"name": name, "namespace": "default"},
		"spec":       content,
	}}
}

// withDeadline bounds a test's calls.
func withDeadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// checkTransition creates the first spec, which must be accepted, and then
// updates it to the second.
func checkTransition(t *testing.T, kind, before, after string, want refusal) {
	t.Helper()
	ctx := withDeadline(t)
	first := object(t, kind, "transition", before)
	if err := api.Create(ctx, first); err != nil {
		t.Fatalf("create the object before the transition: %v", err)
	}
	t.Cleanup(func() {
		if err := api.Delete(context.WithoutCancel(ctx), first.DeepCopy()); err != nil {
			t.Errorf("delete: %v", err)
		}
	})
	second := object(t, kind, "transition", after)
	second.SetResourceVersion(first.GetResourceVersion())
	want.check(t, api.Update(ctx, second))
}
