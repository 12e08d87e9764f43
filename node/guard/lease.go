// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/espalier-io/espalier/node/controlapi"
)

// Lease is a master's right to take writes for a while (wall 4). It lasts until
// the later of two times plus its length: that of the newest nonce which the
// operator sent back, and that of the newest nonce which a majority of the
// voters has acknowledged, the master itself, which agrees now, among them.
//
// A nonce is the master's own clock at the moment at which it was given out. So
// an answer counts from the sending of its question, however late it arrives,
// and nothing has to be remembered for it. The clock is one that goes on while
// the machine sleeps, and is told to the guard as the time since some moment.
//
// A lease belongs to one grant. Unlike the guard it may be used from everywhere
// at once: voters are asked and heard while a long command runs.
type Lease struct {
	length  time.Duration
	ask     controlapi.AckRequest
	voters  []controlapi.Voter // without the master itself
	acked   []atomic.Int64     // by voter: the newest nonce that came back; 0: none
	renewed atomic.Int64       // the newest nonce that the operator sent back
}

func newLease(req controlapi.GrantRequest) *Lease {
	if req.LeaseMillis == 0 {
		return nil
	}
	return &Lease{
		length: time.Duration(req.LeaseMillis) * time.Millisecond,
		ask:    controlapi.AckRequest{GroupID: req.GroupID, Epoch: req.Epoch, Replid: req.Replid},
		voters: slices.Clone(req.Voters),
		acked:  make([]atomic.Int64, len(req.Voters)),
	}
}

// Every is how often to ask the voters.
func (l *Lease) Every() time.Duration { return l.length / 3 }

// Voters are whom to ask.
func (l *Lease) Voters() []controlapi.Voter { return l.voters }

// Question is what to ask them now.
func (l *Lease) Question(now time.Duration) controlapi.AckRequest {
	q := l.ask
	q.Nonce = int64(now)
	return q
}

// Acknowledged takes note of an answer. One to a question of another epoch, or
// that cannot have been asked yet, counts for nothing, and nor does that of a
// process which is no voter: one that was started anew has forgotten what it
// promised.
func (l *Lease) Acknowledged(ack controlapi.Ack, now time.Duration) {
	if ack.Epoch != l.ask.Epoch || time.Duration(ack.Nonce) > now {
		return
	}
	for i := range l.voters {
		if l.voters[i].RunID == ack.RunID {
			raise(&l.acked[i], ack.Nonce)
		}
	}
}

func raise(a *atomic.Int64, to int64) {
	for {
		was := a.Load()
		if was >= to || a.CompareAndSwap(was, to) {
			return
		}
	}
}

// End is when the lease ends, as far as is known now; 0 if it never began.
func (l *Lease) End() time.Duration {
	newest := l.renewed.Load()
	var acks [maxVoters]int64
	heard := acks[:0]
	for i := range l.acked {
		heard = append(heard, l.acked[i].Load())
	}
	slices.Sort(heard)
	others := (len(heard) + 1) / 2 // who must agree with the master for most to agree
	newest = max(newest, heard[len(heard)-others])
	if newest == 0 {
		return 0
	}
	return time.Duration(newest) + l.length
}

// maxVoters bounds the voters beside the master: five of them all told stand two
// failures.
const maxVoters = 4

// refuseVoters holds what is wrong with the terms of a lease.
func refuseVoters(req controlapi.GrantRequest) *controlapi.Refusal {
	switch {
	case req.LeaseMillis < 0 || req.LeaseMillis == 0 && len(req.Voters) > 0:
		return refuse(controlapi.ReasonInvalid, "voters need a lease of some length")
	case req.LeaseMillis > 0 && req.Role != controlapi.RoleMaster:
		return refuse(controlapi.ReasonInvalid, "a lease is a master's")
	case req.LeaseMillis > 0 && (len(req.Voters) == 0 || len(req.Voters) > maxVoters):
		return refuse(controlapi.ReasonInvalid, "a lease needs one to %d voters beside the master, not %d", maxVoters, len(req.Voters))
	}
	seen := map[string]bool{req.RunID: true}
	for _, v := range req.Voters {
		if v.RunID == "" || seen[v.RunID] {
			return refuse(controlapi.ReasonInvalid, "the voters must be different processes, and none of them the master: %q", v.RunID)
		}
		seen[v.RunID] = true
	}
	return nil
}

// same tells whether a grant has the terms that are known. They are frozen for
// the epoch: others are another epoch.
func (l *Lease) same(req controlapi.GrantRequest) bool {
	if l == nil {
		return req.LeaseMillis == 0
	}
	return l.length == time.Duration(req.LeaseMillis)*time.Millisecond &&
		slices.EqualFunc(l.voters, req.Voters, func(a, b controlapi.Voter) bool { return a.RunID == b.RunID })
}

// Lease is the lease of a serving master, nil where there is none: it needs
// none, or has promised a higher epoch, which ended it.
func (g *Guard) Lease() *Lease {
	if g.role != controlapi.RoleMaster || g.Frozen() {
		return nil
	}
	return g.lease
}

// Vote is what a node knows when it is asked to acknowledge: a copy, so that it
// answers while a command runs. It must be taken anew before a promise is
// answered.
type Vote struct {
	runID, groupID  string
	role            controlapi.Role
	epoch, promised uint64
	replid          string
}

// Vote is the node's vote as of now.
func (g *Guard) Vote() Vote {
	return Vote{g.runID, g.groupID, g.role, g.epoch, g.promised, g.replid}
}

// Answer acknowledges a master's question: this node follows that mastership
// and has promised no other.
func (v Vote) Answer(req controlapi.AckRequest) (controlapi.Ack, *controlapi.Refusal) {
	switch {
	case v.groupID == "" || req.GroupID != v.groupID:
		return controlapi.Ack{}, refuse(controlapi.ReasonWrongGroup, "this node belongs to group %q, not to %q", v.groupID, req.GroupID)
	case req.Epoch < v.promised:
		return controlapi.Ack{}, refuse(controlapi.ReasonStaleEpoch, "epoch %d is over: promised %d", req.Epoch, v.promised)
	case v.role != controlapi.RoleReplica || req.Epoch != v.epoch || req.Replid != v.replid:
		return controlapi.Ack{}, refuse(controlapi.ReasonNotGranted, "this node follows no master of epoch %d with history %s", req.Epoch, req.Replid)
	}
	return controlapi.Ack{RunID: v.runID, Epoch: req.Epoch, Nonce: req.Nonce}, nil
}
