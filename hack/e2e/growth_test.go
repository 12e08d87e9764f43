// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/espalier-io/espalier/api/v1alpha1"
	"github.com/espalier-io/espalier/controllers/resources"
	"github.com/espalier-io/espalier/hack/redisclient"
)

// TestGrowth grows every form, writes to the master and reads from all others;
// then neither the same manifests nor another operator changes anything.
func TestGrowth(t *testing.T) {
	space := namespace(t, "growth")
	forms := []struct{ name, manifest, shape string }{
		{"cache", sample(t, "cache-star"), star3},
		{"chain", sample(t, "chain"), chain4},
		{"demo", sample(t, "demo"), tree5},
		{"fan", instances("fan", 5, 2), tree5},
		{"sessions", sample(t, "persistent"), star3},
	}
	t.Run("forms", func(t *testing.T) {
		for _, form := range forms {
			t.Run(form.name, func(t *testing.T) {
				t.Parallel()
				g := grow(t, space, form.name, form.manifest, form.shape)
				g.readEverywhere(t)
				told(t, g)
			})
		}
	})
	if t.Failed() {
		return
	}

	before := objects(t, space)
	for _, form := range forms {
		if out := mustKubectl(t, form.manifest, "--namespace", space, "apply", "--filename", "-"); !strings.HasSuffix(strings.TrimSpace(out), "unchanged") {
			t.Errorf("%s applied again: %s", form.name, out)
		}
	}
	replaceOperator(t, func(*corev1.PodSpec) {})
	awaitPasses(t, len(forms))
	after := objects(t, space)
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if after[name] != before[name] {
			t.Errorf("%s was %s and is %s, though nothing was changed", name, before[name], after[name])
		}
		delete(after, name)
	}
	for name := range after {
		t.Errorf("%s was made, though nothing was changed", name)
	}
}

// readEverywhere writes through the Service and reads from every member.
func (g *group) readEverywhere(t *testing.T) {
	t.Helper()
	service := g.dial(t)
	if err := service.OK("SET", "planted", g.Key.Name); err != nil {
		t.Fatal(err)
	}
	for _, m := range g.tree(t).Members {
		c, err := redisclient.Dial(net.JoinHostPort(m.IP, strconv.Itoa(resources.RedisPort)), g.password)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := await(5*time.Second, m.Pod+" has the key", func() (string, bool, error) {
			got, err := c.Text("GET", "planted")
			return got, got == g.Key.Name, err
		}); err != nil {
			t.Error(err)
		}
	}
}

// told checks what kubectl tells about a group that is well.
func told(t *testing.T, g *group) {
	t.Helper()
	rg := &v1alpha1.ReplicationGroup{}
	if err := g.api.Get(t.Context(), g.Key, rg); err != nil {
		t.Fatal(err)
	}
	members := strings.Count(g.shape, "(")
	row := strings.Fields(mustKubectl(t, "", "--namespace", g.Key.Namespace, "get", "rg", g.Key.Name, "--no-headers"))
	want := []string{g.Key.Name, g.master(t), fmt.Sprintf("%d/%d", members, members), "1", "True", "Healthy"}
	if len(row) < len(want) || !slices.Equal(row[:len(want)], want) {
		t.Errorf("kubectl get rg: %q, want %q", row, want)
	}
	describe := mustKubectl(t, "", "--namespace", g.Key.Namespace, "describe", "rg", g.Key.Name)
	if rg.Status.LastDecision == nil {
		t.Fatal("no last decision")
	}
	for _, part := range []string{rg.Status.LastDecision.Text, "becomes master: every member is up and empty", "MasterPublished", "ReplicaCanTakeOver"} {
		if !strings.Contains(describe, part) {
			t.Errorf("kubectl describe rg does not tell %q:\n%s", part, describe)
		}
	}
}

