// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Where the ledger cannot tell how things stand, because there is none or
// because it is an old one, the nodes are asked, all of them, and believed if
// they tell one story.

// begin makes the ledger of a group that has none: at once where nothing bears
// its names, else from what everyone reports.
func (p *pass) begin() {
	var witnesses []*member
	for _, m := range p.members {
		if m.seen.Claim != nil || m.seen.Pod != nil {
			witnesses = append(witnesses, m)
		}
	}
	if len(witnesses) == 0 {
		p.newLedger(p.state.Mint.GroupID, 1)
		p.decide("new group", "Epoch 1: the group begins, no claim and no pod bears its names.")
		for _, m := range p.members {
			p.needed[m.name] = true
		}
		p.pods()
		return
	}
	if p.allReport(witnesses) {
		p.adopt(witnesses)
	}
}

// epochGap is left where a data set's epoch is not known, because its process
// restarted and directories carry none: an epoch that was used must not be used
// again (I1).
const epochGap = 1000

// newLedger is a working ledger with the declared members in their places.
func (p *pass) newLedger(groupID string, epoch uint64) {
	p.led = &Ledger{GroupID: groupID, Epoch: epoch, Phase: PhaseFencing}
	p.index()
	p.reshape()
	p.changes, p.why = nil, nil
}

// allReport starts whoever can be asked, without a role as ever, and says
// whether everyone has answered.
func (p *pass) allReport(witnesses []*member) bool {
	var open []string
	for _, m := range witnesses {
		switch n := m.node(); {
		case n != nil && n.Managed && n.Phase != NodeLoading:
			continue
		case m.seen.Pod == nil && m.seen.Claim.Lost:
			open = append(open, m.name+" has a claim that lost its volume")
		case m.seen.Pod == nil:
			p.create(m, m.seen.Claim.GroupID)
			open = append(open, m.name+" is started")
		case m.stopped():
			p.clear(m, "its process ended, and its claim must be read")
			if m.seen.Claim != nil {
				open = append(open, m.name+" "+m.ending())
			}
		default:
			open = append(open, m.name+" "+m.silence())
		}
	}
	if len(open) > 0 {
		p.stall(ReasonLedgerMissing, "", "The group has no ledger, and data may be there: every member must report before a new one is made: %s.", strings.Join(open, "; "))
	}
	return len(open) == 0
}

// adopt rebuilds the ledger from reports that agree on one group and one
// lineage, or on what a person named.
func (p *pass) adopt(witnesses []*member) {
	groupID, held, err := p.agree(witnesses)
	if err != nil {
		p.stall(ReasonLedgerMissing, "", "The group has no ledger, and it cannot be rebuilt: %v. A person must decide which group id and claim to go on with.", err)
		return
	}
	var highest uint64
	for _, m := range witnesses {
		if n := m.node(); n != nil {
			highest = max(highest, n.Epoch, n.Promised)
		}
	}
	learnt, err := lineage{byReplid: map[string]int{}}.learn(held)
	if err != nil {
		p.stall(ReasonLedgerMissing, "", "The group has no ledger, and it cannot be rebuilt: %v. A person must decide which group id and claim to go on with.", err)
		return
	}
	for _, n := range held {
		if n.Epoch == 0 && n.Promised == 0 {
			highest += epochGap
			break
		}
	}
	highest = max(highest, uint64(len(learnt)))
	for i := range learnt {
		learnt[i].Epoch = highest - uint64(len(learnt)-1-i)
	}
	p.newLedger(groupID, highest+1)
	p.led.History = learnt
	p.led.EverOpen = highest > 0 || len(learnt) > 0
	p.led.AllMustReport = p.led.EverOpen
	for _, m := range witnesses {
		if p.led.Record(m.name) == nil {
			p.led.Members = append(p.led.Members, MemberRecord{Name: m.name})
		}
	}
	p.decide(fmt.Sprintf("rebuilt at epoch %d", p.led.Epoch),
		"The ledger was missing and is rebuilt at epoch %d from what all %d members of group %s reported.", p.led.Epoch, len(witnesses), groupID)
}

// agree finds the one group id of all reports, and the data sets that count.
func (p *pass) agree(witnesses []*member) (groupID string, held []NodeState, err error) {
	ids := map[string]string{} // group id → a member that bears it
	for _, m := range witnesses {
		if id := m.group(); id != "" {
			ids[id] = m.name
		}
		if n := m.node(); n != nil && (n.Keys > 0 || n.Offset > 0) {
			held = append(held, *n)
		}
	}
	if a := p.state.Spec.Adopt; a != nil {
		m := p.byName[a.Claim]
		if m == nil || m.node() == nil {
			return "", nil, fmt.Errorf("the claim of %s is to be adopted, and it does not report", a.Claim)
		}
		if id := m.group(); id != "" && id != a.GroupID {
			return "", nil, fmt.Errorf("group %s is to be adopted, and the claim of %s belongs to %s", a.GroupID, a.Claim, id)
		}
		return a.GroupID, []NodeState{*m.node()}, nil
	}
	switch {
	case len(ids) > 1:
		var told []string
		for _, id := range slices.Sorted(maps.Keys(ids)) {
			told = append(told, ids[id]+" belongs to group "+id)
		}
		return "", nil, fmt.Errorf("%s", strings.Join(told, ", "))
	case len(ids) == 0 && len(held) > 0:
		return "", nil, fmt.Errorf("there is data that bears no group id")
	case len(ids) == 0:
		return p.state.Mint.GroupID, nil, nil
	}
	for id := range ids {
		groupID = id
	}
	return groupID, held, nil
}

