// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/espalier-io/espalier/api/v1alpha1"
	"github.com/espalier-io/espalier/controllers/topology"
)

func healthy() topology.Health {
	return topology.Health{
		Ready:       topology.Fact{Status: topology.True, Reason: "Settled", Message: "2 of 2 members are ready."},
		Reconciling: topology.Fact{Status: topology.False, Reason: "Settled"},
		Stalled:     topology.Fact{Status: topology.False, Reason: "Settled"},
		RestartSafe: topology.Fact{Status: topology.True, Reason: "Settled"},
		DataLost:    topology.Fact{Status: topology.False, Reason: "Settled"},
		Epoch:       3, Master: "0", Declared: 2, ReadyCount: 2,
		Decision: "0 is the master: first start.",
		Members: []topology.MemberHealth{
			{Name: "0", Role: topology.RoleMaster, Phase: "Serving", Offset: 100, Ready: true},
			{Name: "1", Role: topology.RoleReplica, Phase: "Serving", Upstream: "0", Offset: 90, Lag: 10, Link: topology.LinkUp, Ready: true},
		},
	}
}

func seen(old v1alpha1.ReplicationGroupStatus) *observation {
	return &observation{
		group: &v1alpha1.ReplicationGroup{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "cache", Generation: 7},
			Status:     old,
		},
		pods: map[string]*corev1.Pod{"0": {}, "1": {}},
	}
}

func TestStatusTellsWhatIsThere(t *testing.T) {
	s := statusOf(seen(v1alpha1.ReplicationGroupStatus{}), healthy(), "node:1", time.Unix(1000, 0))
	if s.Ready != "2/2" || s.Epoch != 3 || s.Instances != 2 || s.ObservedGeneration != 7 || s.Image != "node:1" {
		t.Errorf("got %+v", s)
	}
	if s.Master != "cache-0" || s.Nodes[1].Upstream != "cache-0" {
		t.Errorf("master %q, upstream %q: pods are called by their full names", s.Master, s.Nodes[1].Upstream)
	}
	if s.LastDecision == nil || s.LastDecision.Epoch != 3 || s.LastDecision.Text != "0 is the master: first start." {
		t.Errorf("last decision %+v", s.LastDecision)
	}
	for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled,
		v1alpha1.ConditionRestartSafe, v1alpha1.ConditionDataLost} {
		c := meta.FindStatusCondition(s.Conditions, kind)
		if c == nil || c.ObservedGeneration != 7 || c.Reason == "" {
			t.Errorf("condition %s: %+v", kind, c)
		}
	}
}

func TestFiguresAloneAreNoNews(t *testing.T) {
	at := time.Unix(1000, 0)
	first := statusOf(seen(v1alpha1.ReplicationGroupStatus{}), healthy(), "node:1", at)
	later := healthy()
	later.Members[0].Offset, later.Members[1].Offset, later.Members[1].Lag = 500, 499, 1

	second := statusOf(seen(first), later, "node:1", at.Add(5*time.Second))
	keepVolatile(&second, &first)
	if !equality.Semantic.DeepEqual(first, second) {
		t.Errorf("offsets alone change the status:\n%+v\n%+v", first, second)
	}

	later.Members[1].Link, later.Members[1].Ready = topology.LinkDown, false
	third := statusOf(seen(first), later, "node:1", at.Add(6*time.Second))
	keepVolatile(&third, &first)
	if third.Nodes[1].Link != "down" || third.Nodes[1].Offset != 499 {
		t.Errorf("a change of the link shows with fresh figures: %+v", third.Nodes[1])
	}
	if !third.SampledAt.Time.Equal(at) {
		t.Error("the other rows' figures are old, and said to be new")
	}
}

func TestConditionsKeepTheirTime(t *testing.T) {
	at := time.Unix(1000, 0)
	first := statusOf(seen(v1alpha1.ReplicationGroupStatus{}), healthy(), "node:1", at)
	h := healthy()
	h.Ready.Message = "still ready, in other words"
	second := statusOf(seen(first), h, "node:1", at.Add(time.Hour))
	c := meta.FindStatusCondition(second.Conditions, v1alpha1.ConditionReady)
	if !c.LastTransitionTime.Time.Equal(at) {
		t.Errorf("Ready changed at %v by its message alone", c.LastTransitionTime)
	}
	if second.LastDecision.Time.Time != at {
		t.Errorf("a decision that stands was taken again at %v", second.LastDecision.Time)
	}
}
