// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"fmt"
	"strings"
)

// A gate is a named predicate that a decision about a member must pass. The
// lists below are all there are; DESIGN.md tells each under the same name.
type gate struct {
	name string
	// check gives a reason and a message to refuse, or an empty reason.
	check func(p *pass, m *member) (Reason, string)
}

// electionGates stand before a member becomes a candidate for the master role.
var electionGates = []gate{
	{"Managed", func(_ *pass, m *member) (Reason, string) {
		return refuseIf(!m.node().Managed, ReasonUnmanaged, "the process takes no grants")
	}},
	{"OwnGroup", func(p *pass, m *member) (Reason, string) {
		return refuseIf(p.foreign(m), ReasonForeignData, "the process or its claim belongs to group %s", m.group())
	}},
	{"Promised", func(p *pass, m *member) (Reason, string) {
		n := m.node()
		return refuseIf(n.Phase == NodeLoading || n.Promised < p.led.Epoch, ReasonNotPromised,
			"it has not promised epoch %d", p.led.Epoch)
	}},
	{"NotDead", func(_ *pass, m *member) (Reason, string) {
		return refuseIf(m.risen(), ReasonDeclaredDead, "the ledger has this process dead")
	}},
	{"HoldsData", func(p *pass, m *member) (Reason, string) {
		return refuseIf(p.empty(m.node()), ReasonEmpty, "it is empty")
	}},
	{"KnownLineage", func(p *pass, m *member) (Reason, string) {
		return refuseIf(p.stray(m.node()), ReasonForeignData,
			"it stands at %s, which is in no history of the ledger", m.node().Position)
	}},
	{"Complete", func(_ *pass, m *member) (Reason, string) {
		return refuseIf(!m.node().Complete, ReasonIncomplete, "its copy is not complete")
	}},
	{"NoLocalWrites", func(_ *pass, m *member) (Reason, string) {
		return refuseIf(m.node().LocalWrites, ReasonLocalWrites, "it took writes of its own as a writable replica")
	}},
}

// restartGates stand before the pod of a member is created (wall 1).
var restartGates = []gate{
	{"DeathRecorded", func(p *pass, m *member) (Reason, string) {
		unproven := m.rec != nil && m.rec.RunID != "" && !m.rec.Dead && !p.replaceable(m)
		return refuseIf(unproven, ReasonMemberUnreachable,
			"its last process %s was never proven dead, and its pod %s is gone", recRun(m), recPod(m))
	}},
	{"MasterFirst", func(p *pass, m *member) (Reason, string) {
		return refuseIf(p.led.Phase != PhaseOpen && !p.needed[m.name], ReasonMasterFirst,
			"a new master comes first, and can be made without it")
	}},
	{"ClaimUsable", func(p *pass, m *member) (Reason, string) {
		c := m.seen.Claim
		if c != nil && c.Lost {
			return ReasonClaimSilent, "its claim has lost its volume"
		}
		return refuseIf(c != nil && p.foreign(m), ReasonForeignData, "its claim belongs to group %s", m.group())
	}},
}

// releaseGates stand before a pod whose process had a role, and which is not
// proven dead although nothing more will come of it, is given up.
var releaseGates = []gate{
	{"Replaceable", func(p *pass, m *member) (Reason, string) {
		return refuseIf(!p.replaceable(m), ReasonMemberUnreachable,
			"its process %s is not proven dead, and no serving master makes up for it", recRun(m))
	}},
}

// moveGates stand before a replica is taken from an upstream that works.
var moveGates = []gate{
	{"OneInHand", oneInHand},
	{"OneDisruption", oneDisruption},
}

