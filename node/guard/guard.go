// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package guard decides what a managed node may be. It is a pure state
// machine: no clock, no I/O, no lock of its own (the engine calls it under the
// execution lock; a Lease and a Vote may be used without).
//
// A managed node starts, loads its disk, and has no role: it is quarantined.
// It serves after a grant, and only then; nothing but a grant ends the
// quarantine, no timeout and no client. The rules (the numbers are those of
// the project's invariants):
//
//   - A node belongs to one group. It learns which from its configuration, its
//     data directory or its first promise or grant, and refuses every other.
//   - It never goes below what it promised: a promise of epoch e bars every
//     grant of an epoch below e (I1), and freezes the node: a replica's link is
//     cut and a master takes no writes until the next grant (I6).
//   - A grant names the process. Another run id is another process, whatever
//     its address or its name (I4, I5).
//   - One epoch has one replid and gives a node one role (I1). Another upstream
//     under the same epoch is only a new place in the tree.
//   - A master is granted where it stands, exactly, and takes writes only after
//     a renewal, which its operator sends once the ledger says Open, and only
//     while it has a lease, if its grant names voters (lease.go).
//
// Start reading at Guard.Grant.
package guard

import (
	"fmt"
	"time"

	"github.com/espalier-io/espalier/node/controlapi"
)

// Guard is what a managed node was told. The zero value is not usable; see New.
type Guard struct {
	runID    string
	groupID  string
	loading  bool
	promised uint64

	// The grant that it serves under; role is RoleNone in quarantine.
	epoch    uint64
	role     controlapi.Role
	replid   string
	upstream controlapi.Upstream
	lineage  []controlapi.Position
	discard  *controlapi.Position
	open     bool
	lease    *Lease // nil: the master needs none
}

// New is the guard of a process that has not read its disk yet. groupID may be
// empty: the first promise or grant then names the group.
func New(runID, groupID string) *Guard {
	return &Guard{runID: runID, groupID: groupID, loading: true}
}

// Loaded ends the loading: from now on the node can be told what to be.
// groupID is the one that the data directory carries, "" for none, and promised
// the promise that was kept there; an error says that the directory belongs to
// another group than the configured one.
func (g *Guard) Loaded(groupID string, promised uint64) error {
	if groupID != "" && g.groupID != "" && groupID != g.groupID {
		return fmt.Errorf("the data directory belongs to group %s, this node to group %s", groupID, g.groupID)
	}
	if g.groupID == "" {
		g.groupID = groupID
	}
	g.promised = promised
	g.loading = false
	return nil
}

// Move is what the engine has to do after an accepted promise or grant.
type Move int

// The moves.
const (
	Stay    Move = iota // nothing: it was said before
	Freeze              // cut the upstream link, take no writes, let the position stand still
	Lead                // be the master: shift the history to Replid
	Follow              // be a replica of Upstream
	Replant             // be a replica, as before, of another Upstream
)

// Promise accepts no grant below the requested epoch any more.
func (g *Guard) Promise(req controlapi.PromiseRequest) (Move, *controlapi.Refusal) {
	switch {
	case g.loading:
		return Stay, refuse(controlapi.ReasonLoading, "the node is still reading its disk")
	case req.Epoch == 0 || req.GroupID == "":
		return Stay, refuse(controlapi.ReasonInvalid, "a promise needs a group and an epoch above 0")
	case g.foreign(req.GroupID):
		return Stay, g.wrongGroup(req.GroupID)
	case req.Epoch < g.promised || req.Epoch <= g.epoch && g.role != controlapi.RoleNone:
		return Stay, g.stale(req.Epoch)
	case req.Epoch == g.promised:
		return Stay, nil
	}
	g.groupID = req.GroupID
	g.promised = req.Epoch
	return Freeze, nil
}

