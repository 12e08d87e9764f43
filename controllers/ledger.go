// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/espalier-io/espalier/api/v1alpha1"
	"github.com/espalier-io/espalier/controllers/resources"
	"github.com/espalier-io/espalier/controllers/topology"
)

// ledgerFromAPI and ledgerToAPI translate between the stored ledger and the
// planner's, field by field; a test makes sure that nothing is lost on the way.
func ledgerFromAPI(stored *v1alpha1.ReplicationLedger) *topology.Ledger {
	s := &stored.Spec
	l := &topology.Ledger{
		ResourceVersion: stored.ResourceVersion,
		GroupID:         s.GroupID,
		Epoch:           uint64(s.Epoch),
		Phase:           topology.LedgerPhase(s.Phase),
		EverOpen:        s.EverOpen,
		AllMustReport:   s.AllMustReport,
		Decision:        s.Decision,
	}
	if g := s.Grant; g != nil {
		l.Grant = &topology.Grant{Epoch: uint64(g.Epoch), Node: g.Node, PodUID: g.PodUID, RunID: g.RunID, Replid: g.Replid}
	}
	for _, h := range s.History {
		l.History = append(l.History, topology.Mastership{
			Epoch: uint64(h.Epoch), Replid: h.Replid, Parent: h.Parent, ForkOffset: h.ForkOffset, Opened: h.Opened,
		})
	}
	for _, m := range s.Members {
		l.Members = append(l.Members, topology.MemberRecord{
			Name: m.Name, ClaimUID: m.ClaimUID, DirID: m.DirID, Place: m.Place, Parent: m.Parent,
			PodUID: m.PodUID, RunID: m.RunID, Dead: m.Dead, Upstreams: m.Upstreams,
		})
	}
	return l
}

func ledgerToAPI(group *v1alpha1.ReplicationGroup, l *topology.Ledger) *v1alpha1.ReplicationLedger {
	stored := &v1alpha1.ReplicationLedger{
		ObjectMeta: metav1.ObjectMeta{
			Name: group.Name, Namespace: group.Namespace, ResourceVersion: l.ResourceVersion,
			Labels: resources.GroupSelector(group.Name),
		},
		Spec: v1alpha1.ReplicationLedgerSpec{
			GroupID:       l.GroupID,
			Epoch:         int64(l.Epoch),
			Phase:         v1alpha1.LedgerPhase(l.Phase),
			EverOpen:      l.EverOpen,
			AllMustReport: l.AllMustReport,
			Decision:      clip(l.Decision, 1024),
		},
	}
	if g := l.Grant; g != nil {
		stored.Spec.Grant = &v1alpha1.LedgerGrant{Epoch: int64(g.Epoch), Node: g.Node, PodUID: g.PodUID, RunID: g.RunID, Replid: g.Replid}
	}
	for _, h := range l.History {
		stored.Spec.History = append(stored.Spec.History, v1alpha1.LedgerHistory{
			Epoch: int64(h.Epoch), Replid: h.Replid, Parent: h.Parent, ForkOffset: h.ForkOffset, Opened: h.Opened,
		})
	}
	for _, m := range l.Members {
		stored.Spec.Members = append(stored.Spec.Members, v1alpha1.LedgerMember{
			Name: m.Name, ClaimUID: m.ClaimUID, DirID: m.DirID, Place: m.Place, Parent: m.Parent,
			PodUID: m.PodUID, RunID: m.RunID, Dead: m.Dead, Upstreams: m.Upstreams,
		})
	}
	return stored
}

// clip cuts a text for people to a field's length in bytes, whole characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}
