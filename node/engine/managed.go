// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/espalier-io/espalier/node/command"
	"github.com/espalier-io/espalier/node/controlapi"
	"github.com/espalier-io/espalier/node/guard"
	"github.com/espalier-io/espalier/node/rdb"
	"github.com/espalier-io/espalier/node/repl"
)

// What clients of a managed node are told where Redis has no word for it. The
// codes are Redis's, so that clients do what they would do there: wait, or look
// for the master elsewhere.
const (
	errQuarantined = "LOADING This node has no role yet: it is waiting for a grant of its operator"
	errFenced      = "READONLY This node is no longer the master: it has promised a higher epoch"
	errNotOpen     = "NOREPLICAS This master does not take writes yet: it is waiting for its operator to open the epoch"
	errNoLease     = "NOREPLICAS This master takes no writes now: neither its operator nor most of its voters have confirmed it lately"
	errOneAuthor   = "ERR the role of this node is granted by its operator: command not allowed"
)

// managed is the engine's side of an operator: the guard decides, this file
// asks it and does what follows. Without an operator (directive managed no) it
// only publishes the node's state.
type managed struct {
	e     *Engine
	on    bool
	guard *guard.Guard // nil without an operator

	identity    identity   // of the data directory; zero without one
	identifying sync.Mutex // of those that write it
	localWrites bool       // the data set holds what is not of its history; dumps carry the mark
	recent      recency

	// now is the clock that leases are measured with, read once for a batch while
	// there is a lease.
	now   time.Duration
	lease atomic.Pointer[guard.Lease] // of the serving master; nil where there is none
	vote  atomic.Pointer[guard.Vote]

	leasedWrites uint64

	// published is the node's word about itself, taken anew with every turn of
	// the cron and every change of role, and read without the lock: busy is not
	// dead.
	published atomic.Pointer[report]
}

func (m *managed) init(e *Engine) {
	m.e, m.on = e, e.cfg.Managed
	if m.on {
		m.guard = guard.New(e.runID, e.cfg.ManagedGroupID)
	}
	m.publish()
}

// refuse bars what a node without a role, a fenced master or roles with one
// author must not do. Called on a managed node only.
func (m *managed) refuse(flags command.Flags) string {
	switch g := m.guard; {
	case flags&command.OneAuthor != 0:
		return errOneAuthor
	case !g.Serving():
		if flags&command.Unquarantine == 0 {
			return errQuarantined
		}
	case flags&(command.Write|command.MayReplicate) == 0:
	case g.Frozen():
		return errFenced
	case m.e.replication.isReplica():
	case !g.Opened():
		return errNotOpen
	case !g.Writable(m.now):
		return errNoLease
	}
	return ""
}

// readClock reads the clock of the lease for the batch that begins.
func (m *managed) readClock() {
	if m.lease.Load() != nil {
		m.now = bootTime()
	}
}

// silent tells whether this node must put nothing of its own on the stream
// (PING, expiry): it has no role, is fenced, not open yet or without its lease.
func (m *managed) silent() bool { return m.on && !m.guard.Writable(m.now) }

// barsSaving tells whether a dump on the disk may be better than what is in
// memory, so that it must stay: the node has not been granted a role, or holds
// nothing yet.
func (m *managed) barsSaving() bool {
	return m.on && (!m.guard.Serving() || m.e.replication.position() == repl.Position{})
}

// Guarded counts the writes under a lease (server.Handler).
func (e *Engine) Guarded() uint64 { return e.managed.leasedWrites }

// Release tells whether the lease under which writes were executed still lasts:
// the process may have stood still since (server.Handler). Called without the
// lock.
func (e *Engine) Release() bool {
	l := e.managed.lease.Load()
	return l != nil && bootTime() < l.End()
}

// wrote notes that clients of a replica changed its data set, or that half a
// transaction did: such a copy is barred from election until the next full sync
// replaces it.
func (m *managed) wrote() { m.localWrites = true }

