// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"fmt"
	"slices"
	"strings"
)

// The change of a master, by the nine steps of the safety protocol. Each of
// the functions open, offered and fencing handles one phase of the ledger and
// may end it; what was done before is read off the ledger and the nodes, never
// remembered.

// noteDeaths enters proven deaths into the ledger, with the decision that they
// call for. Only then may the pods go (I4). A process that never had a role
// leaves no record but the decision, which names its pod; it is entered all the
// same, because a deposed operator may be about to offer it the master role,
// and that write must find the ledger changed.
func (p *pass) noteDeaths() {
	for _, m := range p.members {
		if m.rec == nil || m.seen.Pod == nil {
			continue
		}
		had := m.rec.RunID != "" && !m.rec.Dead && m.has(m.rec.PodUID)
		pod := m.seen.Pod
		switch {
		case had && m.stopped():
			m.rec.Dead = true
			p.decide(m.name+" dead", "%s", p.restartDecision(m))
		case had && m.node() != nil && m.node().RunID != m.rec.RunID:
			m.rec.Dead = true
			p.decide(m.name+" restarted", "%s", p.restartDecision(m))
		case m.stopped() && (m.roleless() || pod.Container.Restarts > 0) && pod.goesNow():
			p.decide(m.name+" dead without a role", "%s", p.restartDecision(m))
		}
	}
}

// restartDecision tells what is decided about a member whose process ended.
func (p *pass) restartDecision(m *member) string {
	var b strings.Builder
	end := ""
	if m.node() == nil {
		end = m.ending()
	} else {
		end, _ = m.death(m.rec.PodUID, m.rec.RunID)
	}
	fmt.Fprintf(&b, "%s (pod %s) %s.", m.name, m.seen.Pod.UID, end)
	if m.seen.Claim != nil {
		b.WriteString(" Its claim may hold what it wrote to disk.")
	} else {
		b.WriteString(" It kept its data in memory only.")
	}
	copies := 0
	for _, o := range p.members {
		if n := o.node(); o != m && n != nil && n.Complete && !p.foreign(o) {
			copies++
		}
	}
	fmt.Fprintf(&b, " %d of %d others hold complete copies.", copies, len(p.members)-1)
	switch g := p.led.Grant; {
	case p.state.Deleting:
		b.WriteString(" The group is being deleted.")
	case g != nil && g.Node == m.name && p.led.Phase == PhaseOpen:
		b.WriteString(" It was the master: it may come back after another was made, without a role.")
	case !m.placed():
		b.WriteString(" It is no longer declared and does not come back.")
	default:
		b.WriteString(" It may come back without a role and rejoin as a replica.")
	}
	return b.String()
}

// giveUp enters that a pod goes without proof of death, for the same reason.
func (p *pass) giveUp(m *member, why string) {
	if pod := m.seen.Pod; p.led != nil && m.rec != nil && pod.goesNow() {
		p.decide(m.name+" given up", "%s (pod %s) %s and is given up: %s.", m.name, pod.UID, m.silence(), why)
	}
	p.clear(m, why)
}

// noteDirs enters the identity of data directories that got theirs only with
// the grant.
func (p *pass) noteDirs() {
	for _, m := range p.members {
		if m.rec != nil && m.rec.DirID == "" && m.seen.Claim != nil && m.alive(m.rec.PodUID, m.rec.RunID) && m.node().Disk.DirID != "" {
			m.rec.ClaimUID, m.rec.DirID = m.seen.Claim.UID, m.node().Disk.DirID
			p.change(m.name+" has directory "+short(m.rec.DirID), "")
		}
	}
}

// checkWitnesses believes a node that is ahead of the ledger: such a ledger is
// one restored from the past, and nothing in it bounds what anyone holds.
func (p *pass) checkWitnesses() {
	var highest uint64
	var witness *member
	for _, m := range p.members {
		if n := m.node(); n != nil && !p.foreign(m) && max(n.Epoch, n.Promised) > highest {
			highest, witness = max(n.Epoch, n.Promised), m
		}
	}
	if highest <= p.led.Epoch {
		return
	}
	was := p.led.Epoch
	p.led.Epoch, p.led.Phase, p.led.AllMustReport, p.led.EverOpen = highest+1, PhaseFencing, true, true
	p.decide(fmt.Sprintf("Fencing epoch %d, all must report", p.led.Epoch),
		"Epoch %d: %s knows epoch %d and the ledger only %d, so the ledger is an old one; every member must report before the next grant.",
		p.led.Epoch, witness.name, highest, was)
}

