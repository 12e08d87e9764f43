// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"fmt"
	"strings"
)

// LagBound is how many bytes a replica may be behind the master and still count
// as one that can take over: the default replication backlog (1 MiB), which is
// what a partial resync can make up for.
const LagBound = 1 << 20

// health tells how the group stands. It judges the observation, not the
// actions: those have yet to succeed.
func (p *pass) health() Health {
	h := Health{Declared: len(p.shape)}
	if l := p.state.Ledger; l != nil {
		h.Epoch, h.Decision = l.Epoch, l.Decision
	}
	noLedger := p.led == nil
	if noLedger {
		p.led = &Ledger{} // for reading only
		p.index()
	}
	serves := p.masterServes()
	if p.led.Phase == PhaseOpen {
		h.Master = p.led.Grant.Node
	}
	for _, m := range p.rows() {
		row := p.row(m, serves)
		if row.Ready && m.placed() {
			h.ReadyCount++
		}
		h.Members = append(h.Members, row)
	}
	h.Stalled = p.stalledFact()
	h.DataLost = p.dataLostFact()
	h.RestartSafe = p.restartSafeFact(serves, h.Members)
	if noLedger {
		h.RestartSafe = Fact{Unknown, ReasonLedgerMissing, "The group has no ledger."}
	}
	h.Ready = p.readyFact(serves, h)
	h.Reconciling = p.reconcilingFact(h)
	return h
}

// rows are the placed members in the order of the tree, then the others that
// exist.
func (p *pass) rows() []*member {
	rows := p.inOrder()
	for _, m := range p.members {
		if !m.placed() && m.seen.Pod != nil {
			rows = append(rows, m)
		}
	}
	return rows
}

func (p *pass) row(m *member, serves bool) MemberHealth {
	r := MemberHealth{Name: m.name, Lag: -1, Phase: p.phase(m)}
	n := m.node()
	if n == nil {
		r.Reason = m.silence()
		if m.stopped() {
			r.Reason = m.ending()
		}
		r.RestartSafe = serves && m.name != p.led.Grant.Node
		return r
	}
	r.Role, r.Offset, r.Link, r.Idle = n.Role, n.Offset, n.Link, n.Idle
	if up := p.upstream(m); up != nil {
		r.Upstream = up.name
	}
	if s := p.line.stand(n.Position); !p.empty(n) {
		r.Lineage = "foreign"
		if s.known && !p.foreign(m) {
			r.Lineage = fmt.Sprintf("%.8s@%d", n.Replid, p.line.history[p.line.byReplid[n.Replid]].Epoch)
			r.OnMainline = s.tail == 0
		}
		if serves && s.known {
			r.Lag = max(p.byName[p.led.Grant.Node].node().Offset-s.offset, 0)
		}
	}
	r.Persistence = n.Disk.String()
	r.Ready = p.serving(m)
	why := ""
	r.RestartSafe, why = p.restartSafe(m, serves)
	r.Reason = p.trouble(m, r.Ready)
	if r.Reason == "" {
		r.Reason = why
	}
	return r
}

func (p *pass) phase(m *member) string {
	switch {
	case m.node() != nil:
		return string(m.node().Phase)
	case m.seen.Pod == nil:
		return "Missing"
	case m.stopped():
		return "Dead"
	}
	return "Unreachable"
}

// String names the persistence that is really on.
func (d Disk) String() string {
	var on []string
	failing := false
	if d.AOF {
		on = append(on, strings.TrimSpace("AOF "+d.Fsync))
		failing = !d.AOFOK
	}
	if d.RDB {
		on = append(on, "RDB")
		failing = failing || !d.RDBOK
	}
	if len(on) == 0 {
		return "None"
	}
	s := strings.Join(on, ", ")
	if failing {
		s += " failing"
	}
	return s
}

