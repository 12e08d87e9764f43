// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// world is a small model of everything around the planner: the API server with
// pods, claims and the ledger, and nodes that obey the rules of quarantine,
// promise, grant and shield. A data set is the list of writes that it holds,
// one byte of stream each, so that "is a copy of" can be checked rather than
// believed. Time is virtual.
type world struct {
	spec     Spec
	deleting bool
	ledger   *Ledger
	version  int
	pods     map[string]*simPod
	claims   map[string]*simClaim
	endpoint *Published
	now      time.Time

	ids    map[string]int // counters of readable ids, by prefix
	writes int
	// violated is called with what breaks an invariant.
	violated func(format string, args ...any)
	masters  map[uint64]string // epoch → run id that took the role
	renewed  uint64            // the newest epoch whose master took writes
	ghosts   []*simPod         // processes that go on unseen, their pod objects gone or silent about them
	halfSync bool              // a replica copies only a part of what it misses per tick
	rand     func(n int) int
}

type simPod struct {
	uid, ip     string
	node        *simNode // nil: no process
	ended       bool
	reason      string
	exit        int
	crashed     time.Time // when it ended right after its start; zero if it did not
	restarts    int
	terminating bool
	held        bool
	host        Host
	pending     bool      // not scheduled
	deafSince   time.Time // the operator cannot reach it; zero: it can
	cut         bool      // its links to other nodes are cut
}

type simClaim struct {
	uid, group string
	lost       bool
	dir        simDir
}

// simDir is what a data directory holds.
type simDir struct {
	id, group string
	pos       Position
	log       []int
	complete  bool
}

func newWorld(spec Spec) *world {
	return &world{
		spec: spec, pods: map[string]*simPod{}, claims: map[string]*simClaim{},
		ids: map[string]int{}, masters: map[uint64]string{},
		now:      time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC),
		violated: func(format string, args ...any) { panic(fmt.Sprintf(format, args...)) },
		rand:     func(int) int { return 0 },
	}
}

func (w *world) id(prefix string) string {
	w.ids[prefix]++
	return prefix + strconv.Itoa(w.ids[prefix])
}

// observe is what the operator sees.
func (w *world) observe() State {
	s := State{Spec: w.spec, Deleting: w.deleting, Mint: Mint{GroupID: "g1", Replid: "h" + strconv.Itoa(w.ids["h"]+1)}}
	if w.ledger != nil {
		s.Ledger = w.ledger.Clone()
		s.Ledger.ResourceVersion = strconv.Itoa(w.version)
	}
	if w.endpoint != nil {
		e := *w.endpoint
		s.Published = &e
	}
	names := map[string]bool{}
	for name := range w.pods {
		names[name] = true
	}
	for name := range w.claims {
		names[name] = true
	}
	for _, name := range sortedNames(names) {
		m := Member{Name: name}
		if c := w.claims[name]; c != nil {
			m.Claim = &Claim{UID: c.uid, GroupID: c.group, Bound: !c.lost, Lost: c.lost}
		}
		if p := w.pods[name]; p != nil {
			m.Pod, m.Answer = w.seenPod(p), w.answer(p)
		}
		s.Members = append(s.Members, m)
	}
	return s
}

func (w *world) seenPod(p *simPod) *Pod {
	pod := &Pod{UID: p.uid, IP: p.ip, Phase: PodRunning, Terminating: p.terminating, Held: p.held, Host: p.host}
	pod.Container = Container{State: ContainerRunning, Restarts: p.restarts}
	switch {
	case p.pending:
		pod.Phase, pod.Container.State, pod.Host = PodPending, ContainerNone, Host{}
	case p.ended:
		pod.Phase = PodFailed
		pod.Container = Container{
			State: ContainerTerminated, Reason: p.reason, ExitCode: p.exit, Restarts: p.restarts,
			StartedAt: p.crashed, FinishedAt: p.crashed,
		}
	}
	return pod
}

func (w *world) answer(p *simPod) Answer {
	if p.node == nil || !p.deafSince.IsZero() {
		return Answer{Since: p.deafSince, Error: "timeout"}
	}
	n := p.node
	s := NodeState{
		RunID: n.run, GroupID: n.group, Managed: !n.unmanaged, Phase: NodeServing, Role: n.role, Epoch: n.epoch,
		Promised: n.promised, Open: n.open, Frozen: n.promised > n.epoch, Position: n.pos, Replid2: n.replid2,
		Offset2: n.offset2, Complete: n.complete, LocalWrites: n.local, Keys: int64(len(n.log)), Link: n.link, Linked: n.linked,
	}
	switch {
	case n.loading:
		s.Phase = NodeLoading
	case n.role == RoleNone:
		s.Phase = NodeQuarantined
	}
	if n.role == RoleReplica {
		s.Upstream = n.upstream
	}
	if n.dir != nil {
		s.Disk = Disk{RDB: true, RDBOK: true, DirID: n.dir.id}
	}
	return Answer{Reached: true, Node: s}
}

