// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"math"

	"github.com/espalier-io/espalier/node/controlapi"
	"github.com/espalier-io/espalier/node/repl"
)

// operator gives managed nodes their roles, by the order of the failover
// protocol and no more of it than the nodes can see: promises of all that run,
// the best position leads, renewal, the others follow. It is stopped anywhere in
// between, and begins with another epoch then.
type operator struct {
	c       *course
	shape   shape
	epoch   uint64
	master  *Process
	replid  string
	lineage map[string][]repl.Position // ancestors of each history, newest first
	ranks   map[string]int             // order in which the histories were granted
	quiet   bool                       // goes through with everything
}

const group = "g"

// turn looks at everything, once a second.
func (o *operator) turn() {
	o.c.After(1000, o.turn)
	if o.master == nil || o.master.dead || !o.master.guard.Opened() {
		o.failover()
		return
	}
	for i := range o.shape {
		o.adopt(i)
	}
}

// stops tells whether the operator dies before the next step.
func (o *operator) stops() bool { return !o.quiet && o.c.chance(15) }

// failover makes the best copy the master of a new epoch.
func (o *operator) failover() {
	o.epoch++
	o.master = nil
	var best *Process
	for _, n := range o.c.nodes {
		if o.stops() {
			return
		}
		p := n.process
		if p == nil {
			continue // dead, and its tail, if it has one, is given up below
		}
		if _, refusal := p.Promise(controlapi.PromiseRequest{GroupID: group, Epoch: o.epoch}); refusal != nil {
			o.c.Fail("%s refuses to promise epoch %d: %v", n.Name, o.epoch, refusal)
			return
		}
		if !p.tainted && (best == nil || o.better(p, best)) {
			best = p
		}
	}
	if best == nil || o.stops() {
		return
	}
	from := best.position()
	replid := o.c.Draw()
	o.lineage[replid] = append([]repl.Position{from}, o.lineage[from.Replid]...)
	if from == (repl.Position{}) {
		o.lineage[replid] = nil
	}
	o.ranks[replid] = int(o.epoch)
	if !o.grant(best, controlapi.GrantRequest{Role: controlapi.RoleMaster, From: controlapi.Position(from), Replid: replid}) || o.stops() {
		return
	}
	if refusal := best.Renew(controlapi.RenewRequest{GroupID: group, Epoch: o.epoch, RunID: best.RunID}); refusal != nil {
		o.c.Fail("%s refuses to be renewed: %v", best.n.Name, refusal)
	}
	o.master, o.replid = best, replid
}

// better compares positions: by the history's age, then the offset. What lies
// past the fork of a later history counts as the fork, which the later one has.
func (o *operator) better(p, q *Process) bool {
	a, b := p.position(), q.position()
	if o.ranks[a.Replid] != o.ranks[b.Replid] {
		return o.ranks[a.Replid] > o.ranks[b.Replid]
	}
	return a.Offset > b.Offset
}

func (o *operator) grant(p *Process, req controlapi.GrantRequest) bool {
	req.GroupID, req.Epoch, req.RunID = group, o.epoch, p.RunID
	if _, refusal := p.Grant(req); refusal != nil {
		o.c.Fail("%s refuses a grant: %v", p.n.Name, refusal)
		return false
	}
	return true
}

// adopt gives the node at a place of the shape its role, unless it has it. A
// tail that the master's history has not is given up by name, sooner or later.
func (o *operator) adopt(place int) {
	p := o.c.nodes[place].process
	if p == nil || p == o.master || o.stops() {
		return
	}
	if p.tainted && o.quiet && p.m.LinkUp() {
		// Local writes go with the next full sync, and that comes with a restart.
		p.n.Crash(false)
		p.n.Start()
		return
	}
	upstream := o.above(place)
	at := p.position()
	terms := repl.Grant{Replid: o.replid, Ancestors: o.lineage[o.replid]}
	newest := repl.Offer{Position: repl.Position{Replid: o.replid, Offset: math.MaxInt64}}
	lost := !repl.AcceptFullSync(repl.Own{Position: at}, newest, repl.Policy{Grant: &terms}).OK
	st := p.State()
	granted := st.Epoch == o.epoch && !st.Frozen && st.Upstream != nil && st.Upstream.Host == upstream.Name
	if granted && (st.Link == controlapi.LinkUp || !lost) || !o.quiet && lost && o.c.chance(3) {
		return
	}
	req := controlapi.GrantRequest{Role: controlapi.RoleReplica, Replid: o.replid,
		Upstream: &controlapi.Upstream{Host: upstream.Name, Port: Port, RunID: "x"}}
	for _, a := range o.lineage[o.replid] {
		req.Ancestors = append(req.Ancestors, controlapi.Position(a))
	}
	if lost {
		req.Discard = new(controlapi.Position(at))
	}
	o.grant(p, req)
}

// above is whom a place of the shape feeds from. The master may stand in any
// place: then the root of the shape feeds from it, and every way up still ends
// there.
func (o *operator) above(place int) *Node {
	if parent := o.shape[place]; parent >= 0 {
		return o.c.nodes[parent]
	}
	return o.master.n
}

// disturb is what the operator may be made to do.
func (o *operator) disturb(n *Node) {
	switch o.c.Rand.IntN(5) {
	case 0:
		o.failover() // for no reason: a switchover
	case 1, 2:
		o.move()
	case 3:
		if n.process != nil {
			n.process.Taint()
		}
	case 4:
		if n.process != nil && o.c.chance(2) {
			// An epoch that nobody else hears of.
			o.epoch++
			if _, refusal := n.process.Promise(controlapi.PromiseRequest{GroupID: group, Epoch: o.epoch}); refusal != nil {
				o.c.Fail("%s refuses to promise: %v", n.Name, refusal)
			}
			o.master = nil
		}
	}
}

// move takes another shape, as far as the nodes go.
func (o *operator) move() {
	for range 20 {
		if s := o.c.shapes[o.c.Rand.IntN(len(o.c.shapes))]; len(s) == len(o.shape) {
			o.shape = s
			return
		}
	}
}

// settle lets the operator end its work, on a shape.
func (o *operator) settle(s shape) {
	o.quiet = true
	o.shape = s
	o.c.trace("operator settles on %s", fmt.Sprint(s))
	if o.master != nil && o.c.chance(2) {
		o.failover()
	}
}