// Grant gives the node a role. own is where its data set stands.
func (g *Guard) Grant(req controlapi.GrantRequest, own controlapi.Position) (Move, *controlapi.Refusal) {
	if r := g.refuseGrant(req); r != nil {
		return Stay, r
	}
	if r := refuseVoters(req); r != nil {
		return Stay, r
	}
	if req.Role == controlapi.RoleMaster {
		return g.grantMaster(req, own)
	}
	return g.grantReplica(req), nil
}

// refuseGrant holds what bars a grant of either role.
func (g *Guard) refuseGrant(req controlapi.GrantRequest) *controlapi.Refusal {
	switch {
	case g.loading:
		return refuse(controlapi.ReasonLoading, "the node is still reading its disk")
	case req.GroupID == "" || req.Epoch == 0 || len(req.Replid) != 40:
		return refuse(controlapi.ReasonInvalid, "a grant needs a group, an epoch above 0 and a replid of 40 digits")
	case (req.Role == controlapi.RoleReplica) != (req.Upstream != nil):
		return refuse(controlapi.ReasonInvalid, "a replica's grant needs an upstream, a master's has none")
	case req.Role != controlapi.RoleMaster && req.Role != controlapi.RoleReplica:
		return refuse(controlapi.ReasonInvalid, "unknown role %q", req.Role)
	case g.foreign(req.GroupID):
		return g.wrongGroup(req.GroupID)
	case req.RunID != g.runID:
		return refuse(controlapi.ReasonWrongRunID, "the grant is for process %s, this is %s", req.RunID, g.runID)
	case req.Epoch < g.promised || req.Epoch < g.epoch:
		return g.stale(req.Epoch)
	case g.role != controlapi.RoleNone && req.Epoch == g.epoch && (req.Replid != g.replid || req.Role != g.role):
		return refuse(controlapi.ReasonReplidClash, "epoch %d made this node %s of %s already", g.epoch, g.role, g.replid)
	}
	return nil
}

func (g *Guard) grantMaster(req controlapi.GrantRequest, own controlapi.Position) (Move, *controlapi.Refusal) {
	if g.role == controlapi.RoleMaster && req.Epoch == g.epoch {
		if !g.lease.same(req) {
			return Stay, refuse(controlapi.ReasonReplidClash, "epoch %d has other voters already", g.epoch)
		}
		return Stay, nil
	}
	if g.role != controlapi.RoleNone && g.promised != req.Epoch {
		return Stay, refuse(controlapi.ReasonNotGranted, "the node serves and did not promise epoch %d: its position may move", req.Epoch)
	}
	if own != req.From {
		return Stay, refuse(controlapi.ReasonWrongPosition, "the node stands at %s:%d, not at %s:%d",
			own.Replid, own.Offset, req.From.Replid, req.From.Offset)
	}
	g.take(req)
	g.upstream, g.lineage, g.discard = controlapi.Upstream{}, nil, nil
	return Lead, nil
}

func (g *Guard) grantReplica(req controlapi.GrantRequest) Move {
	move := Follow
	if g.role == controlapi.RoleReplica && req.Epoch == g.epoch {
		move = Replant
		if *req.Upstream == g.upstream && samePosition(req.Discard, g.discard) {
			move = Stay
		}
	}
	g.take(req)
	g.upstream, g.lineage, g.discard = *req.Upstream, req.Ancestors, req.Discard
	return move
}

func (g *Guard) take(req controlapi.GrantRequest) {
	g.groupID = req.GroupID
	g.epoch, g.promised = req.Epoch, req.Epoch
	g.role, g.replid = req.Role, req.Replid
	g.open = false
	g.lease = newLease(req)
}