// perform does what the actions say, in order, as the operator would; it stops
// after the first n of them (the operator dies) and returns the first error.
func (w *world) perform(actions []Action, n int) error {
	var first error
	for i, a := range actions {
		if i >= n {
			return errors.New("the operator died")
		}
		err := w.do(a)
		if err != nil && first == nil {
			first = fmt.Errorf("%s: %w", a, err)
		}
		if err != nil && a.Barrier() {
			return first
		}
	}
	return first
}

func (w *world) do(a Action) error {
	switch a := a.(type) {
	case UpdateLedger:
		return w.updateLedger(a)
	case CreateClaim:
		if w.claims[a.Name] != nil {
			return errors.New("exists")
		}
		w.claims[a.Name] = &simClaim{uid: w.id("c"), group: a.GroupID}
	case CreatePod:
		return w.createPod(a)
	case DeletePod:
		if p := w.pods[a.Name]; p != nil && p.uid == a.PodUID && p.restarts == a.Restarts && !p.terminating {
			p.terminating = true
			if p.node != nil && p.host.Ready {
				w.stop(a.Name, "Completed", 0)
			}
			w.reap(a.Name)
		}
	case ReleasePod:
		if p := w.pods[a.Name]; p != nil && p.uid == a.PodUID && p.restarts == a.Restarts {
			p.held = false
			w.reap(a.Name)
		}
	case Promise:
		return w.call(a.Target, func(n *simNode) error { return n.promise(a) })
	case GrantMaster:
		return w.call(a.Target, func(n *simNode) error { return w.grantMaster(n, a) })
	case Renew:
		return w.call(a.Target, func(n *simNode) error { return w.renew(n, a) })
	case GrantReplica:
		return w.call(a.Target, func(n *simNode) error { return n.grantReplica(a) })
	case PublishMaster:
		w.endpoint = &Published{Member: a.Name, PodUID: a.PodUID, PodIP: a.PodIP, Epoch: a.Epoch}
	case RetractMaster:
		w.endpoint = nil
	default:
		panic(fmt.Sprintf("unknown action %T", a))
	}
	return nil
}

func (w *world) updateLedger(a UpdateLedger) error {
	have := ""
	if w.ledger != nil {
		have = strconv.Itoa(w.version)
	}
	if a.ResourceVersion != have {
		return errors.New("conflict")
	}
	if old := w.ledger; old != nil {
		w.checkTransition(old, &a.Ledger)
	}
	w.version++
	w.ledger = a.Ledger.Clone()
	if g := a.Ledger.Grant; g != nil && g.Replid == "h"+strconv.Itoa(w.ids["h"]+1) {
		w.ids["h"]++
	}
	return nil
}

// checkTransition holds the rules that the API server keeps for the ledger.
func (w *world) checkTransition(old, new *Ledger) {
	switch {
	case new.Epoch < old.Epoch:
		w.violated("I1: the epoch falls from %d to %d", old.Epoch, new.Epoch)
	case new.GroupID != old.GroupID:
		w.violated("the group id changes")
	case old.EverOpen && !new.EverOpen:
		w.violated("everOpen goes back")
	case old.Grant != nil && (new.Grant == nil || new.Grant.Epoch < old.Grant.Epoch):
		w.violated("the grant is removed")
	case old.Grant != nil && new.Grant.Epoch == old.Grant.Epoch && *new.Grant != *old.Grant:
		w.violated("I1: the grant of epoch %d changes", old.Grant.Epoch)
	case new.Phase != PhaseFencing && (new.Grant == nil || new.Grant.Epoch != new.Epoch):
		w.violated("%s without the grant of its epoch", new.Phase)
	case new.Epoch == old.Epoch && new.Phase != old.Phase && old.Phase != PhaseFencing && (old.Phase != PhaseOffered || new.Phase != PhaseOpen):
		w.violated("the phase goes from %s to %s within an epoch", old.Phase, new.Phase)
	}
	for _, r := range old.Members {
		if is := new.Record(r.Name); is != nil && r.Dead && !is.Dead && is.RunID == r.RunID {
			w.violated("process %s of %s lives again", r.RunID, r.Name)
		}
	}
	for i, h := range old.History {
		if i >= len(new.History) || new.History[i].Replid != h.Replid || new.History[i].ForkOffset != h.ForkOffset {
			w.violated("history entry %d changes", i)
		}
	}
}

func (w *world) createPod(a CreatePod) error {
	if w.pods[a.Name] != nil {
		return errors.New("exists")
	}
	p := &simPod{uid: w.id("p"), held: true, host: Host{Name: "k1", Ready: true}}
	p.ip = "ip-" + p.uid
	w.pods[a.Name] = p
	w.boot(a.Name)
	return nil
}

