// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/espalier-io/espalier/api/v1alpha1"
	"github.com/espalier-io/espalier/controllers/resources"
	"github.com/espalier-io/espalier/controllers/topology"
)

// volatilePeriod is how often offsets and lags, which move all the time, are
// written to the status at the most. Metrics have them live.
const volatilePeriod = 30 * time.Second

// writeStatus tells the outcome of a pass, where there is something new to
// tell.
func (r *Reconciler) writeStatus(ctx context.Context, o *observation, plan topology.Plan) error {
	now := r.Now()
	old := &o.group.Status
	status := statusOf(o, plan.Health, r.imageOf(o.group), now)
	if now.Sub(sampleTime(old)) < volatilePeriod {
		keepVolatile(&status, old)
	}
	if equality.Semantic.DeepEqual(&status, old) {
		return nil
	}
	group := o.group.DeepCopy()
	group.Status = status
	// A merge patch without a resource version: the status mirrors, nobody
	// decides by it, and the newest look wins.
	if err := r.Status().Patch(ctx, group, client.MergeFrom(o.group)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("write the status: %w", err)
	}
	return nil
}

// statusOf is the status that an observation and a plan's health add up to.
// Conditions keep the times of their last change.
func statusOf(o *observation, h topology.Health, image string, now time.Time) v1alpha1.ReplicationGroupStatus {
	old := &o.group.Status
	status := v1alpha1.ReplicationGroupStatus{
		ObservedGeneration: o.group.Generation,
		Epoch:              int64(h.Epoch),
		Master:             podOrNone(o.group.Name, h.Master),
		Instances:          int32(len(o.pods)),
		Ready:              fmt.Sprintf("%d/%d", h.ReadyCount, h.Declared),
		Selector:           resources.SelectorText(o.group.Name),
		Image:              image,
		Conditions:         old.DeepCopy().Conditions,
		LastDecision:       old.LastDecision.DeepCopy(),
		SampledAt:          new(metav1.NewTime(now.Truncate(time.Second))),
	}
	for _, c := range []struct {
		kind string
		fact topology.Fact
	}{
		{v1alpha1.ConditionReady, h.Ready},
		{v1alpha1.ConditionReconciling, h.Reconciling},
		{v1alpha1.ConditionStalled, h.Stalled},
		{v1alpha1.ConditionRestartSafe, h.RestartSafe},
		{v1alpha1.ConditionDataLost, h.DataLost},
	} {
		meta.SetStatusCondition(&status.Conditions, metav1.Condition{
			Type: c.kind, Status: metav1.ConditionStatus(c.fact.Status), Reason: string(c.fact.Reason), Message: clip(c.fact.Message, 32768),
			ObservedGeneration: o.group.Generation, LastTransitionTime: metav1.NewTime(now.Truncate(time.Second)),
		})
	}
	if h.Decision != "" && (old.LastDecision == nil || old.LastDecision.Text != clip(h.Decision, 1024) || old.LastDecision.Epoch != int64(h.Epoch)) {
		status.LastDecision = &v1alpha1.Decision{
			Time: metav1.NewTime(now.Truncate(time.Second)), Epoch: int64(h.Epoch), Text: clip(h.Decision, 1024),
		}
	}
	for i := range h.Members {
		status.Nodes = append(status.Nodes, nodeStatus(o.group.Name, &h.Members[i]))
	}
	return status
}

func nodeStatus(group string, m *topology.MemberHealth) v1alpha1.NodeStatus {
	row := v1alpha1.NodeStatus{
		Name:        resources.PodName(group, m.Name),
		Role:        string(m.Role),
		Offset:      m.Offset,
		Link:        string(m.Link),
		Persistence: m.Persistence,
		Ready:       m.Ready,
		RestartSafe: m.RestartSafe,
		Phase:       m.Phase,
		Upstream:    podOrNone(group, m.Upstream),
		Lineage:     m.Lineage,
		Reason:      clip(m.Reason, 1024),
	}
	if m.Lag >= 0 {
		row.Lag = new(m.Lag)
	}
	return row
}

// podOrNone names a member's pod; "" stands for no member.
func podOrNone(group, member string) string {
	if member == "" {
		return ""
	}
	return resources.PodName(group, member)
}

// sampleTime is when the volatile figures were written last.
func sampleTime(s *v1alpha1.ReplicationGroupStatus) time.Time {
	if s.SampledAt == nil {
		return time.Time{}
	}
	return s.SampledAt.Time
}

// keepVolatile puts the old offsets and lags back, so that they alone cause no
// write.
func keepVolatile(status, old *v1alpha1.ReplicationGroupStatus) {
	status.SampledAt = old.SampledAt
	was := map[string]*v1alpha1.NodeStatus{}
	for i := range old.Nodes {
		was[old.Nodes[i].Name] = &old.Nodes[i]
	}
	for i := range status.Nodes {
		row := &status.Nodes[i]
		if before := was[row.Name]; before != nil && before.Role == row.Role && before.Link == row.Link {
			row.Offset, row.Lag = before.Offset, before.Lag
		}
	}
}