// Renew opens a granted master for writes and prolongs its lease: from the
// nonce that comes back, which the master must have given out before now.
func (g *Guard) Renew(req controlapi.RenewRequest, now time.Duration) *controlapi.Refusal {
	switch {
	case g.foreign(req.GroupID):
		return g.wrongGroup(req.GroupID)
	case req.RunID != g.runID:
		return refuse(controlapi.ReasonWrongRunID, "the renewal is for process %s, this is %s", req.RunID, g.runID)
	case req.Epoch < g.promised:
		return g.stale(req.Epoch)
	case g.role != controlapi.RoleMaster || req.Epoch != g.epoch:
		return refuse(controlapi.ReasonNotGranted, "this node is not the master of epoch %d", req.Epoch)
	case g.lease != nil && (req.Nonce <= 0 || time.Duration(req.Nonce) > now):
		return refuse(controlapi.ReasonInvalid, "a renewal of a lease needs the nonce that this process gave out")
	}
	g.open = true
	if g.lease != nil {
		raise(&g.lease.renewed, req.Nonce)
	}
	return nil
}

// Serving tells whether the node has a role: reads may be answered.
func (g *Guard) Serving() bool { return g.role != controlapi.RoleNone }

// Frozen tells whether the node promised a higher epoch than it serves under:
// its position stands still.
func (g *Guard) Frozen() bool { return g.promised > g.epoch }

// Opened tells whether a master may take writes and originate stream bytes as
// far as its operator goes.
func (g *Guard) Opened() bool {
	return g.role == controlapi.RoleMaster && g.open && !g.Frozen()
}

// Writable is Opened while the lease lasts, if there is one.
func (g *Guard) Writable(now time.Duration) bool {
	return g.Opened() && (g.lease == nil || now < g.lease.End())
}

// Promised is the epoch below which no grant is accepted.
func (g *Guard) Promised() uint64 { return g.promised }

// Following gives the epoch under which the node is a replica, 0 where it is
// none.
func (g *Guard) Following() uint64 {
	if g.role != controlapi.RoleReplica {
		return 0
	}
	return g.epoch
}

// GroupID is the group that the node belongs to, "" before it knows.
func (g *Guard) GroupID() string { return g.groupID }

// Replid is the history that the grant names.
func (g *Guard) Replid() string { return g.replid }

// Upstream is whom a granted replica follows.
func (g *Guard) Upstream() controlapi.Upstream { return g.upstream }

// Lineage tells what a replica may take in: the histories that the granted one
// grew out of, newest first, and the position that it may give up.
func (g *Guard) Lineage() (ancestors []controlapi.Position, discard *controlapi.Position) {
	return g.lineage, g.discard
}

// Describe fills in what the guard knows of the node's state.
func (g *Guard) Describe(s *controlapi.State) {
	s.Managed = true
	s.GroupID = g.groupID
	s.Role, s.Epoch, s.Promised = g.role, g.epoch, g.promised
	s.Open = g.role == controlapi.RoleMaster && g.open
	s.Frozen = g.Frozen()
	switch {
	case g.loading:
		s.Phase = controlapi.PhaseLoading
	case g.role == controlapi.RoleNone:
		s.Phase = controlapi.PhaseQuarantined
	default:
		s.Phase = controlapi.PhaseServing
	}
	if g.role == controlapi.RoleReplica {
		up := g.upstream
		s.Upstream = &up
	}
}

func (g *Guard) foreign(groupID string) bool { return g.groupID != "" && groupID != g.groupID }

func (g *Guard) wrongGroup(groupID string) *controlapi.Refusal {
	return refuse(controlapi.ReasonWrongGroup, "this node belongs to group %s, not to %s", g.groupID, groupID)
}

func (g *Guard) stale(epoch uint64) *controlapi.Refusal {
	return refuse(controlapi.ReasonStaleEpoch, "epoch %d is over: promised %d, serving %d", epoch, g.promised, g.epoch)
}

func samePosition(a, b *controlapi.Position) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func refuse(reason controlapi.Reason, format string, args ...any) *controlapi.Refusal {
	return &controlapi.Refusal{Reason: reason, Message: fmt.Sprintf(format, args...)}
}
