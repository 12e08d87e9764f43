// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"slices"

	"github.com/espalier-io/espalier/node/repl"
)

// course is what happens in one world: a tree of some shape is grown, disturbed
// for a while, and left alone, whereupon it must come together.
type course struct {
	*World
	operator *operator // nil: nodes that take their roles from people
	shapes   []shape
	large    bool // many writes are, so that backlogs overflow
}

const (
	calmSeconds = 90 // in which all data sets must have become equal
	timeout     = 10 // repl-timeout, in seconds
)

// newCourse draws everything that stays the same in a world.
func newCourse(seed uint64, all []shape) *course {
	c := &course{World: NewWorld(seed), shapes: all}
	r := c.Rand
	first := all[seed%uint64(len(all))]
	cfg := repl.Config{
		Timeout: timeout, PingPeriod: 1 + r.Int64N(4), MinReplicasMaxLag: 5,
		BacklogSize: repl.MinBacklogSize, BacklogTTL: []int64{0, 5, 20}[r.IntN(3)],
		Protect:  r.IntN(3) == 0,
		Diskless: r.IntN(2) == 0, DisklessDelay: r.Int64N(3), DisklessMaxReplicas: r.IntN(3),
		DisklessLoad: repl.DisklessLoad(r.IntN(3)),
	}
	if r.IntN(4) == 0 {
		cfg.HardLimit, cfg.SoftLimit, cfg.SoftSeconds = 64<<10, 32<<10, 2
	}
	if r.IntN(3) == 0 {
		cfg.Managed, cfg.Protect = true, false
		c.operator = &operator{c: c, lineage: make(map[string][]repl.Position), ranks: make(map[string]int)}
	}
	c.large = r.IntN(3) == 0
	forgetful, old := r.IntN(3) == 0, c.operator == nil && !cfg.Protect && r.IntN(8) == 0
	disks := r.IntN(3) // none, some, all
	for i := range first {
		c.AddNode(Node{Name: fmt.Sprintf("n%d", i), Config: cfg, Forgetful: forgetful, Old: old && i == 0,
			Disk: disks == 2 || disks == 1 && r.IntN(2) == 0})
	}
	return c
}

// run gives the violation, if there was one.
func (c *course) run(seed uint64) error {
	for _, n := range c.Nodes() {
		n.Start()
	}
	first := c.shapes[seed%uint64(len(c.shapes))]
	if c.operator != nil {
		c.operator.shape = first
		c.After(0, c.operator.turn)
	} else {
		c.plant(first)
	}
	c.After(0, c.write)
	c.Run(c.Rand.Int64N(10_000))
	stop := c.now + 10_000 + c.Rand.Int64N(40_000)
	pace := 200 + c.Rand.Int64N(3000)
	for c.Err() == nil && c.now < stop {
		c.disturb()
		c.Run(c.Rand.Int64N(pace))
	}
	c.settle()
	return c.Err()
}

// plant makes the nodes a tree, by people's orders; those that are down miss it.
func (c *course) plant(s shape) {
	for i, parent := range s {
		p := c.nodes[i].process
		switch {
		case p == nil:
		case parent < 0:
			p.Promote()
		default:
			p.Follow(c.nodes[parent])
		}
	}
}

func (c *course) any() *Node { return c.nodes[c.Rand.IntN(len(c.nodes))] }

// write is the work of clients, all over the tree.
func (c *course) write() {
	if p := c.any().process; p != nil && p.Writable() {
		var commands [][][]byte
		for range 1 + max(0, c.Rand.IntN(8)-5) {
			commands = append(commands, c.command())
		}
		p.Write(c.Rand.IntN(3), commands...)
	}
	c.After(c.Rand.Int64N(150), c.write)
}

func (c *course) command() [][]byte {
	size := c.Rand.IntN(200)
	switch n := c.Rand.IntN(40); {
	case n == 0:
		return [][]byte{[]byte("FLUSHALL")}
	case c.large && n < 8:
		size = c.Rand.IntN(12 << 10)
	}
	value := fmt.Appendf(make([]byte, 0, size+24), "%x ", c.Rand.Uint64())
	return [][]byte{[]byte("SET"), fmt.Appendf(nil, "k%d", c.Rand.IntN(20)), append(value, make([]byte, size)...)}
}

// disturb does something to somebody.
func (c *course) disturb() {
	n := c.any()
	p := n.process
	switch c.Rand.IntN(20) {
	case 0, 1, 2, 3, 4:
		c.Cut()
	case 5:
		c.Hang(0)
	case 6:
		c.Hang(c.Rand.Int64N(2 * timeout * 1000))
	case 7:
		if !n.Isolated {
			c.Isolate(n, true)
			c.After(c.Rand.Int64N(2*timeout*1000), func() { c.Isolate(n, false) })
		}
	case 8, 9, 10:
		if p != nil {
			n.Crash(c.chance(3))
			c.After(c.Rand.Int64N(5000)*c.Rand.Int64N(3), func() {
				if n.process == nil {
					n.Start()
				}
			})
		}
	case 11, 12:
		if p != nil {
			p.Save()
		}
	case 13:
		if p != nil {
			p.Do(repl.AskAcks{})
		}
	case 14:
		n.Configure(func(cfg *repl.Config) {
			cfg.Diskless = !cfg.Diskless
			cfg.BacklogSize = repl.MinBacklogSize * (1 + c.Rand.Int64N(3))
		})
	default:
		if c.operator != nil {
			c.operator.disturb(n)
		} else if p != nil {
			c.order(p)
		}
	}
}

// order is what a person may tell a node.
func (c *course) order(p *Process) {
	switch c.Rand.IntN(12) {
	case 0, 1, 2, 3:
		p.Follow(c.any()) // even itself, or one of its own replicas
	case 4, 5:
		p.Promote()
	case 6, 7:
		c.Stats.Handovers++
		p.Failover(nil, false, c.Rand.Int64N(3)*2000)
	case 8:
		c.Stats.Handovers++
		p.Failover(c.any(), c.chance(2), 1+c.Rand.Int64N(3000))
	case 9:
		p.Do(repl.AbortFailover{})
	case 10:
		// Replicas that are attached would go on under the old name, as in Redis.
		if p.m.Role() == repl.Master && p.m.Attached() == 0 {
			p.Do(repl.ChangeReplid{})
		}
	case 11:
		other := c.shapes[c.Rand.IntN(len(c.shapes))]
		if len(other) == len(c.nodes) {
			c.plant(other)
		}
	}
}

// settle ends all disturbances and asks for one tree. Within bounded time
// everybody must hold what its root holds, and from then on follow it without
// another full sync.
func (c *course) settle() {
	c.Calm()
	c.trace("calm from here on")
	for _, x := range slices.Clone(c.wires) {
		x.hung = false
	}
	for _, n := range c.nodes {
		c.Isolate(n, false)
		if n.process == nil {
			n.Start()
		}
		n.process.Do(repl.AbortFailover{}) // one without a timeout waits for ever
	}
	last := c.shapes[c.Rand.IntN(len(c.shapes))]
	for len(last) != len(c.nodes) {
		last = c.shapes[c.Rand.IntN(len(c.shapes))]
	}
	if c.operator != nil {
		c.operator.settle(last)
	} else {
		c.plant(last)
		c.After(1000, func() { c.insist(last) })
	}
	c.comeTogether("after the disturbances", calmSeconds)
	if c.Err() != nil {
		return
	}
	installs := c.Stats.Installs
	root := c.root()
	if root == nil {
		return
	}
	root.Write(0, c.command())
	root.Write(2, c.command(), c.command())
	c.comeTogether("after the last writes", 10)
	// Without PSYNC, a link that was half open until now can't be resumed.
	if c.Stats.Installs != installs && !c.nodes[0].Old {
		c.Fail("a whole data set was sent, although nothing was disturbed any more")
	}
}

// insist repeats an order to who refuses to give up its data set for it: consent
// counts for what is offered from then on.
func (c *course) insist(s shape) {
	for i, n := range c.nodes {
		if up := n.process.m.Status(c.now).Upstream; up != nil && up.Refused && s[i] >= 0 {
			n.process.Follow(c.nodes[s[i]])
		}
	}
	c.After(1000, func() { c.insist(s) })
}

// root is the master that all others feed from, nil as long as there are none or
// several.
func (c *course) root() (root *Process) {
	for _, n := range c.nodes {
		if n.process.m.Role() == repl.Replica {
			continue
		}
		if root != nil {
			return nil
		}
		root = n.process
	}
	return root
}

func (c *course) comeTogether(when string, seconds int64) {
	if c.Until(seconds*1000, c.together) || c.Err() != nil {
		return
	}
	text := ""
	for _, n := range c.nodes {
		h := n.process.m.History()
		text += fmt.Sprintf("\n%s: role %d, %s:%d, sum %x", n.Name, n.process.m.Role(), short(h.Replid), h.Offset, n.process.data.sum)
		if up := n.process.m.Status(c.now).Upstream; up != nil {
			text += fmt.Sprintf(", %s %s (%s)", up.State, up.Host, up.Reason)
		}
	}
	c.Fail("%s the data sets did not become equal within %d seconds:%s", when, seconds, text)
}

func (c *course) together() bool {
	root := c.root()
	if root == nil {
		return false
	}
	for _, n := range c.nodes {
		if p := n.process; p != root && (!p.m.LinkUp() || !p.Same(root)) {
			return false
		}
	}
	return true
}
