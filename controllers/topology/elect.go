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

// Who becomes master: everyone is heard or bounded (ballot), the best is found
// (best), and made sure of (blocked); where there is no candidate at all, it is
// the first start, a cold start on the way, or the loss of everything (nobody).

// candidate may become master.
type candidate struct {
	member *member
	standing
	survivor bool // the process took part in the newest open epoch when that ended
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
			b.candidates = append(b.candidates, candidate{m, p.line.stand(n.Position), p.survived(n)})
			continue
		}
		switch r := p.refusal(); r.Reason {
		case ReasonNotPromised, ReasonUnmanaged:
			if n.Phase == NodeQuarantined && p.empty(n) {
				b.empty = append(b.empty, m) // and stays so without a grant
				continue
			}
			s := silent{m, p.bound(m)}
			if p.stray(n) {
				s.bound = math.MaxInt64 // the ledger, which bounds it, may be an old one
			}
			b.silent = append(b.silent, s)
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

// survived says that the process took part in the newest open epoch: it was its
// master, or its link was up. The grant alone makes no copy a recent one: a
// replica that was never linked holds what it loaded from its own disk.
func (p *pass) survived(n *NodeState) bool {
	return n.Epoch == p.line.newestEpoch() && (n.Role == RoleMaster || n.Linked)
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

// best is the candidate with the greatest position. Among equals: one that
// survived (it waits for nobody's claim), one without a lost tail, one that is
// declared, the one whose promotion moves the fewest others, the first by name.
func (p *pass) best(b ballot) candidate {
	moves := p.movesFor(b.candidates)
	return slices.MinFunc(b.candidates, func(x, y candidate) int {
		return cmp.Or(
			cmp.Compare(y.offset, x.offset),
			cmp.Compare(b2i(y.survivor), b2i(x.survivor)),
			cmp.Compare(min(x.tail, 1), min(y.tail, 1)),
			cmp.Compare(b2i(y.member.placed()), b2i(x.member.placed())),
			cmp.Compare(moves[x.member.name], moves[y.member.name]),
			byName(x.member.name, y.member.name),
		)
	})
}

// movesFor is how many members each of the candidates that stand foremost would
// move. In large groups only some are tried, those next to the former root
// first, so that a failover does not wait for the last bit of tidiness.
func (p *pass) movesFor(candidates []candidate) map[string]int {
	const tried = 16
	top := slices.MaxFunc(candidates, func(x, y candidate) int { return cmp.Compare(x.offset, y.offset) }).offset
	ties := slices.DeleteFunc(slices.Clone(candidates), func(c candidate) bool { return c.offset < top })
	slices.SortStableFunc(ties, func(x, y candidate) int {
		return cmp.Compare(p.depth(x.member), p.depth(y.member))
	})
	seats, moves := p.seats(), map[string]int{}
	for i, c := range ties {
		if i >= tried {
			moves[c.member.name] = math.MaxInt
			continue
		}
		crewed, gone := p.seatsFor(seats, c.member.name)
		moves[c.member.name] = p.shape.moves(crewed, c.member.name, gone)
	}
	return moves
}

// depth is how far below the root a member stands in the settled tree.
func (p *pass) depth(m *member) int {
	depth := 0
	for m != nil && m.recParent() != "" && depth < len(p.members) {
		m = p.byName[m.rec.Parent]
		depth++
	}
	return depth
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
	if p.disbelieve(b) {
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
// looks like that once every process has restarted and forgot its epoch. That
// there are candidates changes nothing: theirs may be the stale copies.
func (p *pass) disbelieve(b ballot) bool {
	if p.led.AllMustReport || !p.led.EverOpen {
		return false
	}
	for _, r := range b.barred {
		m := p.byName[r.Member]
		if !p.foreign(m) && p.stray(m.node()) {
			p.led.Epoch, p.led.AllMustReport = p.led.Epoch+epochGap, true
			p.decide(fmt.Sprintf("Fencing epoch %d, all must report", p.led.Epoch),
				"Epoch %d: %s holds a history that the ledger does not know, so the ledger may be an old one; every member must report before the next grant.",
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