// installed notes that a full sync has replaced the data set.
func (m *managed) installed() { m.localWrites = false }

// Fields of a dump's header: the group, and "1" for a data set that holds local
// writes.
const (
	auxGroup = "espalier-group"
	auxLocal = "espalier-local"
)

// restored takes over the mark of local writes from a dump.
func (m *managed) restored(h rdb.Header) {
	m.localWrites = m.on && slices.Contains(h.Extra, rdb.Aux{Name: auxLocal, Value: "1"})
}

// loaded ends the reading of the disk; h is the header of the dump that was
// found there, empty without one. An error stops the node: the directory is
// another group's.
func (m *managed) loaded(h rdb.Header) error {
	if !m.on {
		return nil
	}
	var err error
	if m.identity, err = readIdentity(m.e.cfg.Dir); err != nil {
		return err
	}
	groupID := m.identity.GroupID
	for _, aux := range h.Extra {
		if aux.Name == auxGroup && groupID == "" {
			groupID = aux.Value
		}
	}
	if err := m.guard.Loaded(groupID, m.identity.Promised); err != nil {
		return fmt.Errorf("%w. Give this node the directory of its own group, or an empty one", err)
	}
	m.publish()
	return nil
}

// dumpFields are fields of our own for the header of a dump.
func (m *managed) dumpFields() []rdb.Aux {
	if !m.on {
		return nil
	}
	var fields []rdb.Aux
	if id := m.guard.GroupID(); id != "" {
		fields = append(fields, rdb.Aux{Name: auxGroup, Value: id})
	}
	if m.localWrites {
		fields = append(fields, rdb.Aux{Name: auxLocal, Value: "1"})
	}
	return fields
}

// own is where the data set stands.
func (m *managed) own() controlapi.Position {
	return controlapi.Position(m.e.replication.position())
}

// Promise accepts no grant below an epoch any more (control.Node). Called
// without the lock, as are the two after it.
func (e *Engine) Promise(req controlapi.PromiseRequest) (controlapi.State, *controlapi.Refusal) {
	return e.managed.obey(func(m *managed) *controlapi.Refusal {
		frozen := m.guard.Frozen()
		move, refusal := m.guard.Promise(req)
		if refusal != nil || move == guard.Stay {
			return refusal
		}
		if !frozen {
			m.noteLink()
			m.recent.freeze(e.clock)
		}
		e.replication.freeze()
		e.log.Noticef("Promised epoch %d: standing still at %s:%d", req.Epoch, m.own().Replid, m.own().Offset)
		return nil
	})
}

// Grant takes a role (control.Node).
func (e *Engine) Grant(req controlapi.GrantRequest) (controlapi.State, *controlapi.Refusal) {
	return e.managed.obey(func(m *managed) *controlapi.Refusal {
		led := m.guard.Serving() && !e.replication.isReplica()
		move, refusal := m.guard.Grant(req, m.own())
		if refusal != nil {
			return refusal
		}
		m.recent.thaw()
		switch move {
		case guard.Lead:
			e.log.Noticef("Granted the master role of epoch %d at %s:%d, history %s",
				req.Epoch, req.From.Replid, req.From.Offset, req.Replid)
			e.replication.lead(req.Replid)
			m.localWrites = false // the data set is what the history goes on from
		case guard.Follow, guard.Replant:
			e.log.Noticef("Granted the replica role of epoch %d, history %s, upstream %s:%d",
				req.Epoch, req.Replid, req.Upstream.Host, req.Upstream.Port)
			e.replication.follow(req.Upstream.Host, req.Upstream.Port, m.acceptable())
			if led {
				e.dismissClients()
			}
		}
		return nil
	})
}

