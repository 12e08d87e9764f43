// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"github.com/espalier-io/espalier/node/controlapi"
	"github.com/espalier-io/espalier/node/guard"
	"github.com/espalier-io/espalier/node/repl"
)

// State is what the process tells its operator.
func (p *Process) State() controlapi.State {
	h := p.m.History()
	s := controlapi.State{RunID: p.RunID, Position: controlapi.Position(p.position()), LocalWrites: p.tainted, Keys: int64(len(p.data.keys))}
	if h.SecondOffset >= 0 {
		s.Replid2, s.Offset2 = h.Replid2, h.SecondOffset
	}
	s.Complete = s.Position != controlapi.Position{}
	p.guard.Describe(&s)
	if up := p.m.Status(p.w.now).Upstream; up != nil {
		switch {
		case up.Refused:
			s.Link = controlapi.LinkRefused
		case up.Up:
			s.Link = controlapi.LinkUp
		case up.Syncing:
			s.Link = controlapi.LinkSync
		default:
			s.Link = controlapi.LinkDown
		}
		s.LinkReason = up.Reason
	}
	return s
}

// Promise is the operator's word, as the engine obeys it.
func (p *Process) Promise(req controlapi.PromiseRequest) (controlapi.State, *controlapi.Refusal) {
	p.w.trace("%s < promise %d", p.n.Name, req.Epoch)
	move, refusal := p.guard.Promise(req)
	if refusal != nil {
		return controlapi.State{}, refusal
	}
	if move == guard.Freeze {
		p.step(repl.Freeze{})
		p.audit.froze(p)
	}
	p.identify()
	return p.State(), nil
}

// Grant is the operator's word, as the engine obeys it.
func (p *Process) Grant(req controlapi.GrantRequest) (controlapi.State, *controlapi.Refusal) {
	p.w.trace("%s < grant %+v", p.n.Name, req)
	move, refusal := p.guard.Grant(req, controlapi.Position(p.position()))
	if refusal != nil {
		return controlapi.State{}, refusal
	}
	p.audit.thawed()
	switch move {
	case guard.Lead:
		p.w.Stats.Promotions++
		p.w.truth.drawnBy[req.Replid] = p
		p.step(repl.UnsetMaster{Replid: req.Replid})
	case guard.Follow, guard.Replant:
		g := repl.Grant{Replid: req.Replid}
		for _, a := range req.Ancestors {
			g.Ancestors = append(g.Ancestors, repl.Position(a))
		}
		if req.Discard != nil {
			g.Discard = new(repl.Position(*req.Discard))
		}
		p.step(repl.SetMaster{Host: req.Upstream.Host, Port: req.Upstream.Port, Grant: &g})
	}
	p.identify()
	return p.State(), nil
}

// Renew is the operator's word, as the engine obeys it.
func (p *Process) Renew(req controlapi.RenewRequest) *controlapi.Refusal {
	p.w.trace("%s < renew %d", p.n.Name, req.Epoch)
	return p.guard.Renew(req, p.clock())
}

// Ack answers another master's question for this node's vote.
func (p *Process) Ack(req controlapi.AckRequest) (controlapi.Ack, *controlapi.Refusal) {
	return p.guard.Vote().Answer(req)
}

// Lease is the lease whose voters have to be asked, nil for none.
func (p *Process) Lease() *guard.Lease { return p.guard.Lease() }

// identify writes group and promise into the directory.
func (p *Process) identify() {
	if p.n.Disk {
		p.n.group, p.n.promised = p.guard.GroupID(), p.guard.Promised()
	}
}
