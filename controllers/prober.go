// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/espalier-io/espalier/api/v1alpha1"
	"github.com/espalier-io/espalier/controllers/nodeclient"
	"github.com/espalier-io/espalier/node/controlapi"
)

// probePeriod is how often a node is asked, and probesAtOnce how many nodes are
// asked at the same time by all of an operator's groups.
const (
	probePeriod  = time.Second
	probesAtOnce = 64
)

// Prober asks every node of every group once a second and causes a pass where
// an answer changed in a way that a plan could depend on. It keeps no more than
// is needed to see that, and since when a node has not answered.
type Prober struct {
	nodes   *nodeclient.Client
	now     func() time.Time
	changes chan event.TypedGenericEvent[client.Object]

	mu     sync.Mutex
	groups map[types.NamespacedName]map[string]*probed // by pod UID
}

// probed is one node.
type probed struct {
	node  nodeclient.Node
	mark  mark
	since time.Time // not reached since; zero while it answers
}

// mark is the part of an answer that a plan could depend on. What moves all the
// time (offsets, counts) is left out: while it moves, nothing is to be done.
type mark struct {
	reached              bool
	runID, group, replid string
	phase                controlapi.Phase
	role                 controlapi.Role
	epoch, promised      uint64
	open, frozen         bool
	complete, local      bool
	link                 controlapi.Link
	reason               string
	upstream             string
	disk                 controlapi.Persistence
}

// NewProber makes a prober; Start runs it.
func NewProber(nodes *nodeclient.Client, now func() time.Time) *Prober {
	return &Prober{
		nodes: nodes, now: now,
		changes: make(chan event.TypedGenericEvent[client.Object], 1024),
		groups:  map[types.NamespacedName]map[string]*probed{},
	}
}

// Changes gives an event with the group for every change.
func (p *Prober) Changes() <-chan event.TypedGenericEvent[client.Object] { return p.changes }

// Watch says which nodes a group has, by the UID of their pods.
func (p *Prober) Watch(group types.NamespacedName, nodes map[string]nodeclient.Node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.groups[group]
	if known == nil {
		known = map[string]*probed{}
		p.groups[group] = known
	}
	for uid, node := range nodes {
		p.entry(group, uid).node = node
	}
	for uid := range known {
		if _, wanted := nodes[uid]; !wanted {
			delete(known, uid)
		}
	}
}

// Forget drops a group that is gone.
func (p *Prober) Forget(group types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.groups, group)
}

// Note takes in an answer that a pass got by itself, and gives the time since
// when the node has not answered.
func (p *Prober) Note(group types.NamespacedName, uid string, state controlapi.State, err error, now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.entry(group, uid)
	e.note(state, err, now)
	return e.since
}

// entry finds or makes the record of a node. Called with the lock held.
func (p *Prober) entry(group types.NamespacedName, uid string) *probed {
	if p.groups[group] == nil {
		p.groups[group] = map[string]*probed{}
	}
	if p.groups[group][uid] == nil {
		p.groups[group][uid] = &probed{}
	}
	return p.groups[group][uid]
}

// note records an answer and tells whether it differs from the last.
func (e *probed) note(state controlapi.State, err error, now time.Time) (changed bool) {
	m := markOf(state, err)
	changed = m != e.mark
	e.mark = m
	switch {
	case err == nil:
		e.since = time.Time{}
	case e.since.IsZero():
		e.since = now
	}
	return changed
}

func markOf(s controlapi.State, err error) mark {
	if err != nil {
		return mark{}
	}
	m := mark{
		reached: true, runID: s.RunID, group: s.GroupID, replid: s.Replid, phase: s.Phase, role: s.Role,
		epoch: s.Epoch, promised: s.Promised, open: s.Open, frozen: s.Frozen,
		complete: s.Complete, local: s.LocalWrites, link: s.Link, reason: s.LinkReason, disk: s.Persistence,
	}
	m.disk.SavedAt = 0
	if s.Upstream != nil {
		m.upstream = s.Upstream.RunID
	}
	return m
}

// Start asks until ctx is done (manager.Runnable).
func (p *Prober) Start(ctx context.Context) error {
	ticker := time.NewTicker(probePeriod)
	defer ticker.Stop()
	slots := make(chan struct{}, probesAtOnce)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			p.round(ctx, slots)
		}
	}
}

// NeedLeaderElection makes the manager run the prober where the controller
// runs.
func (p *Prober) NeedLeaderElection() bool { return true }

// round asks every node once and returns when all have answered or timed out.
func (p *Prober) round(ctx context.Context, slots chan struct{}) {
	type target struct {
		group types.NamespacedName
		uid   string
		node  nodeclient.Node
	}
	var targets []target
	p.mu.Lock()
	for group, nodes := range p.groups {
		for uid, e := range nodes {
			if e.node.IP != "" {
				targets = append(targets, target{group, uid, e.node})
			}
		}
	}
	p.mu.Unlock()

	var wg sync.WaitGroup
	for _, t := range targets {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			state, err := p.nodes.State(ctx, t.node)
			if p.changed(t.group, t.uid, state, err) {
				p.cause(ctx, t.group)
			}
		})
	}
	wg.Wait()
}

func (p *Prober) changed(group types.NamespacedName, uid string, state controlapi.State, err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.groups[group][uid]
	return e != nil && e.note(state, err, p.now())
}

// cause asks for a pass over a group.
func (p *Prober) cause(ctx context.Context, group types.NamespacedName) {
	object := &v1alpha1.ReplicationGroup{ObjectMeta: metav1.ObjectMeta{Namespace: group.Namespace, Name: group.Name}}
	select {
	case p.changes <- event.TypedGenericEvent[client.Object]{Object: object}:
	case <-ctx.Done():
	}
}