// trouble tells why a member that answers is not ready.
func (p *pass) trouble(m *member, ready bool) string {
	switch n := m.node(); {
	case ready:
		return ""
	case !n.Managed:
		return "takes no grants: its pod was not started as a managed member"
	case p.foreign(m):
		return "belongs to group " + m.group()
	case p.stray(n):
		return fmt.Sprintf("holds data of no history of this group (%s)", n.Position)
	case m.risen():
		return "was declared dead"
	case n.Phase == NodeLoading:
		return "reads its disk"
	case n.Frozen:
		return fmt.Sprintf("promised epoch %d and stands still", n.Promised)
	case n.Role == RoleNone:
		return "waits for a role"
	case n.Role == RoleMaster:
		return "was granted the master role and is not open"
	case n.Link != LinkUp:
		return fmt.Sprintf("link to its upstream: %s", strings.TrimSpace(string(n.Link)+" "+n.LinkReason))
	case !n.Complete:
		return "has no complete copy yet"
	}
	return "was granted its role in another epoch"
}

// restartSafe says whether a member that answers may stop without loss.
func (p *pass) restartSafe(m *member, serves bool) (bool, string) {
	if !p.led.EverOpen || p.durable(m) {
		return true, ""
	}
	if !serves {
		return false, "no master serves, and its copy is not durable"
	}
	if m.name != p.led.Grant.Node {
		return true, "" // the master has all it has
	}
	if p.successor() == nil {
		return false, "it is not durable, and no complete and close replica can take over"
	}
	return true, ""
}

// durable as observed (safety.md): what is on works, and the directory is the
// claim's, with the identity that it had.
func (p *pass) durable(m *member) bool {
	n := m.node()
	d := n.Disk
	works := d.AOF && d.AOFOK || d.RDB && d.RDBOK
	same := m.rec != nil && (m.rec.DirID == d.DirID && d.DirID != "")
	return works && same && m.seen.Claim != nil && m.rec.ClaimUID == m.seen.Claim.UID
}

// successor is a replica that could take over from the serving master at once.
func (p *pass) successor() *member {
	master := p.byName[p.led.Grant.Node]
	for _, m := range p.members {
		n := m.node()
		if m != master && p.inLine(m, nil) && !n.LocalWrites && master.node().Offset-n.Offset <= LagBound {
			return m
		}
	}
	return nil
}

func (p *pass) stalledFact() Fact {
	for _, w := range p.waits {
		if w.stalled {
			return Fact{True, w.Reason, w.Message}
		}
	}
	return Fact{False, ReasonNotStalled, "Nothing needs help from outside."}
}

// Obstructed adds what was found only when the plan was performed: it cannot go
// on without a change from outside.
func (h *Health) Obstructed(reason Reason, message string) {
	if h.Stalled.Status == True {
		return
	}
	h.Stalled = Fact{True, reason, message}
	h.Reconciling = Fact{False, reason, "It cannot go on: see Stalled."}
}

func (p *pass) dataLostFact() Fact {
	switch p.lost {
	case lossTotal:
		return Fact{True, ReasonAllCopiesEmpty, "The group held data, and every copy of it is gone."}
	case lossUnknown:
		return Fact{Unknown, ReasonNotYetDetermined, "No copy is found yet; members have yet to report."}
	}
	return Fact{False, ReasonDataPresent, "No copy is missed."}
}

func (p *pass) restartSafeFact(serves bool, rows []MemberHealth) Fact {
	if !p.led.EverOpen {
		return Fact{True, ReasonNothingToLose, "No master was ever open: there is no data."}
	}
	var not []string
	for _, r := range rows {
		if !r.RestartSafe {
			not = append(not, r.Name)
		}
	}
	switch {
	case !serves && len(not) == 0:
		return Fact{False, ReasonNoMasterNow, "No master serves; those that answer keep what they hold on disk."}
	case !serves:
		return Fact{False, ReasonNoMasterNow, "No master serves. Not safe to restart: " + strings.Join(not, ", ") + "."}
	case len(not) > 0 && len(p.shape) == 1:
		return Fact{False, ReasonOnlyCopy, fmt.Sprintf("The master %s has the only copy, and it is not durable.", p.led.Grant.Node)}
	case len(not) > 0:
		return Fact{False, ReasonReplicasBehind, fmt.Sprintf("Not safe to restart: %s. The master is not durable, and no complete and close replica can take over.", strings.Join(not, ", "))}
	case p.successor() != nil:
		return Fact{True, ReasonReplicaCanTakeOver, fmt.Sprintf("%s can take over from %s.", p.successor().name, p.led.Grant.Node)}
	}
	return Fact{True, ReasonDurable, fmt.Sprintf("The disk of the master %s suffices.", p.led.Grant.Node)}
}

