// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"slices"
	"sync/atomic"

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
	errOneAuthor   = "ERR the role of this node is granted by its operator: command not allowed"
)

// managed is the engine's side of an operator: the guard decides, this file
// asks it and does what follows. Without an operator (directive managed no) it
// only publishes the node's state.
type managed struct {
	e     *Engine
	on    bool
	guard *guard.Guard // nil without an operator

	identity    identity // of the data directory; zero without one
	localWrites bool     // the data set holds what is not of its history; dumps carry the mark
	recent      recency

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
	case flags&command.Write == 0:
	case g.Frozen():
		return errFenced
	case !g.Writable() && !m.e.replication.isReplica():
		return errNotOpen
	}
	return ""
}

// silent tells whether this node must put nothing of its own on the stream
// (PING, expiry): it has no role, is fenced or not open yet.
func (m *managed) silent() bool { return m.on && !m.guard.Writable() }

// barsSaving tells whether a dump on the disk may be better than what is in
// memory, so that it must stay: the node has not been granted a role, or holds
// nothing yet.
func (m *managed) barsSaving() bool {
	return m.on && (!m.guard.Serving() || m.e.replication.position() == repl.Position{})
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
	if err := m.guard.Loaded(groupID); err != nil {
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
		m.identify()
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
		m.identify()
		return nil
	})
}

// Renew opens a granted master for writes (control.Node).
func (e *Engine) Renew(req controlapi.RenewRequest) (controlapi.State, *controlapi.Refusal) {
	return e.managed.obey(func(m *managed) *controlapi.Refusal {
		was := m.guard.Writable()
		refusal := m.guard.Renew(req)
		if refusal == nil && !was {
			e.log.Noticef("Epoch %d is open: taking writes", req.Epoch)
		}
		return refusal
	})
}

// obey does what an operator said, under the lock, and answers with the state
// after it.
func (m *managed) obey(do func(*managed) *controlapi.Refusal) (controlapi.State, *controlapi.Refusal) {
	e := m.e
	e.Lock()
	defer e.Unlock()
	if !m.on {
		return controlapi.State{}, &controlapi.Refusal{
			Reason: controlapi.ReasonNotManaged, Message: "the node was started without the directive managed",
		}
	}
	e.BatchBegin()
	if refusal := do(m); refusal != nil {
		e.log.Warningf("Refused what the operator said: %v", refusal)
		return controlapi.State{}, refusal
	}
	e.BatchEnd()
	return m.publish().State, nil
}

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

// identify writes the group into a data directory that is to outlive the
// process. Where that fails, the directory stays without an identity, which an
// operator sees and takes for what it is: not durable.
func (m *managed) identify() {
	if len(m.e.cfg.Save) == 0 && !m.e.cfg.AppendOnly.Enabled || m.identity.GroupID == m.guard.GroupID() {
		return
	}
	id, err := writeIdentity(m.e.cfg.Dir, m.guard.GroupID())
	if err != nil {
		m.e.log.Warningf("Can't write the identity of the data directory: %v", err)
		return
	}
	m.identity = id
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
