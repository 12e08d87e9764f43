// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/espalier-io/espalier/hack/writer"
)

// TestHazard puts masters without persistence through the empty-master hazard on
// the cluster, as hack/hazard does with processes: the master dies under clients
// that write, and either stays dead until the operator has decided, or is run
// again at once, in the same pod, behind the operator's back.
func TestHazard(t *testing.T) {
	needProcesses(t)
	n := rounds(t)
	space := namespace(t, "hazard")
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "set-up\trounds\tacknowledged\tlost\tpromotions\tre-run in the pod")
	for _, row := range []struct {
		group, name string
		strike      func(t *testing.T, g *group, master string) (rerun bool)
		needs       func() error
	}{
		{"gated", "node under the operator, with the gate", func(t *testing.T, g *group, master string) bool { g.sigkill(t, master); return false }, nil},
		{"behind", "node under the operator, re-run behind its back", func(t *testing.T, g *group, master string) bool { return g.rerun(t, master) }, ownCluster},
	} {
		t.Run(row.group, func(t *testing.T) {
			if row.needs != nil {
				if err := row.needs(); err != nil {
					t.Skip(err)
				}
			}
			g := grow(t, space, row.group, instances(row.group, 3, 2), star3)
			acknowledged, lost, reruns, first := 0, 0, 0, g.epoch(t)
			for round := range n {
				keys, rerun := g.hazard(t, fmt.Sprintf("round%d", round), row.strike)
				missing, err := writer.Missing(g.service, g.password, keys)
				if err != nil {
					t.Fatal(err)
				}
				acknowledged, lost = acknowledged+len(keys), lost+len(missing)
				if rerun {
					reruns++
				}
			}
			fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\n", row.name, n, acknowledged, lost, g.epoch(t)-first, reruns)
			if lost > 0 {
				t.Errorf("%d of %d acknowledged writes are lost", lost, acknowledged)
			}
			if row.group == "behind" && reruns == 0 {
				t.Error("the kubelet was never overtaken: the row says nothing")
			}
		})
	}
	w.Flush()
	fmt.Printf("\nThe empty-master hazard on a real Kubernetes, writers running:\n\n%s\n", &table)
}

// hazard is one round. It gives the acknowledged keys, and what strike said.
func (g *group) hazard(t *testing.T, prefix string, strike func(*testing.T, *group, string) bool) (keys []string, rerun bool) {
	t.Helper()
	epoch, master := g.epoch(t), g.master(t)
	w := g.write(prefix)
	stop := sync.OnceValue(w.Stop)
	defer stop()
	if err := w.Await(50, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	rerun = strike(t, g, master)
	g.settle(t, epoch+1, 90*time.Second)
	if err := w.Await(50, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	return stop(), rerun
}

// ownCluster says whether containers can be run again from here.
func ownCluster() error {
	if os.Getenv("E2E_OWN_CLUSTER") == "" {
		return fmt.Errorf("containers are run again through the container runtime of hack/cluster, and this is another cluster")
	}
	return nil
}

// rerun kills the master's process and at once runs the container again in the
// same pod. It gives whether the kubelet missed the death, which it looks for
// once a second: then the API server tells of a container that runs and was
// restarted, and never of one that ended.
func (g *group) rerun(t *testing.T, name string) bool {
	t.Helper()
	pod := &corev1.Pod{}
	if err := g.api.Get(t.Context(), g.pod(name), pod); err != nil {
		t.Fatal(err)
	}
	restarts := pod.Status.ContainerStatuses[0].RestartCount
	out, err := exec.Command(filepath.Join("..", "cluster", "do.sh"), "rerun", g.Key.Namespace, name).CombinedOutput()
	if err != nil {
		t.Fatalf("run the container of %s again: %v\n%s", name, err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	missed := false
	if err := watch(ctx, g.api, &corev1.PodList{}, func(now *corev1.Pod) (string, bool) {
		if now.UID != pod.UID {
			return "another pod", true // its end was seen
		}
		for _, s := range now.Status.ContainerStatuses {
			if s.State.Terminated != nil {
				return "", true
			}
			missed = s.State.Running != nil && s.RestartCount > restarts
		}
		return "it has not been seen to run again", missed
	}, client.InNamespace(g.Key.Namespace), client.MatchingFields{"metadata.name": name}); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return missed
}
