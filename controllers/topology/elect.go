// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"cmp"
	"fmt"
	"math"
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

// giveUp enters that a pod goes without proof of death, for the same reason.
func (p *pass) giveUp(m *member, why string) {
	if pod := m.seen.Pod; p.led != nil && m.rec != nil && pod.goesNow() {
		p.decide(m.name+" given up", "%s (pod %s) %s and is given up: %s.", m.name, pod.UID, m.silence(), why)
	}
	p.clear(m, why)
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
	p.retract()
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
	best := p.best(b)
	if p.blocked(b, best) {
		return
	}
	p.offer(best.member, fmt.Sprintf("nobody can hold more than it does, offset %d (%d of %d members promised)",
		best.offset, b.promised, len(p.members)))
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

// candidate may become master.
type candidate struct {
	member *member
	standing
	survivor bool // the process was a replica of the newest open epoch when that ended
}

// silent is a member that may hold data and has not promised.
type silent struct {
	member *member
	bound  int64 // mainline bytes that it holds at most
}

// ballot is what is known about everyone's data in this epoch.
type ballot struct {
	candidates []candidate
	silent     []silent
	empty      []*member // answer, and provably hold nothing
	missing    []*member // provably hold nothing, and do not answer
	barred     []Refusal // hold data and are no candidates
	promised   int
}

func (p *pass) ballot() ballot {
	var b ballot
	for _, m := range p.members {
		if m.rec == nil && m.seen.Pod == nil && !p.led.AllMustReport {
			continue // the claim of a member that was removed: it is none
		}
		n := m.node()
		if n == nil {
			if p.mayHold(m) {
				b.silent = append(b.silent, silent{m, p.bound(m)})
			} else {
				b.missing = append(b.missing, m)
			}
			continue
		}
		if m.elsewhere() {
			b.silent = append(b.silent, silent{m, p.bound(m)})
			continue
		}
		if p.passes(electionGates, m) {
			b.promised++
			b.candidates = append(b.candidates, candidate{m, p.line.stand(n.Position), n.Epoch == p.line.newestEpoch()})
			continue
		}
		switch r := p.refusal(); r.Reason {
		case ReasonNotPromised, ReasonUnmanaged:
			if n.Phase == NodeQuarantined && p.empty(n) {
				b.empty = append(b.empty, m) // and stays so without a grant
				continue
			}
			b.silent = append(b.silent, silent{m, p.bound(m)})
		case ReasonEmpty:
			b.promised++
			b.empty = append(b.empty, m)
		default:
			b.promised++
			b.barred = append(b.barred, r)
		}
	}
	return b
}

// mayHold says whether a member that does not answer may hold data.
func (p *pass) mayHold(m *member) bool {
	if m.seen.Claim != nil {
		return true
	}
	// Its last process is neither dead nor there to be asked, or its pod's
	// first one has yet to be heard of, which without a claim is empty.
	return m.rec != nil && m.rec.RunID != "" && !m.rec.Dead
}

// bound is the most that a member can hold of the mainline, by what the ledger
// knows of whom it fed from (safety.md, "capped").
func (p *pass) bound(m *member) int64 {
	if p.led.AllMustReport || m.rec == nil {
		return math.MaxInt64
	}
	if g := p.led.Grant; g != nil && g.Node == m.name && !p.line.opened(g.Epoch) {
		return p.line.stand(p.from(g)).offset
	}
	// Never fed in the newest open epoch: what it holds of the mainline was
	// there before that began.
	bound := p.line.floor()
	for _, run := range m.rec.Upstreams {
		up := p.byRun[run]
		if up == nil || up.node().Promised < p.led.Epoch || !p.line.stand(up.node().Position).known {
			return math.MaxInt64
		}
		bound = max(bound, p.line.stand(up.node().Position).offset)
	}
	return bound
}

// best is the candidate with the greatest position. Among equals: one without
// a lost tail, one that is declared, the one whose promotion moves the fewest
// others, the first by name.
func (p *pass) best(b ballot) candidate {
	seats := p.seats()
	moves := map[string]int{}
	top := int64(-1)
	for _, c := range b.candidates {
		top = max(top, c.offset)
	}
	for _, c := range b.candidates {
		if c.offset == top && len(b.candidates) > 1 {
			crewed, gone := p.seatsFor(seats, c.member.name)
			moves[c.member.name] = p.shape.moves(crewed, c.member.name, gone)
		}
	}
	return slices.MinFunc(b.candidates, func(x, y candidate) int {
		return cmp.Or(
			cmp.Compare(y.offset, x.offset),
			cmp.Compare(min(x.tail, 1), min(y.tail, 1)),
			cmp.Compare(b2i(y.member.placed()), b2i(x.member.placed())),
			cmp.Compare(moves[x.member.name], moves[y.member.name]),
			byName(x.member.name, y.member.name),
		)
	})
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// blocked says that a member who cannot be asked may hold more than the best
// candidate. As long as a replica survived, two are exempt: the master before,
// once fenced, whose unshared writes are the declared asynchronous loss, and a
// removed member, whose claim was given up with it.
func (p *pass) blocked(b ballot, best candidate) bool {
	blocked := false
	for _, s := range b.silent {
		exempt := (s.member.wasMaster() || s.member.retired()) && best.survivor && !p.led.AllMustReport
		if exempt || s.bound <= best.offset && !p.led.AllMustReport {
			continue
		}
		p.await(s.member)
		blocked = true
	}
	return blocked
}

// wasMaster says that the member's last process was the master of the newest
// open epoch (opened).
func (m *member) wasMaster() bool {
	return m.rec != nil && m.rec.RunID != "" && slices.Contains(m.rec.Upstreams, m.rec.RunID)
}

// retired says that the member was removed, and only its claim was kept.
func (m *member) retired() bool {
	return m.rec != nil && !m.placed() && m.seen.Pod == nil && (m.rec.Dead || m.rec.RunID == "")
}

// await says why a silent member holds the election up, and lets its pod be
// created if that is what it takes.
func (p *pass) await(m *member) {
	p.needed[m.name] = true
	switch n, pod := m.node(), m.seen.Pod; {
	case n != nil && m.elsewhere():
		p.stall(ReasonClaimSilent, m.name, "%s runs on another data directory than the one that its claim had, and that one may hold more than the others. Delete the claim to give it up.", m.name)
	case n != nil && !n.Managed:
		p.stall(ReasonUnmanaged, m.name, "%s answers and takes no grants; its pod was not started as a managed member.", m.name)
	case n != nil && n.Phase == NodeLoading:
		p.wait(ReasonWaitingForNodes, 0, "%s may hold more than the others and is reading its disk.", m.name)
	case n != nil:
		p.wait(ReasonPromises, pollFast, "%s has yet to promise epoch %d.", m.name, p.led.Epoch)
	case m.seen.Claim != nil && m.seen.Claim.Lost:
		p.stall(ReasonClaimSilent, m.name, "%s may hold more than the others, and its claim has lost its volume. Delete the claim to give up what was on it.", m.name)
	case pod == nil && m.rec != nil && m.rec.RunID != "" && !m.rec.Dead, pod != nil && !m.roleless() && !pod.dead():
		if p.overdue(m) {
			p.stall(ReasonMemberUnreachable, m.name, "%s may hold more than the others, %s, and is not proven dead.", m.name, m.silence())
			return
		}
		p.wait(ReasonPromises, pollFast, "%s may hold more than the others and %s.", m.name, m.silence())
	default:
		p.wait(ReasonWaitingForNodes, 0, "%s may hold more than the others on its claim and %s; it is started to be asked.", m.name, m.silence())
	}
}

// lossVerdict is what an election found out about the data as a whole.
type lossVerdict int

const (
	lossNone    lossVerdict = iota // there is data, or there never was any
	lossUnknown                    // members have yet to report, and none that did holds the data
	lossTotal                      // every member reported or is gone, and none holds the data
)

// nobody handles an election without candidates: the first start of all, a cold
// start on the way, or the loss of everything.
func (p *pass) nobody(b ballot) {
	for _, s := range b.silent {
		if p.obeys(s.member) {
			p.await(s.member) // its promise is under way
			return
		}
	}
	for _, m := range p.members {
		p.needed[m.name] = m.placed()
	}
	if p.led.EverOpen && len(b.barred) == 0 {
		p.lost = lossUnknown
	}
	if len(b.silent) > 0 {
		for _, s := range b.silent {
			p.await(s.member)
		}
		return
	}
	if len(b.barred) > 0 && p.disbelieve(b) {
		return
	}
	if len(b.barred) > 0 {
		var told []string
		for _, r := range b.barred {
			told = append(told, r.Member+": "+r.Message)
		}
		p.stall(ReasonNoCandidate, b.barred[0].Member, "Nobody may become master: %s.", strings.Join(told, "; "))
		return
	}
	if !p.led.EverOpen {
		p.bootstrap(b)
		return
	}
	p.lost = lossTotal
	if p.state.Spec.OnTotalLoss != Reinitialize {
		p.stall(ReasonDataLost, "", "Every copy of the data is gone: %s. The group stands still; set failover.onTotalLoss to Reinitialize to start it empty.", p.losses(b))
		return
	}
	p.offerEmpty(b, fmt.Sprintf("every copy of the data is gone (%s), and the group is declared to start empty then", p.losses(b)))
}

// disbelieve begins again with an old ledger in mind, if what bars a member is
// that the ledger does not know its history: a ledger restored from the past
// looks like that once every process has restarted and forgot its epoch.
func (p *pass) disbelieve(b ballot) bool {
	if p.led.AllMustReport || !p.led.EverOpen {
		return false
	}
	for _, r := range b.barred {
		m := p.byName[r.Member]
		if !p.foreign(m) && p.stray(m.node()) {
			p.led.Epoch, p.led.AllMustReport = p.led.Epoch+epochGap, true
			p.decide(fmt.Sprintf("Fencing epoch %d, all must report", p.led.Epoch),
				"Epoch %d: %s holds a history that the ledger does not know, and nobody holds one that it knows, so the ledger may be an old one; every member must report before the next grant.",
				p.led.Epoch, m.name)
			return true
		}
	}
	return false
}

func (p *pass) losses(b ballot) string {
	var told []string
	for _, m := range b.empty {
		told = append(told, m.name+" is empty")
	}
	for _, m := range b.missing {
		told = append(told, m.name+" died and has no claim")
	}
	slices.Sort(told)
	return strings.Join(told, ", ")
}

// bootstrap starts a group that never had data: only after every declared
// member is up and empty.
func (p *pass) bootstrap(b ballot) {
	var missing []string
	for _, m := range b.missing {
		if m.placed() {
			missing = append(missing, m.name+" "+m.silence())
		}
	}
	if len(missing) > 0 {
		p.wait(ReasonFirstStart, 0, "Every member must be up and empty before the first master is made: %s.", strings.Join(missing, "; "))
		return
	}
	p.offerEmpty(b, "every member is up and empty, and no master ever was")
}

// offerEmpty makes an empty member master: the one whose place is the root, or
// else the first.
func (p *pass) offerEmpty(b ballot, why string) {
	var first *member
	for _, m := range b.empty {
		if !m.placed() {
			continue
		}
		if m.node().Promised < p.led.Epoch {
			p.wait(ReasonPromises, pollFast, "%s has yet to promise epoch %d.", m.name, p.led.Epoch)
			return
		}
		if first == nil || m.rec.Place == p.shape[0].name {
			first = m
		}
	}
	if first == nil {
		p.wait(ReasonWaitingForNodes, 0, "An empty member is being started.")
		return
	}
	p.offer(first, why)
}

// offer gives the role of this epoch to one process, in the ledger first
// (step 6), then to the process (step 7).
func (p *pass) offer(m *member, why string) {
	n, t := m.node(), m.target()
	replid := p.state.Mint.Replid
	p.led.History = append(p.led.History, Mastership{
		Epoch: p.led.Epoch, Replid: replid, Parent: n.Replid, ForkOffset: n.Offset,
	})
	if over := len(p.led.History) - HistoryLimit; over > 0 {
		p.led.History = slices.Clone(p.led.History[over:])
	}
	p.led.Grant = &Grant{Epoch: p.led.Epoch, Node: m.name, PodUID: t.PodUID, RunID: t.RunID, Replid: replid}
	p.led.Phase = PhaseOffered
	if m.rec == nil {
		p.led.Members = append(p.led.Members, MemberRecord{Name: m.name})
		p.index()
	}
	p.enroll(m)
	p.waits = nil // they were about this election
	cause := fmt.Sprintf("Epoch %d: ", p.led.Epoch)
	if strings.HasPrefix(p.led.Decision, cause) {
		cause = p.led.Decision + " "
	}
	p.decide(fmt.Sprintf("Offered epoch %d to %s", p.led.Epoch, t), "%s%s becomes master: %s.", cause, m.name, why)
	p.grantMaster(m)
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

// from is where the process of a grant must stand.
func (p *pass) from(g *Grant) Position {
	h := p.line.of(g.Epoch)
	return Position{Replid: h.Parent, Offset: h.ForkOffset}
}

func (p *pass) grantMaster(m *member) {
	g := p.led.Grant
	p.do(GrantMaster{
		Target: m.target(), GroupID: p.led.GroupID, Epoch: g.Epoch, Replid: g.Replid, From: p.from(g),
		Why: "the ledger offers it the master role",
	})
	p.wait(ReasonGranting, pollFast, "%s was offered the master role and has yet to take it.", m.name)
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
		p.retract()
		p.grantMaster(m)
	}
}

// missChosen handles a chosen process out of reach. It never took a write, so
// it needs no fencing; but what it holds was the best there is, so it is given
// up only for a candidate that holds as much.
func (p *pass) missChosen(m *member) {
	p.retract()
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