func (p *pass) readyFact(serves bool, h Health) Fact {
	count := fmt.Sprintf("%d of %d members are ready", h.ReadyCount, h.Declared)
	switch {
	case p.state.Deleting:
		return Fact{False, ReasonDeleting, "The group is being deleted."}
	case p.lost == lossTotal && h.Stalled.Status == True:
		return Fact{False, ReasonHalted, "Every copy of the data is gone, and the group stands still."}
	case !serves && h.Stalled.Status == True:
		return Fact{False, ReasonNoMaster, "Nobody is known to take writes. " + h.Stalled.Message}
	case !serves && (!p.led.EverOpen || p.coldStart()):
		return Fact{False, ReasonStarting, "No master yet; " + count + "."}
	case !serves:
		return Fact{False, ReasonFailingOver, "The master is being replaced; " + count + "."}
	case h.ReadyCount < h.Declared:
		return Fact{False, ReasonDegraded, count + "; not " + p.notReady(h) + "."}
	case p.misplaced() != "" || len(h.Members) > h.Declared:
		return Fact{False, ReasonReshaping, count + ", not yet in the declared shape."}
	}
	return Fact{True, ReasonHealthy, count + ", in the declared shape; " + h.Master + " is the master."}
}

// coldStart says that no member serves or ever had a role in this life.
func (p *pass) coldStart() bool {
	for _, m := range p.members {
		if n := m.node(); n != nil && n.Role != RoleNone {
			return false
		}
	}
	return true
}

func (p *pass) notReady(h Health) string {
	var not []string
	for _, r := range h.Members {
		if !r.Ready {
			not = append(not, r.Name+" ("+r.Reason+")")
		}
	}
	return strings.Join(not, ", ")
}

// misplaced is the first placed member whose upstream is not its parent.
func (p *pass) misplaced() string {
	for _, m := range p.inOrder() {
		if up := p.upstream(m); m.rec.Parent != "" && (up == nil || up.name != m.rec.Parent) {
			return m.name
		}
	}
	return ""
}

func (p *pass) reconcilingFact(h Health) Fact {
	switch {
	case h.Ready.Status == True && len(p.actions) == 0 && len(p.changes) == 0:
		return Fact{False, ReasonSettled, "The declared shape stands."}
	case h.Stalled.Status == True && len(p.actions) == 0:
		return Fact{False, h.Stalled.Reason, "It cannot go on: see Stalled."}
	}
	for _, w := range p.waits {
		if !w.stalled {
			return Fact{True, reconcilingReason(w.Reason), w.Message}
		}
	}
	if len(p.actions) == 0 && len(p.changes) == 0 {
		return Fact{True, ReasonSyncing, h.Ready.Message}
	}
	reason, what := ReasonGranting, "the ledger"
	for _, a := range p.actions {
		switch a := a.(type) {
		case CreatePod, CreateClaim:
			reason = ReasonCreatingMembers
		case DeletePod:
			reason = ReasonReplacing
			if a.Planned {
				reason = ReasonRemovingMembers
			}
		case GrantReplica:
			reason = ReasonSyncing
			if a.Moves {
				reason = ReasonReparenting
			}
		case Promise:
			reason = ReasonFencing
		default:
			continue
		}
		what = a.Member()
		break
	}
	return Fact{True, reason, "Under way: " + what + "."}
}

// reconcilingReason turns the reason of a wait into one of the condition's.
func reconcilingReason(r Reason) Reason {
	switch r {
	case ReasonPromises, ReasonMasterFirst, ReasonMasterSuspected:
		return ReasonFencing
	case ReasonFirstStart, ReasonUnschedulable:
		return ReasonWaitingForNodes
	case ReasonStopping:
		return ReasonReplacing
	case ReasonOneInHand:
		return ReasonReparenting
	case ReasonDeleting, ReasonDeleted:
		return ReasonRemovingMembers
	}
	return r
}
