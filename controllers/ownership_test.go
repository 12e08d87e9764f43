// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/espalier-io/espalier/api/v1alpha1"
	"github.com/espalier-io/espalier/controllers/nodeclient"
	"github.com/espalier-io/espalier/controllers/resources"
	"github.com/espalier-io/espalier/controllers/topology"
)

// TestNamesOfOthers meets objects of somebody else under the group's names, on a
// real API server: each is left as it is, and the group names it.
func TestNamesOfOthers(t *testing.T) {
	r := startReconciler(t)
	selector := map[string]string{"app": "theirs"}
	port := []corev1.ServicePort{{Name: "http", Port: 80}}
	for _, c := range []struct {
		name    string
		foreign client.Object
		mode    v1alpha1.PersistenceMode
		// pods are the members that get one although the name is taken.
		pods []string
	}{
		{
			name:    "service",
			foreign: &corev1.Service{ObjectMeta: named("service"), Spec: corev1.ServiceSpec{Selector: selector, Ports: port}},
		},
		{
			name:    "readers",
			foreign: &corev1.Service{ObjectMeta: named("readers-ro"), Spec: corev1.ServiceSpec{Selector: selector, Ports: port}},
		},
		{
			name:    "settings",
			foreign: &corev1.ConfigMap{ObjectMeta: named("settings-config"), Data: map[string]string{"theirs": "1"}},
		},
		{
			name:    "secret",
			foreign: &corev1.Secret{ObjectMeta: named("secret-node"), StringData: map[string]string{"token": "theirs"}},
		},
		{
			name: "claim",
			foreign: &corev1.PersistentVolumeClaim{ObjectMeta: named("claim-0"), Spec: corev1.PersistentVolumeClaimSpec{
				AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
			}},
			mode: v1alpha1.PersistenceRDB,
			pods: []string{"claim-1"},
		},
		{
			name: "pod",
			foreign: &corev1.Pod{ObjectMeta: named("pod-0"), Spec: corev1.PodSpec{
				Containers: []corev1.Container{{Name: "theirs", Image: "theirs"}},
			}},
			pods: []string{"pod-1"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := t.Context()
			if err := r.Create(ctx, c.foreign); err != nil {
				t.Fatal(err)
			}
			key := client.ObjectKeyFromObject(c.foreign)
			version := c.foreign.GetResourceVersion()
			group := &v1alpha1.ReplicationGroup{ObjectMeta: named(c.name), Spec: v1alpha1.ReplicationGroupSpec{Instances: new(int32(2))}}
			if c.mode != "" {
				group.Spec.Persistence = &v1alpha1.Persistence{Mode: c.mode, Volume: &v1alpha1.Volume{Size: resource.MustParse("1Gi")}}
			}
			if err := r.Create(ctx, group); err != nil {
				t.Fatal(err)
			}
			r.passes(t, group)
			stalled := r.stalled(t, group)
			if stalled.Status != metav1.ConditionTrue || stalled.Reason != v1alpha1.ReasonNameTaken ||
				!strings.Contains(stalled.Message, " "+key.Name+" ") {
				t.Errorf("Stalled is %s %s: %s", stalled.Status, stalled.Reason, stalled.Message)
			}
			if err := r.Get(ctx, key, c.foreign); err != nil || c.foreign.GetResourceVersion() != version {
				t.Errorf("the object of somebody else was changed (%v)", err)
			}
			if got := r.pods(t, group); fmt.Sprint(got) != fmt.Sprint(c.pods) {
				t.Errorf("pods %v, want %v", got, c.pods)
			}

			// The other one goes, and the group goes on.
			if err := r.Delete(ctx, c.foreign, client.GracePeriodSeconds(0)); err != nil {
				t.Fatal(err)
			}
			r.release(t, c.foreign)
			r.passes(t, group)
			if stalled := r.stalled(t, group); stalled.Reason == v1alpha1.ReasonNameTaken {
				t.Errorf("Stalled is still %s: %s", stalled.Reason, stalled.Message)
			}
			if got := r.pods(t, group); len(got) != 2 {
				t.Errorf("pods %v, want two", got)
			}
		})
	}
}