// removalGates stand before a working member that is no longer declared goes.
var removalGates = []gate{
	{"NotMaster", func(p *pass, m *member) (Reason, string) {
		return refuseIf(p.led.Phase != PhaseOpen || p.led.Grant.Node == m.name, ReasonMasterFirst, "it may be the master")
	}},
	{"MasterServes", func(p *pass, m *member) (Reason, string) {
		return refuseIf(!p.masterServes(), ReasonNoMasterNow, "no master serves")
	}},
	{"FeedsNobody", func(p *pass, m *member) (Reason, string) {
		var fed []string
		for _, c := range p.members {
			if c != m && p.upstream(c) == m {
				fed = append(fed, c.name)
			}
		}
		return refuseIf(len(fed) > 0, ReasonFeedsOthers, "%s feeds from it", strings.Join(fed, ", "))
	}},
	{"EnoughCopies", func(p *pass, m *member) (Reason, string) {
		if n := m.node(); n != nil && !n.Complete {
			return "", "" // it takes no copy away
		}
		left := p.otherCopies(m)
		return refuseIf(left < len(p.shape)-1, ReasonTooFewCopies,
			"only %d of %d replicas would be left with a complete copy", left, len(p.shape)-1)
	}},
	{"OneInHand", oneInHand},
	{"OneDisruption", oneDisruption},
}

// oneInHand lets a planned step begin only when every other declared replica
// that was granted and answers is linked up, and nobody is just being removed:
// one copy at a time is out of its line. One that the shield holds back is left
// out, it may stay so until a person helps.
func oneInHand(p *pass, m *member) (Reason, string) {
	for _, o := range p.members {
		n := o.node()
		if o == m || !o.placed() || n == nil || n.Role != RoleReplica || n.Epoch != p.led.Epoch {
			continue
		}
		if n.Link == LinkDown || n.Link == LinkSync {
			return ReasonOneInHand, fmt.Sprintf("%s is not linked up yet", o.name)
		}
	}
	for _, o := range p.members {
		if o != m && !o.placed() && o.seen.Pod != nil && o.seen.Pod.Terminating {
			return ReasonOneInHand, fmt.Sprintf("%s is being removed", o.name)
		}
	}
	return "", ""
}

func oneDisruption(p *pass, _ *member) (Reason, string) {
	return refuseIf(p.disrupted, ReasonOneInHand, "another step is taken first")
}

// passes asks the gates in order and notes the first refusal.
func (p *pass) passes(gates []gate, m *member) bool {
	for _, g := range gates {
		if reason, message := g.check(p, m); reason != "" {
			p.refusals = append(p.refusals, Refusal{Gate: g.name, Member: m.name, Reason: reason, Message: message})
			return false
		}
	}
	return true
}

// refusal is the newest one, for messages about it.
func (p *pass) refusal() Refusal { return p.refusals[len(p.refusals)-1] }

func refuseIf(cond bool, reason Reason, format string, args ...any) (Reason, string) {
	if !cond {
		return "", ""
	}
	return reason, fmt.Sprintf(format, args...)
}

// replaceable says that the loss of m's copy is made up for: a master serves,
// and it is another. Its process may live on unseen; with its old grant it can
// feed from the tree, never lead it.
func (p *pass) replaceable(m *member) bool {
	return p.masterServes() && p.led.Grant.Node != m.name
}

// masterServes says that the master of an open epoch answers and takes writes.
func (p *pass) masterServes() bool {
	if p.led == nil || p.led.Phase != PhaseOpen {
		return false
	}
	m := p.byName[p.led.Grant.Node]
	n := m.node()
	return n != nil && n.Role == RoleMaster && p.inLine(m, nil)
}

// otherCopies counts the replicas other than m that are in line, also those
// that leave as well.
func (p *pass) otherCopies(m *member) int {
	count := 0
	for _, o := range p.members {
		if o != m && o.name != p.led.Grant.Node && p.inLine(o, m) {
			count++
		}
	}
	return count
}

func (m *member) group() string {
	if n := m.node(); n != nil && n.GroupID != "" {
		return n.GroupID
	}
	if m.seen.Claim != nil {
		return m.seen.Claim.GroupID
	}
	return ""
}

func recRun(m *member) string {
	if m.rec == nil {
		return "(none)"
	}
	return m.rec.RunID
}

func recPod(m *member) string {
	if m.rec == nil {
		return "(none)"
	}
	return m.rec.PodUID
}