// objects are the objects of all groups in a namespace, each with what changes
// when somebody writes it. Of objects that others write to as well (the kubelet,
// the disruption controller), that is what the operator wrote.
func objects(t *testing.T, namespace string) map[string]string {
	t.Helper()
	versions := map[string]string{}
	for _, kind := range []struct {
		name  string
		list  client.ObjectList
		whole bool
		only  client.MatchingLabels
	}{
		{"ledger", &v1alpha1.ReplicationLedgerList{}, true, nil},
		{"service", &corev1.ServiceList{}, true, nil},
		{"configmap", &corev1.ConfigMapList{}, true, nil},
		{"secret", &corev1.SecretList{}, true, nil},
		{"endpointslice", &discoveryv1.EndpointSliceList{}, true, client.MatchingLabels{discoveryv1.LabelManagedBy: resources.EndpointSliceManager}},
		{"group", &v1alpha1.ReplicationGroupList{}, false, nil},
		{"pod", &corev1.PodList{}, false, nil},
		{"claim", &corev1.PersistentVolumeClaimList{}, false, nil},
		{"budget", &policyv1.PodDisruptionBudgetList{}, false, nil},
	} {
		if err := api(t).List(t.Context(), kind.list, client.InNamespace(namespace), kind.only); err != nil {
			t.Fatal(err)
		}
		if err := meta.EachListItem(kind.list, func(o runtime.Object) error {
			object := o.(client.Object)
			version := fmt.Sprintf("%s generation %d labels %v", object.GetUID(), object.GetGeneration(), object.GetLabels())
			if kind.whole {
				version = object.GetResourceVersion()
			}
			versions[kind.name+" "+object.GetName()] = version
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return versions
}

// TestScale takes members away and adds some, under the hands of clients that
// write.
func TestScale(t *testing.T) {
	g := grow(t, namespace(t, "scale"), "fan", instances("fan", 5, 2), tree5)
	w := g.write("scale")
	stop := sync.OnceValue(w.Stop)
	defer stop()
	for _, to := range []struct {
		members int
		shape   string
	}{{3, star3}, {6, "((()())(()))"}} {
		if err := w.Await(50, 20*time.Second); err != nil {
			t.Fatal(err)
		}
		mustKubectl(t, "", "--namespace", g.Key.Namespace, "scale", "replicationgroup", g.Key.Name, "--replicas", strconv.Itoa(to.members))
		g.shape = to.shape
		g.settle(t, 1, 90*time.Second)
	}
	g.holds(t, stop())
	if epoch := g.epoch(t); epoch != 1 {
		t.Errorf("epoch %d: scaling changed the master", epoch)
	}
}

// TestRefusals applies what is wrong; kubectl says where and why.
func TestRefusals(t *testing.T) {
	space := namespace(t, "refusals")
	for _, c := range []struct{ why, spec, field, reason string }{
		{"a parent after its child", `{tree: [{name: leaf, replicaOf: root}, {name: root}]}`, "spec.tree", `"leaf" stands before its parent "root"`},
		{"two roots", `{tree: [{name: a}, {name: b}]}`, "spec.tree", "more than one root"},
		{"an unknown parent", `{tree: [{name: a}, {name: b, replicaOf: c}]}`, "spec.tree", `replica of "c", which is not declared`},
		{"both forms", `{instances: 3, tree: [{name: a}]}`, "spec.tree", "instances and tree exclude each other"},
		{"neither form", `{}`, "spec", "the shape is missing"},
		{"persistence without a claim", `{instances: 3, persistence: {mode: RDB}}`, "spec.persistence.volume", "needs a volume"},
		{"an unknown directive", `{instances: 3, config: {maxmemroy: 1gb}}`, "spec.config", `"maxmemroy" is unknown`},
		{"a directive of the operator", `{instances: 3, config: {replicaof: "a 1"}}`, "spec.config", `"replicaof" is owned by the operator`},
	} {
		t.Run(strings.ReplaceAll(c.why, " ", "-"), func(t *testing.T) {
			manifest := "{apiVersion: espalier.io/v1alpha1, kind: ReplicationGroup, metadata: {name: wrong}, spec: " + c.spec + "}"
			out, err := kubectl(manifest, "--namespace", space, "apply", "--filename", "-")
			if err == nil {
				t.Fatalf("accepted: %s", out)
			}
			for _, part := range []string{c.field + ":", c.reason} {
				if !strings.Contains(out, part) {
					t.Errorf("the refusal does not say %q: %s", part, out)
				}
			}
		})
	}
}

// TestDisk stops every member at once: with a disk each one saves, and the group
// begins again with what they saved. Then the group is deleted and applied once
// more, and finds its data again.
func TestDisk(t *testing.T) {
	space := namespace(t, "disk")
	g := grow(t, space, "sessions", sample(t, "persistent"), star3)
	w := g.write("disk")
	if err := w.Await(200, 30*time.Second); err != nil {
		t.Error(err)
	}
	keys := w.Stop()
	epoch := g.epoch(t)
	mustKubectl(t, "", "--namespace", space, "delete", "pods", "--all", "--timeout=60s")
	g.settle(t, epoch+1, 90*time.Second)
	g.holds(t, keys)

	epoch = g.epoch(t)
	mustKubectl(t, "", "--namespace", space, "delete", "rg", "sessions", "--timeout=60s")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := gone(ctx, g.api, &corev1.PodList{}, space); err != nil {
		t.Fatalf("pods outlive the group: %v", err)
	}
	again := grow(t, space, "sessions", g.manifest, g.shape)
	if now := again.epoch(t); now <= epoch {
		t.Errorf("epoch %d after the group was applied again, want more than %d", now, epoch)
	}
	again.holds(t, keys)
}