// open keeps the master of an open epoch serving, or ends the epoch when its
// process is proven dead (steps 1 and 2). Out of reach is not dead: then
// nothing is done to it, and nothing is promised to anyone else.
func (p *pass) open() {
	g := p.led.Grant
	m := p.byName[g.Node]
	if proof, dead := m.death(g.PodUID, g.RunID); dead {
		p.fence("the master %s %s", m.name, proof)
		return
	}
	switch n := m.node(); {
	case !m.alive(g.PodUID, g.RunID):
		p.missMaster(m)
	case n.Role != RoleMaster || n.Epoch != p.led.Epoch:
		p.fence("the master %s does not serve as it was granted", m.name)
		return
	default:
		p.serve(m)
	}
	p.reshape()
	p.replicas()
}

// serve lets a granted master take writes and puts it behind the Service, the
// one resting on the other.
func (p *pass) serve(m *member) {
	t := m.target()
	if !m.node().Open {
		p.do(Renew{Target: t, GroupID: p.led.GroupID, Epoch: p.led.Epoch, Why: "the ledger has the epoch open"})
	}
	want := Published{Member: m.name, PodUID: t.PodUID, PodIP: t.PodIP, Epoch: p.led.Epoch}
	if (p.state.Published == nil || *p.state.Published != want) && t.PodIP != "" {
		p.do(PublishMaster{Target: t, Epoch: p.led.Epoch, Why: m.name + " is the master"})
	}
}

func (p *pass) missMaster(m *member) {
	const hint = "It is not proven dead, so nobody takes its place. If its Kubernetes node is gone for good, taint it node.kubernetes.io/out-of-service."
	if !m.has(p.led.Grant.PodUID) {
		p.stall(ReasonMemberUnreachable, m.name, "The pod %s of the master %s is gone without proof that its process is dead, so nobody takes its place.", p.led.Grant.PodUID, m.name)
		return
	}
	if p.overdue(m) {
		p.stall(ReasonMemberUnreachable, m.name, "The master %s %s. %s", m.name, m.silence(), hint)
		return
	}
	p.wait(ReasonMasterSuspected, pollFast, "The master %s %s.", m.name, m.silence())
}

// fence begins the next epoch (step 3). From the moment it is in the ledger,
// nobody renews an earlier one.
func (p *pass) fence(format string, args ...any) {
	p.led.Epoch++
	p.led.Phase = PhaseFencing
	p.decide(fmt.Sprintf("Fencing epoch %d", p.led.Epoch), "Epoch %d: %s.",
		p.led.Epoch, fmt.Sprintf(format, args...))
}

// fencing gathers promises and elects (steps 4 to 6).
func (p *pass) fencing() {
	for _, m := range p.members {
		if n := m.node(); p.obeys(m) && n.Promised < p.led.Epoch && n.Epoch < p.led.Epoch {
			p.do(Promise{Target: m.target(), GroupID: p.led.GroupID, Epoch: p.led.Epoch, Why: "a new master is chosen"})
		}
	}
	if p.led.AllMustReport && !p.relearn() {
		return
	}
	b := p.ballot()
	if !p.fenced() {
		return
	}
	if len(b.candidates) == 0 {
		p.nobody(b)
		return
	}
	if p.disbelieve(b) {
		return
	}
	best := p.best(b)
	if p.blocked(b, best) {
		return
	}
	p.offer(best.member, fmt.Sprintf("nobody can hold more than it does, offset %d (%d of %d members promised)",
		best.offset, b.promised, len(p.members)))
}

// fenced says that the master before can take no more writes: its process is
// dead, or it promised this epoch itself (step 5).
func (p *pass) fenced() bool {
	g := p.led.Grant
	if g == nil || !p.line.opened(g.Epoch) {
		return true // it was never renewed and never will be
	}
	m := p.byName[g.Node]
	if _, dead := m.death(g.PodUID, g.RunID); dead {
		return true
	}
	if m.alive(g.PodUID, g.RunID) {
		if m.node().Promised >= p.led.Epoch {
			return true
		}
		p.wait(ReasonPromises, pollFast, "The master before, %s, has yet to promise epoch %d.", m.name, p.led.Epoch)
		return false
	}
	p.missMaster(m)
	return false
}