// Renew opens a granted master for writes (control.Node).
func (e *Engine) Renew(req controlapi.RenewRequest) (controlapi.State, *controlapi.Refusal) {
	return e.managed.obey(func(m *managed) *controlapi.Refusal {
		was := m.guard.Opened()
		refusal := m.guard.Renew(req, bootTime())
		if refusal == nil && !was {
			e.log.Noticef("Epoch %d is open: taking writes", req.Epoch)
		}
		return refusal
	})
}

// obey does what an operator said, under the lock, and answers with the state
// after it.
func (m *managed) obey(do func(*managed) *controlapi.Refusal) (controlapi.State, *controlapi.Refusal) {
	if !m.on {
		return controlapi.State{}, errUnmanaged
	}
	state, refusal := m.obeyLocked(do)
	if refusal == nil {
		m.identify()
	}
	return state, refusal
}

var errUnmanaged = &controlapi.Refusal{
	Reason: controlapi.ReasonNotManaged, Message: "the node was started without the directive managed",
}

// obeyLocked gives the state right after the deed.
func (m *managed) obeyLocked(do func(*managed) *controlapi.Refusal) (controlapi.State, *controlapi.Refusal) {
	e := m.e
	e.lockIdle()
	defer e.Unlock()
	e.BatchBegin()
	if refusal := do(m); refusal != nil {
		e.log.Warningf("Refused what the operator said: %v", refusal)
		return controlapi.State{}, refusal
	}
	m.lease.Store(m.guard.Lease())
	m.readClock()
	m.vote.Store(new(m.guard.Vote()))
	e.BatchEnd()
	r := m.publish()
	return r.asOf(r.taken), nil
}

// Ack answers a master that asks for this node's vote (control.Node). Like the
// two after it, it needs no lock: it goes on while a command runs.
func (e *Engine) Ack(req controlapi.AckRequest) (controlapi.Ack, *controlapi.Refusal) {
	vote := e.managed.vote.Load()
	if vote == nil {
		return controlapi.Ack{}, errUnmanaged
	}
	return vote.Answer(req)
}

// Lease is the lease whose voters have to be asked, nil for none
// (control.Candidate).
func (e *Engine) Lease() *guard.Lease { return e.managed.lease.Load() }

// LeaseClock is the clock that leases are measured with (control.Candidate).
func (e *Engine) LeaseClock() time.Duration { return bootTime() }

// acceptable is what the data-set shield lets this replica take in.
func (m *managed) acceptable() repl.Grant {
	ancestors, discard := m.guard.Lineage()
	g := repl.Grant{Replid: m.guard.Replid()}
	for _, a := range ancestors {
		g.Ancestors = append(g.Ancestors, repl.Position(a))
	}
	if discard != nil {
		g.Discard = new(repl.Position(*discard))
	}
	return g
}

// identify writes the group, and what was promised to it, into a data directory
// that is to outlive the process. Where that fails, the directory stays without
// an identity, which an operator sees and takes for what it is: not durable.
// Called without the lock, before the promise or grant is answered.
func (m *managed) identify() {
	m.identifying.Lock()
	defer m.identifying.Unlock()
	e := m.e
	e.Lock()
	dir, had, want := e.cfg.Dir, m.identity, identity{GroupID: m.guard.GroupID(), DirID: m.identity.DirID, Promised: m.guard.Promised()}
	kept := len(e.cfg.Save) > 0 || e.cfg.AppendOnly.Enabled
	e.Unlock()
	if !kept || want == had {
		return
	}
	if had.GroupID != want.GroupID {
		want.DirID = NewRunID()
	}
	err := writeIdentity(dir, want)
	e.Lock()
	defer e.Unlock()
	if err != nil {
		e.log.Warningf("Can't write the identity of the data directory: %v", err)
		return
	}
	m.identity = want
	m.publish()
}

// dismissClients closes the connections of everybody but replicas: clients of a
// demoted master find the new one when they connect again.
func (e *Engine) dismissClients() {
	for _, s := range e.sessions {
		if s.conn != nil && s.downstream == nil {
			s.close(false)
		}
	}
}