// TestEndpointOfOthers leads the Service to nobody through a slice that
// somebody else made under its name.
func TestEndpointOfOthers(t *testing.T) {
	r := startReconciler(t)
	ctx := t.Context()
	group := &v1alpha1.ReplicationGroup{ObjectMeta: named("slice"), Spec: v1alpha1.ReplicationGroupSpec{Instances: new(int32(1))}}
	foreign := &discoveryv1.EndpointSlice{ObjectMeta: named("slice-master"), AddressType: discoveryv1.AddressTypeIPv4}
	if err := errors.Join(r.Create(ctx, group), r.Create(ctx, foreign)); err != nil {
		t.Fatal(err)
	}
	o, err := r.observe(ctx, group)
	if err != nil {
		t.Fatal(err)
	}
	err = r.publishMaster(ctx, o, topology.PublishMaster{Target: topology.Target{Name: "0", PodUID: "u", PodIP: "10.0.0.1"}, Epoch: 1})
	var taken *nameTaken
	if !errors.As(err, &taken) {
		t.Errorf("published into a slice of somebody else: %v", err)
	}
}

// testReconciler is a Reconciler on a real API server. Nodes never run there.
type testReconciler struct{ *Reconciler }

func named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "default", Name: name}
}

func startReconciler(t *testing.T) *testReconciler {
	t.Helper()
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		assets = filepath.Join("..", "bin", "k8s")
	}
	env := &envtest.Environment{
		BinaryAssetsDirectory: assets,
		CRDDirectoryPaths:     []string{filepath.Join("..", "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			fmt.Fprintf(os.Stderr, "stop the API server: %v\n", err)
		}
	})
	config, err := env.Start()
	if err != nil {
		t.Fatalf("start a real API server (hack/kube/build.sh api builds it): %v", err)
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	api, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	nodes := nodeclient.New(resources.AdminPort)
	return &testReconciler{&Reconciler{
		Client: api, Live: api, Nodes: nodes, Prober: NewProber(nodes, time.Now), Events: events.NewFakeRecorder(1000),
		Image: "espalier:test", Now: time.Now,
	}}
}

// passes reconciles until passes want to wait: two on end, for what one has made
// may be news to the next.
func (r *testReconciler) passes(t *testing.T, group *v1alpha1.ReplicationGroup) {
	t.Helper()
	waits := 0
	for range 100 {
		result, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(group)})
		if err != nil {
			t.Fatal(err)
		}
		waits++
		if result.RequeueAfter < time.Second {
			waits = 0
		}
		if waits == 2 {
			return
		}
	}
	t.Fatal("the group does not come to rest")
}

func (r *testReconciler) stalled(t *testing.T, group *v1alpha1.ReplicationGroup) metav1.Condition {
	t.Helper()
	if err := r.Get(t.Context(), client.ObjectKeyFromObject(group), group); err != nil {
		t.Fatal(err)
	}
	c := meta.FindStatusCondition(group.Status.Conditions, v1alpha1.ConditionStalled)
	if c == nil {
		t.Fatal("the group has no condition Stalled")
	}
	return *c
}

// pods are the names of the group's own pods.
func (r *testReconciler) pods(t *testing.T, group *v1alpha1.ReplicationGroup) []string {
	t.Helper()
	var list corev1.PodList
	if err := r.List(t.Context(), &list, client.InNamespace(group.Namespace)); err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range list.Items {
		if metav1.IsControlledBy(&list.Items[i], group) {
			names = append(names, list.Items[i].Name)
		}
	}
	return names
}

// release takes the finalizers off an object that is being deleted, as
// controllers do that do not run here.
func (r *testReconciler) release(t *testing.T, object client.Object) {
	t.Helper()
	err := r.Get(t.Context(), client.ObjectKeyFromObject(object), object)
	if apierrors.IsNotFound(err) {
		return
	}
	object.SetFinalizers(nil)
	if err := errors.Join(err, r.Update(t.Context(), object)); err != nil {
		t.Fatal(err)
	}
}
