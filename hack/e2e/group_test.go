// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/espalier-io/espalier/api/v1alpha1"
	"github.com/espalier-io/espalier/controllers/resources"
	"github.com/espalier-io/espalier/hack/livetree"
	"github.com/espalier-io/espalier/hack/redisclient"
	"github.com/espalier-io/espalier/hack/writer"
)

// group is a ReplicationGroup on the cluster.
type group struct {
	livetree.Group
	api      client.WithWatch
	manifest string
	shape    string // as livetree.Tree.Shape has it
	service  string // address
	password string
}

// Shapes of groups, without names: brackets around those that feed from one.
const (
	star3  = "(()())"
	chain4 = "(((())))"
	tree5  = "((())(()))" // two relays, a leaf below each
)

// sample reads a manifest of config/samples.
func sample(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "config", "samples", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// instances is the manifest of a group of n members without persistence.
func instances(name string, n, fanout int) string {
	return fmt.Sprintf("apiVersion: espalier.io/v1alpha1\nkind: ReplicationGroup\nmetadata: {name: %s}\nspec: {instances: %d, fanout: %d}\n", name, n, fanout)
}

// grow applies a manifest and waits until the group stands in its shape.
func grow(t *testing.T, namespace, name, manifest, shape string) *group {
	t.Helper()
	g := &group{api: api(t), manifest: manifest, shape: shape}
	g.Group = livetree.Group{API: g.api, Key: types.NamespacedName{Namespace: namespace, Name: name}}
	t.Cleanup(func() {
		if t.Failed() {
			g.explain(t)
		}
	})
	mustKubectl(t, manifest, "--namespace", namespace, "apply", "--filename", "-")
	g.settle(t, 1, 90*time.Second)
	var err error
	if g.service, err = g.Service(t.Context()); err != nil {
		t.Fatal(err)
	}
	if g.password, err = g.Password(t.Context()); err != nil {
		t.Fatal(err)
	}
	return g
}

// settle waits until the operator says Ready, in the given epoch or a later
// one, and the members say the same: they stand in the declared shape, every
// link up.
func (g *group) settle(t *testing.T, epoch int64, limit time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	err := watch(ctx, g.api, &v1alpha1.ReplicationGroupList{}, func(rg *v1alpha1.ReplicationGroup) (string, bool) {
		ready := meta.FindStatusCondition(rg.Status.Conditions, v1alpha1.ConditionReady)
		if ready == nil {
			return "no condition yet", false
		}
		return fmt.Sprintf("epoch %d, %s ready, %s: %s", rg.Status.Epoch, rg.Status.Ready, ready.Reason, ready.Message),
			ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == rg.Generation && rg.Status.Epoch >= epoch
	}, g.named()...)
	if err != nil {
		t.Fatalf("%s is not Ready: %v", g.Key.Name, err)
	}
	if err := await(10*time.Second, "members in the shape "+g.shape, func() (string, bool, error) {
		tree, err := g.Look(t.Context())
		if err != nil {
			return "", false, err
		}
		return tree.Shape(), tree.Shape() == g.shape, nil
	}); err != nil {
		t.Fatalf("%s is Ready by its status, not by its members: %v", g.Key.Name, err)
	}
}

// named selects the group, or what bears its name.
func (g *group) named() []client.ListOption {
	return []client.ListOption{client.InNamespace(g.Key.Namespace), client.MatchingFields{"metadata.name": g.Key.Name}}
}

// labelled selects what belongs to the group.
func (g *group) labelled() []client.ListOption {
	return []client.ListOption{client.InNamespace(g.Key.Namespace), client.MatchingLabels(resources.GroupSelector(g.Key.Name))}
}

// epoch is the present one.
func (g *group) epoch(t *testing.T) int64 {
	t.Helper()
	rg := &v1alpha1.ReplicationGroup{}
	if err := g.api.Get(t.Context(), g.Key, rg); err != nil {
		t.Fatal(err)
	}
	return rg.Status.Epoch
}

// tree asks the members now.
func (g *group) tree(t *testing.T) *livetree.Tree {
	t.Helper()
	tree, err := g.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// master is the one member that says it is.
func (g *group) master(t *testing.T) string {
	t.Helper()
	masters := g.tree(t).Masters()
	if len(masters) != 1 {
		t.Fatalf("%s has %d masters", g.Key.Name, len(masters))
	}
	return masters[0].Pod
}

// relay is a member that feeds from the master and feeds others; leaf is one
// below it.
func (g *group) relayAndLeaf(t *testing.T) (relay, leaf string) {
	t.Helper()
	tree := g.tree(t)
	for _, m := range tree.Fed(g.master(t)) {
		for _, below := range tree.Fed(m.Pod) {
			return m.Pod, below.Pod
		}
	}
	t.Fatalf("no relay in\n%s", tree.Draw())
	return "", ""
}

func (g *group) pod(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: g.Key.Namespace, Name: name}
}

// write starts clients that write through the Service.
func (g *group) write(prefix string) *writer.Writers {
	return writer.Start(func() (string, string) { return g.service, g.password }, prefix)
}

// holds fails the test unless all members hold the keys; the Service is asked
// too.
func (g *group) holds(t *testing.T, keys []string) {
	t.Helper()
	if err := await(20*time.Second, "every member has the master's last byte", func() (string, bool, error) {
		tree, err := g.Look(t.Context())
		if err != nil {
			return "", false, err
		}
		for _, m := range tree.Members {
			if m.Silence != nil || m.Offset != tree.Members[0].Offset {
				return tree.Draw(), false, nil
			}
		}
		return "", true, nil
	}); err != nil {
		t.Fatal(err)
	}
	servers := map[string]string{"the Service": g.service}
	for _, m := range g.tree(t).Members {
		servers[m.Pod] = net.JoinHostPort(m.IP, strconv.Itoa(resources.RedisPort))
	}
	for name, addr := range servers {
		lost, err := writer.Missing(addr, g.password, keys)
		if err != nil {
			t.Errorf("ask %s: %v", name, err)
		}
		if len(lost) > 0 {
			t.Errorf("%s lacks %d of %d acknowledged keys", name, len(lost), len(keys))
		}
	}
}

// dial connects to the Service.
func (g *group) dial(t *testing.T) *redisclient.Conn {
	t.Helper()
	c, err := redisclient.Dial(g.service, g.password)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// explain prints all that is known about the group.
func (g *group) explain(t *testing.T) {
	in := []string{"--namespace", g.Key.Namespace}
	for _, args := range [][]string{
		{"get", "replicationgroup,replicationledger", g.Key.Name, "--output", "yaml"},
		{"get", "pods,endpointslices", "--output", "wide"},
		{"get", "events", "--sort-by", ".metadata.creationTimestamp"},
	} {
		out, err := kubectl("", append(in, args...)...)
		t.Logf("kubectl %s: %v\n%s", strings.Join(args, " "), err, tail(out, 12000))
	}
	var pods corev1.PodList
	if err := g.api.List(context.Background(), &pods, g.labelled()...); err == nil {
		for _, pod := range pods.Items {
			out, _ := kubectl("", append(in, "logs", pod.Name, "--tail=40")...)
			t.Logf("%s said last:\n%s", pod.Name, out)
		}
	}
	if tree, err := g.Look(context.Background()); err == nil {
		t.Logf("the members say:\n%s", tree.Draw())
	}
	out, _ := kubectl("", "--namespace", operatorNamespace, "logs", "deployment/"+operatorName, "--tail=60")
	t.Logf("the operator said last:\n%s", tail(out, 30000))
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }
