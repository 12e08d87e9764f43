// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/espalier-io/espalier/node/guard"
	"github.com/espalier-io/espalier/node/repl"
)

// Port is where every node listens; its name is its address.
const Port = 6379

// Node is a place where a process runs, or does not, with what outlives the
// process.
type Node struct {
	Name   string
	Config repl.Config
	// Disk: the node keeps dumps and, managed, what it promised.
	Disk bool
	// Old: as a master it knows no PSYNC, and its processes are none of ours.
	Old bool
	// Follows is the node's directive replicaof, "" without one. Forgetful says
	// that it stays as it is when the role changes at run time.
	Follows   string
	Forgetful bool
	// Isolated: nothing from or to the node moves. See World.Isolate.
	Isolated bool

	w        *World
	dump     []byte // on the disk, nil without one
	group    string // identity of the directory
	promised uint64
	process  *Process
}

// AddNode adds a node, without a process.
func (w *World) AddNode(n Node) *Node {
	n.w = w
	n.Config.Port = Port
	w.nodes = append(w.nodes, &n)
	return &n
}

// Process is the running process, nil while there is none.
func (n *Node) Process() *Process { return n.process }

// Process is one run of a node, with its replication machine.
type Process struct {
	RunID string

	n         *Node
	w         *World
	m         *repl.Machine
	guard     *guard.Guard // nil unless managed
	data      dataset
	tainted   bool
	hold      bool // HoldWrites
	saving    bool
	dead      bool
	later     []repl.Event
	link      *masterLink
	sessions  map[repl.PeerID]*session
	lastPeer  repl.PeerID
	snapshots map[repl.SnapshotID]*snapshot

	audit audit
}

// Start runs a process, which reads its disk first.
func (n *Node) Start() *Process {
	w := n.w
	p := &Process{n: n, w: w, RunID: w.Draw(), data: newDataset(),
		sessions: make(map[repl.PeerID]*session), snapshots: make(map[repl.SnapshotID]*snapshot)}
	p.m = repl.New(n.Config, func() string {
		id := w.Draw()
		w.truth.drawnBy[id] = p
		return id
	})
	w.trace("%s starts", n.Name)
	n.process = p
	var at dump
	if n.dump != nil {
		var err error
		if at, err = decodeDump(n.dump); err != nil {
			w.Fail("%s: its own dump: %v", n.Name, err)
		}
		p.data, p.tainted = at.data.clone(), at.tainted && n.Config.Managed
	}
	if n.Config.Managed {
		p.guard = guard.New(p.RunID, "")
		if err := p.guard.Loaded(n.group, n.promised); err != nil {
			w.Fail("%s: %v", n.Name, err)
		}
	}
	p.m.Restore(p.facts(), at.at, at.db, n.Follows != "")
	p.audit.started(p, at.at)
	p.perform(p.m.Take())
	if !n.Config.Managed && n.Follows != "" {
		p.step(repl.SetMaster{Host: n.Follows, Port: Port})
	}
	p.check()
	w.After(w.Rand.Int64N(1000), p.tick)
	return p
}

// Crash ends the process at once. What it had not written to its disk is lost;
// the other ends of its connections hear of it, unless the machine is gone, too.
func (n *Node) Crash(silent bool) {
	p := n.process
	if p == nil {
		return
	}
	n.w.Stats.Crashes++
	n.w.trace("%s crashes, silently: %t", n.Name, silent)
	p.dead = true
	n.process = nil
	for _, x := range slices.Clone(n.w.wires) {
		if x.link.p != p && x.session.p != p {
			continue
		}
		x.silent = x.silent || silent
		if x.link.p == p {
			x.shutUp()
		}
		if x.session.p == p {
			x.shutDown()
		}
	}
}

// tick is the work of each second.
func (p *Process) tick() {
	if p.dead {
		return
	}
	p.dropStalled()
	p.step(repl.Tick{})
	p.w.After(1000, p.tick)
}

func (p *Process) facts() repl.Facts {
	return repl.Facts{
		Now: p.w.now, Keys: int64(len(p.data.keys)), Busy: p.busy(), Tainted: p.tainted,
		Quiet: p.hold || p.guard != nil && !p.guard.Writable(p.clock()),
	}
}

// busy tells whether a snapshot is being made, for whomever: there is one at a
// time.
func (p *Process) busy() bool {
	for _, s := range p.snapshots {
		if s.making {
			return true
		}
	}
	return p.saving
}

func (p *Process) clock() time.Duration { return time.Duration(p.w.now) * time.Millisecond }

// step lets the machine take an event, performs what it wants done, and looks
// whether all is well.
func (p *Process) step(e repl.Event) {
	if p.dead || p.w.err != nil {
		return
	}
	p.take(e)
	for len(p.later) > 0 && !p.dead {
		next := p.later[0]
		p.later = p.later[1:]
		p.take(next)
	}
	p.check()
}

func (p *Process) take(e repl.Event) {
	if p.w.Trace != nil {
		p.w.trace("%s < %T%s", p.n.Name, e, brief(e))
	}
	before := p.audit.before(p, e)
	effects := p.m.Step(p.facts(), e)
	p.audit.after(p, e, before, effects)
	p.perform(effects)
}

// brief shows an event or an effect in a line of the trace.
func brief(v any) string {
	text := fmt.Sprintf("%+v", v)
	switch v := v.(type) {
	case repl.Log:
		text = " " + v.Text
	case repl.Received:
		text = fmt.Sprintf(" link %d: %q", v.Link, v.Data)
	case repl.Send:
		text = fmt.Sprintf(" link %d: %q", v.Link, v.Data)
	case repl.Write:
		text = fmt.Sprintf(" peer %d: %q", v.Peer, v.Data)
	case repl.Payload:
		text = fmt.Sprintf(" link %d: %d bytes", v.Link, len(v.Data))
	case repl.Follow:
		text = fmt.Sprintf(" link %d in db %d: %.100q", v.Link, v.DB, v.Data)
	case repl.Replconf:
		text = fmt.Sprintf(" peer %d: %q", v.Peer, v.Args)
	case repl.Feed:
		text = fmt.Sprintf(" peer %d from %d", v.Peer, v.From.Offset())
	}
	return text[:min(len(text), 240)]
}

// perform does what the machine wants done, in that order.
func (p *Process) perform(effects []repl.Effect) {
	for _, effect := range effects {
		if p.w.Trace != nil {
			p.w.trace("%s > %T%s", p.n.Name, effect, brief(effect))
		}
		switch e := effect.(type) {
		case repl.HoldWrites:
			p.hold = e.On
		case repl.Log:
			if strings.Contains(e.Text, ": refused: ") {
				p.w.Stats.Refusals++
			}
		case repl.RoleChanged:
			p.roleChanged(e.Role)
		default:
			p.performUpstream(effect)
			p.performDownstream(effect)
		}
	}
}

// roleChanged makes the configuration say whom the node follows. What a master's
// data set holds is what its own history goes on from, whatever it was before.
func (p *Process) roleChanged(role repl.Role) {
	if role == repl.Master {
		p.tainted = false
	}
	if p.n.Forgetful || p.guard != nil {
		return
	}
	p.n.Follows = ""
	if up := p.m.Status(p.w.now).Upstream; up != nil {
		p.n.Follows = up.Host
	}
}

// Follow is REPLICAOF, by a person who means it.
func (p *Process) Follow(n *Node) {
	p.step(repl.SetMaster{Host: n.Name, Port: Port, By: "client", Consent: true})
	if !p.n.Forgetful {
		p.n.Follows = n.Name
	}
}

// Promote is REPLICAOF NO ONE.
func (p *Process) Promote() {
	p.w.Stats.Promotions++
	p.step(repl.UnsetMaster{By: "client"})
}

// Failover is FAILOVER, where that is possible; to may be nil for any replica.
func (p *Process) Failover(to *Node, force bool, timeout int64) {
	e := repl.Failover{Force: force, Timeout: timeout}
	if to != nil {
		e.Host, e.Port = to.Name, Port
	}
	if p.m.RefuseFailover(e) != "" {
		return
	}
	p.step(e)
	if timeout > 0 {
		p.w.After(timeout, func() { p.step(repl.FailoverDue{}) })
	}
}

// Do lets the machine take an event that its owner causes.
func (p *Process) Do(e repl.Event) { p.step(e) }

// Configure changes the configuration of the node, at once.
func (n *Node) Configure(change func(*repl.Config)) {
	change(&n.Config)
	if n.process != nil {
		n.process.m.Configure(n.Config)
		n.process.check()
	}
}

// Machine is the process's replication machine, to be looked at.
func (p *Process) Machine() *repl.Machine { return p.m }

// Same tells whether two processes hold the same.
func (p *Process) Same(o *Process) bool { return p.data.equal(&o.data) }

// Writable tells whether a client's write would be taken.
func (p *Process) Writable() bool {
	return !p.dead && p.m.Role() == repl.Master && !p.hold && (p.guard == nil || p.guard.Writable(p.clock()))
}

// Write executes commands as one unit: alone, or between MULTI and EXEC.
func (p *Process) Write(db int, commands ...[][]byte) {
	if !p.Writable() {
		return
	}
	p.w.Stats.Writes++
	for _, argv := range commands {
		p.data.apply(db, argv)
	}
	if p.m.Originates() {
		p.m.Select(db)
		p.m.Append(unit(commands))
		p.perform(p.m.Take())
		p.wake()
	}
	p.check()
}

// Save begins to write a dump to the disk; it is there a while later, unless the
// process has died by then. It must not replace a good one by nothing.
func (p *Process) Save() {
	if !p.n.Disk || p.busy() || p.guard != nil && (!p.guard.Serving() || p.position() == repl.Position{}) {
		return
	}
	p.saving = true
	p.w.trace("%s saves", p.n.Name)
	d := dump{tainted: p.tainted, data: p.data.clone()}
	if at, db, ok := p.m.SaveInfo(); ok {
		d.at, d.db = at, db
	}
	p.w.After(p.w.Rand.Int64N(2000), func() {
		p.saving = false
		if !p.dead {
			p.n.dump = d.encode(0)
		}
	})
}

// Taint lets a client of a writable replica write there.
func (p *Process) Taint() {
	if p.m.Role() == repl.Replica && p.guard != nil && !p.guard.Frozen() {
		p.w.trace("%s is written to locally", p.n.Name)
		p.data.apply(0, [][]byte{[]byte("SET"), []byte("local"), []byte(p.w.Draw())})
		p.tainted = true
	}
}

func (p *Process) position() repl.Position {
	h := p.m.History()
	return h.Position()
}