// retractIfHeldUp takes the endpoint of the master before away where its
// successor is held up. While the failover goes on from pass to pass it stays:
// nobody answers there, or with READONLY, and proxies that limit how often they
// follow an endpoint (kube-proxy: once a second) then follow the new master at
// once, not a second after the removal.
func (p *pass) retractIfHeldUp() {
	if p.led == nil || p.led.Phase == PhaseOpen {
		return
	}
	stalled := slices.ContainsFunc(p.waits, func(w blocker) bool { return w.stalled })
	if stalled || len(p.actions) == 0 && len(p.changes) == 0 {
		p.retract()
	}
}

func (p *pass) retract() {
	if p.state.Published != nil {
		retract := RetractMaster{Why: "no master may serve now"}
		if p.led != nil {
			retract.Epoch = p.led.Epoch
		}
		p.do(retract)
	}
}

// offered waits for the chosen process to take the role, then opens the epoch
// (steps 7 and 8); a process that fails is given up with its epoch.
func (p *pass) offered() {
	g := p.led.Grant
	m := p.byName[g.Node]
	if proof, dead := m.death(g.PodUID, g.RunID); dead {
		p.fence("%s was to become master and %s", m.name, proof)
		return
	}
	n := m.node()
	switch {
	case !m.alive(g.PodUID, g.RunID):
		p.missChosen(m)
	case n.Role == RoleMaster && n.Epoch == p.led.Epoch:
		p.opened(m)
		p.open()
	case n.Position != p.from(g):
		p.fence("%s was to become master at %s and stands at %s", m.name, p.from(g), n.Position)
	default:
		p.grantMaster(m)
	}
}

// missChosen handles a chosen process out of reach. It never took a write, so
// it needs no fencing; but what it holds was the best there is, so it is given
// up only for a candidate that holds as much.
func (p *pass) missChosen(m *member) {
	refused := len(p.refusals)
	b := p.ballot()
	p.refusals = p.refusals[:refused]
	own := p.line.stand(p.from(p.led.Grant)).offset
	overdue := p.overdue(m) || !m.has(p.led.Grant.PodUID)
	for _, c := range b.candidates {
		if c.offset >= own && overdue {
			p.fence("%s was to become master and %s", m.name, m.silence())
			return
		}
	}
	if overdue {
		p.stall(ReasonMemberUnreachable, m.name, "%s was to become master, nobody else holds as much, and it %s.", m.name, m.silence())
		return
	}
	p.wait(ReasonGranting, pollFast, "%s was offered the master role and %s.", m.name, m.silence())
}

func (p *pass) grantMaster(m *member) {
	g := p.led.Grant
	p.do(GrantMaster{
		Target: m.target(), GroupID: p.led.GroupID, Epoch: g.Epoch, Replid: g.Replid, From: p.from(g),
		Why: "the ledger offers it the master role",
	})
	p.wait(ReasonGranting, pollFast, "%s was offered the master role and has yet to take it.", m.name)
}

// from is where the process of a grant must stand.
func (p *pass) from(g *Grant) Position {
	h := p.line.of(g.Epoch)
	return Position{Replid: h.Parent, Offset: h.ForkOffset}
}

// opened enters into the ledger that the process took the role. Whoever was
// told to feed from someone was told so in an earlier epoch: those notes end.
// The master feeds from itself, so nothing else bounds what it holds.
func (p *pass) opened(m *member) {
	p.led.Phase, p.led.EverOpen, p.led.AllMustReport = PhaseOpen, true, false
	for i := range p.led.History {
		if p.led.History[i].Epoch == p.led.Epoch {
			p.led.History[i].Opened = true
		}
	}
	for i := range p.led.Members {
		p.led.Members[i].Upstreams = nil
	}
	m.rec.Upstreams = []string{p.led.Grant.RunID}
	p.change(fmt.Sprintf("Open epoch %d", p.led.Epoch), fmt.Sprintf("%s took the master role of epoch %d.", m.name, p.led.Epoch))
}

// enroll notes the process that is about to be given a role (I5).
func (p *pass) enroll(m *member) {
	t := m.target()
	m.rec.PodUID, m.rec.RunID, m.rec.Dead = t.PodUID, t.RunID, false
	m.rec.ClaimUID, m.rec.DirID = "", m.node().Disk.DirID
	if m.seen.Claim != nil {
		m.rec.ClaimUID = m.seen.Claim.UID
	}
}
