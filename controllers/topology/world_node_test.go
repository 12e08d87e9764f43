// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"errors"
	"slices"
)

// simNode is a process that obeys the rules of a managed node: quarantine,
// promise, grant, renewal and data-set shield.
type simNode struct {
	run, group      string
	promised, epoch uint64
	role            Role
	granted         string // replid of the grant
	open            bool
	pos             Position
	replid2         string
	offset2         int64
	log             []int // what it holds; its length is the offset
	complete, local bool
	loading         bool
	unmanaged       bool
	upstream        string
	ancestors       []Position
	discard         *Position
	link            Link
	linked          bool    // the link was up under the present grant
	dir             *simDir // nil without a claim
}

func (w *world) call(t Target, f func(*simNode) error) error {
	p := w.pods[t.Name]
	if p == nil || p.uid != t.PodUID || p.node == nil || !p.deafSince.IsZero() {
		return errors.New("unreachable")
	}
	return f(p.node)
}

func (n *simNode) refuses(groupID string) error {
	if n.loading || n.unmanaged {
		return errors.New("Loading or NotManaged")
	}
	if n.group != "" && n.group != groupID {
		return errors.New("WrongGroup")
	}
	return nil
}

func (n *simNode) promise(a Promise) error {
	if err := n.refuses(a.GroupID); err != nil {
		return err
	}
	if a.Epoch < n.promised || a.Epoch <= n.epoch && n.role != RoleNone {
		return errors.New("StaleEpoch")
	}
	n.group, n.promised = a.GroupID, a.Epoch
	if n.role == RoleReplica {
		n.link = LinkDown
	}
	return nil
}

func (w *world) grantMaster(n *simNode, a GrantMaster) error {
	switch {
	case n.refuses(a.GroupID) != nil:
		return errors.New("WrongGroup")
	case n.run != a.RunID:
		return errors.New("WrongRunID")
	case a.Epoch < n.promised || a.Epoch < n.epoch:
		return errors.New("StaleEpoch")
	case n.role != RoleNone && n.epoch == a.Epoch && (n.role != RoleMaster || n.granted != a.Replid):
		return errors.New("ReplidClash")
	case n.role == RoleMaster && n.epoch == a.Epoch:
		return nil
	case n.pos != a.From:
		return errors.New("WrongPosition")
	}
	if was := w.masters[a.Epoch]; was != "" && was != n.run {
		w.violated("I1: epoch %d has the masters %s and %s", a.Epoch, was, n.run)
	}
	w.masters[a.Epoch] = n.run
	w.checkElected(n)
	n.group, n.promised, n.epoch, n.role, n.granted = a.GroupID, a.Epoch, a.Epoch, RoleMaster, a.Replid
	n.open, n.upstream, n.link, n.linked, n.complete, n.local = false, "", LinkNone, false, true, false
	n.replid2, n.offset2 = n.pos.Replid, n.pos.Offset+1
	n.pos.Replid = a.Replid
	return nil
}

func (w *world) renew(n *simNode, a Renew) error {
	if n.run != a.RunID || n.role != RoleMaster || n.epoch != a.Epoch || n.promised > a.Epoch {
		return errors.New("NotGranted")
	}
	n.open, w.renewed = true, max(w.renewed, a.Epoch)
	return nil
}

func (n *simNode) grantReplica(a GrantReplica) error {
	switch {
	case n.refuses(a.GroupID) != nil:
		return errors.New("WrongGroup")
	case n.run != a.RunID:
		return errors.New("WrongRunID")
	case a.Epoch < n.promised || a.Epoch < n.epoch:
		return errors.New("StaleEpoch")
	case n.role != RoleNone && n.epoch == a.Epoch && (n.role != RoleReplica || n.granted != a.Replid):
		return errors.New("ReplidClash")
	}
	if n.role != RoleReplica || n.epoch != a.Epoch || n.upstream != a.Upstream.RunID {
		n.link, n.linked = LinkDown, false
	}
	n.group, n.promised, n.epoch, n.role, n.granted = a.GroupID, a.Epoch, a.Epoch, RoleReplica, a.Replid
	n.open, n.upstream, n.ancestors, n.discard = false, a.Upstream.RunID, a.Ancestors, a.Discard
	return nil
}

// replicate moves a replica on by one tick, through the data-set shield.
func (w *world) replicate(n *simNode, p *simPod) {
	up, upPod := w.process(n.upstream)
	if up == nil || p.cut || upPod.cut || up.role == RoleNone || !up.complete || up.pos.Replid != n.granted {
		n.link = LinkDown
		return
	}
	if !n.acceptable(up) {
		n.link = LinkRefused
		return
	}
	if n.link != LinkUp && n.link != LinkSync && w.halfSync && w.rand(2) == 0 {
		n.link = LinkSync
		return
	}
	n.checkDrop(w, up)
	to := len(up.log)
	if w.halfSync && n.pos.Replid == n.granted && to > len(n.log) {
		to = len(n.log) + 1 + w.rand(to-len(n.log))
	}
	n.turnOver()
	n.log = slices.Clone(up.log[:to])
	n.pos, n.complete, n.link, n.local, n.discard = Position{n.granted, int64(to)}, true, LinkUp, false, nil
	n.linked = true
}

// turnOver notes the history before as Redis does: who goes on where it stands
// keeps the history it comes from, up to its own offset; who takes the data set
// anew knows only the new one.
func (n *simNode) turnOver() {
	switch {
	case n.pos.Replid == n.granted:
	case n.discard == nil && len(n.ancestors) > 0 && n.pos.Replid == n.ancestors[0].Replid:
		n.replid2, n.offset2 = n.pos.Replid, n.pos.Offset+1
	default:
		n.replid2, n.offset2 = "", 0
	}
}

// acceptable is wall 3: the offered data set is on the granted mainline and not
// behind one's own, or the grant authorises the loss of what one holds.
func (n *simNode) acceptable(up *simNode) bool {
	if n.pos.IsZero() || n.discard != nil && *n.discard == n.pos {
		return true
	}
	if n.pos.Replid == n.granted {
		return up.pos.Offset >= n.pos.Offset
	}
	for _, a := range n.ancestors {
		if a.Replid == n.pos.Replid {
			return n.pos.Offset <= a.Offset && up.pos.Offset >= n.pos.Offset
		}
	}
	return false
}

func (n *simNode) writable() bool {
	return n.role == RoleMaster && n.open && n.promised == n.epoch
}

// checkDrop: what a replica gives up is in what it takes instead, or its loss
// was authorised by name (I3).
func (n *simNode) checkDrop(w *world, up *simNode) {
	if n.discard != nil && *n.discard == n.pos || n.local {
		return
	}
	if len(up.log) < len(n.log) || !slices.Equal(up.log[:len(n.log)], n.log) {
		w.violated("I3: %s drops %s for %s, which does not contain it", n.run, n.pos, up.pos)
	}
}
