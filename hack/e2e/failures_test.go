// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestFailures takes a member of each kind away, in each way, under the hands
// of clients that write. The group returns to its shape, and every member has
// every acknowledged write.
func TestFailures(t *testing.T) {
	needProcesses(t)
	space := namespace(t, "failures")
	g := grow(t, space, "demo", sample(t, "demo"), tree5)
	strikes := []struct {
		name string
		do   func(t *testing.T, pod string)
	}{
		{"SIGKILL", func(t *testing.T, pod string) { g.sigkill(t, pod) }},
		{"container-stop", func(t *testing.T, pod string) { g.signal(t, pod, syscall.SIGTERM) }},
		{"pod-delete", func(t *testing.T, pod string) { g.deletePod(t, pod) }},
		{"pod-delete-at-once", func(t *testing.T, pod string) { g.deletePod(t, pod, client.GracePeriodSeconds(0)) }},
	}
	for _, strike := range strikes {
		for _, kind := range []string{"master", "relay", "leaf"} {
			ok := t.Run(strike.name+"-of-"+kind, func(t *testing.T) {
				master := g.master(t)
				relay, leaf := g.relayAndLeaf(t)
				epoch := g.epoch(t)
				victim := map[string]string{"master": master, "relay": relay, "leaf": leaf}[kind]
				if kind == "master" {
					epoch++
				}
				w := g.write(t.Name())
				if err := w.Await(50, 20*time.Second); err != nil {
					t.Error(err)
				}
				uid, err := uidOf(t.Context(), g.api, g.pod(victim))
				if err != nil {
					t.Fatal(err)
				}
				strike.do(t, victim)
				g.replaced(t, victim, uid, 60*time.Second)
				g.settle(t, epoch, 60*time.Second)
				if err := w.Await(50, 20*time.Second); err != nil {
					t.Error(err)
				}
				keys := w.Stop()
				g.holds(t, keys)
				t.Logf("%s of %s: %s leads, %d acknowledged writes, none lost", strike.name, victim, g.master(t), len(keys))
			})
			if !ok {
				return
			}
		}
	}
}

func (g *group) deletePod(t *testing.T, name string, opts ...client.DeleteOption) {
	t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: g.Key.Namespace, Name: name}}
	if err := g.api.Delete(t.Context(), pod, opts...); err != nil {
		t.Fatal(err)
	}
}