// boot starts a process in the pod: without a role, with what its claim holds.
// The kubelet runs one container of a pod at a time.
func (w *world) boot(name string) {
	p := w.pods[name]
	w.ghosts = slices.DeleteFunc(w.ghosts, func(g *simPod) bool { return g.uid == p.uid })
	n := &simNode{run: w.id("r")}
	if c := w.claims[name]; c != nil {
		if c.dir.id == "" {
			c.dir.id = w.id("d")
		}
		n.dir = &c.dir
		n.group, n.pos, n.log, n.complete = c.dir.group, c.dir.pos, slices.Clone(c.dir.log), c.dir.complete
	}
	p.node, p.ended, p.deafSince, p.host.OutOfService = n, false, time.Time{}, false
}

// stop ends the process; its memory is gone, its directory stays.
func (w *world) stop(name, reason string, exit int) {
	p := w.pods[name]
	p.node, p.ended, p.reason, p.exit, p.crashed = nil, true, reason, exit, time.Time{}
}

// reap lets Kubernetes drop the pod object.
func (w *world) reap(name string) {
	if p := w.pods[name]; p.terminating && p.node == nil && !p.held {
		delete(w.pods, name)
	}
}

// haunt lets the process of a pod go on unseen.
func (w *world) haunt(p *simPod) {
	g := *p
	p.node = nil
	w.ghosts = append(w.ghosts, &g)
}

// running are all pods with a process, ghosts among them, in a fixed order.
func (w *world) running() []*simPod {
	var out []*simPod
	for _, name := range sortedNames(w.pods) {
		if p := w.pods[name]; p.node != nil {
			out = append(out, p)
		}
	}
	return append(out, w.ghosts...)
}

// process finds a living process and its pod by run id.
func (w *world) process(run string) (*simNode, *simPod) {
	for _, p := range w.running() {
		if p.node.run == run {
			return p.node, p
		}
	}
	return nil, nil
}

// tick lets a second pass: links come up, streams flow, disks are written.
func (w *world) tick() {
	w.now = w.now.Add(time.Second)
	for _, p := range w.running() {
		if p.node.role == RoleReplica && p.node.promised == p.node.epoch {
			w.replicate(p.node, p)
		}
	}
	w.checkWritable()
}

// write lets the open master take a write.
func (w *world) write() bool {
	for _, p := range w.running() {
		if n := p.node; n.writable() {
			w.writes++
			n.log = append(slices.Clone(n.log), w.writes)
			n.pos.Offset++
			return true
		}
	}
	return false
}

// save writes a node's data set to its claim.
func (w *world) save(name string) {
	if p := w.pods[name]; p != nil && p.node != nil && p.node.dir != nil && p.node.complete {
		n := p.node
		n.dir.group, n.dir.pos, n.dir.log, n.dir.complete = n.group, n.pos, slices.Clone(n.log), true
	}
}

// checkWritable: two masters never take writes at the same time (I6).
func (w *world) checkWritable() {
	var who []string
	for _, p := range w.running() {
		if p.node.writable() {
			who = append(who, p.node.run)
		}
	}
	if len(who) > 1 {
		w.violated("I6: %v take writes at the same time", who)
	}
}

// checkElected: no copy anywhere, asked or not, in memory or on a claim, holds
// more of the new master's line than it does, but for the master before (I2).
func (w *world) checkElected(n *simNode) {
	exempt := w.masters[w.renewed]
	if n.epoch != w.renewed || n.role == RoleReplica && !n.linked {
		exempt = "" // a cold start, or as good as one: the master had not passed on to this process
	}
	line := newLineage(w.ledger.History)
	own := line.stand(n.pos)
	check := func(who string, pos Position, complete bool) {
		if s := line.stand(pos); complete && s.known && s.offset > own.offset {
			w.violated("I2: %s becomes master at %s (%d), and %s holds %s (%d)", n.run, n.pos, own.offset, who, pos, s.offset)
		}
	}
	for name, p := range w.pods {
		// What a person declared out of service is given up.
		if o := p.node; o != nil && o != n && o.run != exempt && !o.local && !p.host.OutOfService {
			check(name+"/"+o.run, o.pos, o.complete)
		}
	}
	for name, c := range w.claims {
		if p := w.pods[name]; p != nil && p.node != nil || w.ledger.Record(name) == nil || !w.ledger.EverOpen {
			continue
		}
		// A removed member's claim was given up, unless nobody survived.
		if r := w.ledger.Record(name); r.RunID != exempt && (r.Place != "" || exempt == "") && !c.lost {
			check("the claim of "+name, c.dir.pos, c.dir.complete)
		}
	}
}