// relearn completes the history of an old ledger from what everyone reports,
// or from the claim that a person named. It says whether an election may go on.
func (p *pass) relearn() bool {
	named := p.state.Spec.Adopt
	var held []NodeState
	for _, m := range p.members {
		n := m.node()
		if n == nil && m.rec != nil && m.seen.Claim != nil {
			p.needed[m.name] = true // it may tell how the others fit together
		}
		if n == nil || n.Promised < p.led.Epoch || p.foreign(m) ||
			named != nil && named.GroupID == p.led.GroupID && named.Claim != m.name {
			continue // the ballot waits for it
		}
		if !p.empty(n) {
			held = append(held, *n)
		}
	}
	learnt, err := p.line.learn(held)
	if err != nil {
		p.stall(ReasonLedgerBehind, "", "The ledger is behind its nodes, and what they hold does not fit together: %v. A person must decide what to go on with: delete the pods and claims of all else, and the ledger too unless it knows what is left.", err)
		return false
	}
	if len(learnt) == 0 {
		return true
	}
	last := uint64(0)
	if n := len(p.led.History); n > 0 {
		last = p.led.History[n-1].Epoch
	}
	if p.led.Epoch-1 < last+uint64(len(learnt)) {
		// Every mastership took an epoch; then these cannot be of this group.
		p.stall(ReasonLedgerBehind, "", "The ledger is behind its nodes, and they report more masterships than there were epochs.")
		return false
	}
	for i := range learnt {
		learnt[i].Epoch = p.led.Epoch - uint64(len(learnt)-i)
		p.led.History = append(p.led.History, learnt[i])
	}
	p.change(fmt.Sprintf("learnt %d masterships", len(learnt)), "The ledger's history is completed from the nodes.")
	return true
}

// learn finds the histories that nodes know and the ledger does not, oldest
// first, if all are of one growth: every unknown one grew from the one before
// it, the first from the newest known. Each node knows its own history and the
// one that grew from. A replica tells as fork where it stood itself when it
// went over, which is the fork at most: the largest told counts.
func (l lineage) learn(held []NodeState) ([]Mastership, error) {
	found := map[string]Mastership{}
	for _, n := range held {
		if n.Replid == "" {
			return nil, fmt.Errorf("there is data without a place in any history")
		}
		for _, h := range toldBy(n) {
			if _, known := l.byReplid[h.Replid]; known {
				continue
			}
			switch f := found[h.Replid]; {
			case f.Parent != "" && h.Parent != "" && f.Parent != h.Parent:
				return nil, fmt.Errorf("history %s is told to have grown from %s and from %s", h.Replid, f.Parent, h.Parent)
			case f.Parent == "", h.Parent != "" && h.ForkOffset > f.ForkOffset:
				found[h.Replid] = h
			}
		}
	}
	var out []Mastership
	tip := ""
	if n := len(l.history); n > 0 {
		tip = l.history[n-1].Replid
	}
	for len(found) > 0 {
		next := Mastership{}
		for _, replid := range slices.Sorted(maps.Keys(found)) {
			if h := found[replid]; h.Parent == tip || tip != "" && l.descends(h.Parent, tip) {
				if next.Replid != "" {
					return nil, fmt.Errorf("histories %s and %s do not grow from each other", next.Replid, replid)
				}
				next = h
			}
		}
		if next.Replid == "" {
			return nil, fmt.Errorf("history %s does not grow from what is known", slices.Sorted(maps.Keys(found))[0])
		}
		out = append(out, next)
		delete(found, next.Replid)
		tip = next.Replid
	}
	return out, nil
}

// descends says whether known history a is b or an ancestor of b: a mastership
// that forked off it is a later one.
func (l lineage) descends(a, b string) bool {
	if a == b {
		return true
	}
	_, known := l.byReplid[a]
	return known && slices.ContainsFunc(l.ancestors(b), func(p Position) bool { return p.Replid == a })
}

// toldBy are the masterships that a node knows of: that of its own history,
// and the bare one before it.
func toldBy(n NodeState) []Mastership {
	if n.Replid2 == "" || strings.Trim(n.Replid2, "0") == "" || n.Offset2 < 1 {
		return []Mastership{{Replid: n.Replid, Opened: true}}
	}
	return []Mastership{
		{Replid: n.Replid2, Opened: true},
		{Replid: n.Replid, Parent: n.Replid2, ForkOffset: n.Offset2 - 1, Opened: true},
	}
}
