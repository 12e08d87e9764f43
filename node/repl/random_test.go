// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package repl

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/espalier-io/espalier/node/resp"
)

var (
	seeds = flag.Int("seeds", 60, "how many random runs")
	seed  = flag.Uint64("seed", 0, "one run only, with its log")
)

// TestRandomTrees lets machines replicate among each other over links that
// break and deliver in pieces, while masters are written to, restarted and
// changed for others. In the end everything must have come together: the same
// data, byte for byte, and the same offsets. On the way, whoever stands at the
// same offset of the same history must hold the same data.
func TestRandomTrees(t *testing.T) {
	if *seed != 0 {
		newWorld(t, *seed).run()
		return
	}
	for n := range *seeds {
		w := newWorld(t, uint64(n+1))
		w.quiet = true
		if w.run(); t.Failed() {
			t.Fatalf("the run can be repeated with -seed %d", n+1)
		}
	}
}

// world is a handful of nodes and the links between them.
type world struct {
	t     *testing.T
	r     *rand.Rand
	now   int64
	quiet bool
	nodes []*node
	wires []*wire
	ids   int
	seen  map[Position]uint64 // hash of the data at each position ever reached
}

// node is a machine with a data set: the write commands that made it, in their
// order, each with its database.
type node struct {
	w    *world
	name string
	m    *Machine
	data []byte
	hash uint64 // of data

	link     LinkID
	wire     *wire // to the master
	stream   *Stream
	incoming []byte // snapshot being received
	loaded   []byte
	queued   []byte // commands of an open transaction

	peers     map[PeerID]*wire
	lastPeer  PeerID
	snapshots map[SnapshotID][]byte
	making    []Cut
}

// wire is a connection between a replica and its master; each direction holds
// the bytes that are under way.
type wire struct {
	replica, master *node
	link            LinkID
	peer            PeerID
	up, down        []byte
	parser          resp.Parser
	cursor          *Cursor
	file            bool // a transfer is under way: TransferDone when down is empty
	dead            bool
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, r: rand.New(rand.NewPCG(seed, 1)), now: 1_000_000, seen: make(map[Position]uint64)}
	for i := range 5 {
		w.nodes = append(w.nodes, w.start(fmt.Sprintf("n%d", i)))
	}
	return w
}

func (w *world) start(name string) *node {
	n := &node{w: w, name: name}
	cfg := Config{Port: 1, Timeout: 30, PingPeriod: 3, BacklogTTL: 20, MinReplicasMaxLag: 10,
		BacklogSize: MinBacklogSize, Diskless: w.r.IntN(2) == 0, DisklessDelay: int64(w.r.IntN(3))}
	n.m = New(cfg, w.newID)
	n.peers = make(map[PeerID]*wire)
	n.snapshots = make(map[SnapshotID][]byte)
	return n
}

func (w *world) newID() string { w.ids++; return fmt.Sprintf("%040x", w.ids) }

func (w *world) node(name string) *node {
	return w.nodes[slices.IndexFunc(w.nodes, func(n *node) bool { return n.name == name })]
}

func (w *world) run() {
	for range 3000 {
		w.disturb()
		w.now += int64(w.r.IntN(40))
		if w.r.IntN(20) == 0 {
			w.tick()
		}
		w.deliver()
	}
	w.settle()
}

// disturb does something to somebody.
func (w *world) disturb() {
	n := w.nodes[w.r.IntN(len(w.nodes))]
	switch w.r.IntN(60) {
	case 0:
		other := w.nodes[w.r.IntN(len(w.nodes))]
		if other != n && !w.follows(other, n) {
			n.step(SetMaster{Host: other.name, Port: 1, Consent: true})
		}
	case 1:
		n.step(UnsetMaster{})
	case 2, 3, 4:
		if len(w.wires) > 0 {
			w.cut(w.wires[w.r.IntN(len(w.wires))])
		}
	case 5:
		n.fill()
	default:
		n.write()
	}
}

// follows tells whether a follows b, directly or over others: nobody may follow
// itself.
func (w *world) follows(a, b *node) bool {
	for a.m.Role() == Replica {
		if a = w.node(a.m.up.host); a == b {
			return true
		}
	}
	return false
}

func (w *world) tick() {
	for _, n := range w.nodes {
		n.step(Tick{})
	}
}

// deliver moves some bytes on some wires, and lets background work end.
func (w *world) deliver() {
	for _, x := range slices.Clone(w.wires) {
		if !x.dead && w.r.IntN(2) == 0 {
			x.carryUp()
		}
		if !x.dead && w.r.IntN(2) == 0 {
			x.carryDown()
		}
	}
	for _, n := range w.nodes {
		if len(n.making) > 0 && w.r.IntN(8) == 0 {
			n.finishSnapshot()
		}
		if n.loaded != nil && w.r.IntN(8) == 0 {
			n.finishLoad()
		}
	}
}

// settle makes one tree of all, stops the writes and waits for the data to be
// everywhere.
func (w *world) settle() {
	root := w.nodes[0]
	root.step(UnsetMaster{})
	for i, n := range w.nodes[1:] {
		n.step(UnsetMaster{})
		n.step(SetMaster{Host: w.nodes[i/2].name, Port: 1, Consent: true})
	}
	for turn := 0; !w.together(); turn++ {
		if turn > 5000 {
			for _, n := range w.nodes {
				w.t.Errorf("%s: %d bytes of data, %+v, %+v", n.name, len(n.data), n.m.Status(w.now), n.m.up)
			}
			return
		}
		w.now += 50
		if turn%20 == 0 {
			w.tick()
		}
		w.deliver()
	}
	for _, n := range w.nodes[1:] {
		if !bytes.Equal(n.data, root.data) {
			w.t.Errorf("%s holds %d bytes of data, other than the %d of the root", n.name, len(n.data), len(root.data))
		}
	}
}

func (w *world) together() bool {
	root := w.nodes[0].m.History()
	for _, n := range w.nodes[1:] {
		if h := n.m.History(); !n.m.LinkUp() || h.Replid != root.Replid || h.Offset != root.Offset {
			return false
		}
	}
	return true
}

// cut breaks a connection; bytes under way are lost.
func (w *world) cut(x *wire) {
	w.forget(x)
	if x.master.peers[x.peer] == x {
		delete(x.master.peers, x.peer)
		x.master.step(PeerGone{x.peer})
	}
	if x.replica.wire == x {
		x.replica.wire = nil
		x.replica.step(LinkLost{Link: x.link, Err: "connection reset by peer"})
	}
}

func (w *world) forget(x *wire) {
	x.dead = true
	w.wires = slices.DeleteFunc(w.wires, func(y *wire) bool { return x == y })
}

// write executes a command of a client, or a transaction.
func (n *node) write() {
	if n.m.Role() == Replica {
		return
	}
	db := n.w.r.IntN(3)
	var unit []byte
	commands := 1
	if n.w.r.IntN(4) == 0 {
		commands = 2 + n.w.r.IntN(3)
		unit = command("MULTI")
	}
	for range commands {
		set := command("SET", fmt.Sprint(n.w.r.IntN(1000)), fmt.Sprint(n.name, n.w.r.Uint64()))
		unit = append(unit, set...)
		n.add(record(db, set))
	}
	if commands > 1 {
		unit = append(unit, command("EXEC")...)
	}
	if n.m.Originates() {
		n.m.Select(db)
		n.m.Append(unit)
		n.perform(n.m.Take())
	}
}

// fill writes a command that pushes most of the backlog out.
func (n *node) fill() {
	if n.m.Role() == Master && n.m.Originates() {
		set := command("SET", "large", string(make([]byte, MinBacklogSize)))
		n.m.Select(0)
		n.m.Append(set)
		n.add(record(0, set))
		n.perform(n.m.Take())
	}
}

// record is a command as the data set keeps it.
func record(db int, set []byte) []byte { return append([]byte{byte('0' + db)}, set...) }

func (n *node) add(p []byte) {
	n.data = append(n.data, p...)
	n.hash = hashed(n.hash, p)
}

// hashed goes on with an FNV-1a hash.
func hashed(h uint64, p []byte) uint64 {
	for _, b := range p {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h
}

// check compares the data with that of whoever stood at this position before.
// A master that doesn't count its stream stands nowhere.
func (n *node) check() {
	if n.m.Role() == Master && !n.m.Originates() || n.stream != nil && n.stream.inMulti {
		return
	}
	h := n.m.History()
	at := Position{h.Replid, h.Offset}
	if before, ok := n.w.seen[at]; ok && before != n.hash {
		n.w.t.Errorf("%s holds other data at %+v than somebody before", n.name, at)
	}
	n.w.seen[at] = n.hash
}

func (n *node) step(e Event) {
	if !n.w.quiet {
		n.w.t.Logf("%d %s: %T %.100v", n.w.now, n.name, e, e)
	}
	n.perform(n.m.Step(Facts{Now: n.w.now, Keys: int64(len(n.data))}, e))
	n.check()
}

func (n *node) perform(effects []Effect) {
	for _, effect := range effects {
		if l, isLog := effect.(Log); isLog && !n.w.quiet {
			n.w.t.Logf("%d %s: %s", n.w.now, n.name, l.Text)
		}
		n.performUpstream(effect)
		n.performDownstream(effect)
	}
}

func (n *node) performUpstream(effect Effect) {
	switch e := effect.(type) {
	case Dial:
		n.link, n.stream = e.Link, nil
		master := n.w.node(e.Host)
		master.lastPeer++
		n.wire = &wire{replica: n, master: master, link: e.Link, peer: master.lastPeer}
		master.peers[n.wire.peer] = n.wire
		n.w.wires = append(n.w.wires, n.wire)
		defer n.step(Dialed{Link: e.Link})
	case Hangup:
		if x := n.wire; x != nil && x.link == e.Link {
			n.wire = nil
			n.w.cut(x)
		}
	case Send:
		if n.wire != nil && n.wire.link == e.Link {
			n.wire.up = append(n.wire.up, e.Data...)
		}
	case Receive:
		n.incoming = []byte{}
	case Payload:
		n.incoming = append(n.incoming, e.Data...)
	case Load:
		n.loaded, n.incoming = n.incoming, nil
	case Discard:
		n.loaded, n.incoming = nil, nil
	case Install:
		n.data, n.loaded = n.loaded[1:], nil
		n.hash = hashed(0, n.data)
	case Follow:
		n.queued = nil
		n.stream = NewStream(e.DB)
		n.follow(e.Data)
	}
}

func (n *node) performDownstream(effect Effect) {
	switch e := effect.(type) {
	case Reply:
		text := "+OK\r\n"
		if e.Err != "" {
			text = "-" + e.Err + "\r\n"
		}
		n.toPeer(e.Peer, []byte(text))
	case Write:
		n.toPeer(e.Peer, e.Data)
	case Cut:
		n.snapshots[e.ID] = record(e.DB, n.data)
		n.making = append(n.making, e)
		for _, id := range e.To {
			if x := n.peers[id]; x != nil {
				x.down = append(x.down, "$EOF:"+e.Mark+"\r\n"...)
				x.down = append(append(x.down, n.snapshots[e.ID]...), e.Mark...)
				x.file = true
			}
		}
	case Transfer:
		if x := n.peers[e.Peer]; x != nil {
			x.down = append(x.down, n.snapshots[e.ID]...)
			x.file = true
		}
	case Forget:
		delete(n.snapshots, e.ID)
	case Feed:
		if x := n.peers[e.Peer]; x != nil {
			x.cursor = e.From
		}
	case Drop:
		if x := n.peers[e.Peer]; x != nil {
			delete(n.peers, e.Peer)
			defer n.w.cut(x)
		}
	}
}

func (n *node) toPeer(id PeerID, data []byte) {
	if x := n.peers[id]; x != nil {
		x.down = append(x.down, data...)
	}
}

func (n *node) finishSnapshot() {
	c := n.making[0]
	n.making = n.making[1:]
	data, there := n.snapshots[c.ID]
	done := SnapshotDone{ID: c.ID, Size: int64(len(data))}
	if !there {
		done.Err = "broken off"
	}
	n.step(done)
}

func (n *node) finishLoad() {
	done := SnapshotLoaded{Link: n.link}
	if n.w.r.IntN(10) == 0 {
		done.Err = "Wrong RDB checksum"
	} else {
		done.DB = int(n.loaded[0] - '0')
	}
	n.step(done)
}

// follow applies a piece of the stream.
func (n *node) follow(data []byte) {
	n.stream.Write(data)
	for {
		argv, err := n.stream.Next()
		if err != nil {
			n.w.t.Fatalf("%s: %v", n.name, err)
		}
		if argv == nil {
			break
		}
		switch string(argv[0]) {
		case "SET":
			n.queued = append(n.queued, record(n.stream.pending, resp.AppendCommand(nil, argv...))...)
		case "REPLCONF":
			n.perform(n.m.Step(Facts{Now: n.w.now}, GetAck{}))
		}
		n.stream.Done()
		if !n.stream.inMulti {
			n.add(n.queued)
			n.queued = nil
		}
	}
	n.m.Applied(n.stream.TakeApplied(), n.stream.DB())
	n.m.Heard(n.w.now, n.m.Offset()+int64(n.stream.Unapplied()))
	n.perform(n.m.Take())
	n.check()
}

// carryUp brings bytes of the replica to the master.
func (x *wire) carryUp() {
	n := x.master
	for !x.dead {
		consumed, argv, err := x.parser.Next(x.up, nil)
		if err != nil {
			n.w.t.Fatalf("%s: %v", n.name, err)
		}
		if consumed == 0 {
			return
		}
		x.up = x.up[consumed:]
		switch {
		case len(argv) == 0:
			n.step(Alive{x.peer})
		case string(argv[0]) == "PING":
			x.down = append(x.down, "+PONG\r\n"...)
		case string(argv[0]) == "REPLCONF":
			n.step(Replconf{x.peer, x.replica.name, argv[1:]})
		case string(argv[0]) == "PSYNC":
			n.step(Psync{Peer: x.peer, IP: x.replica.name, Replid: string(argv[1]), Offset: string(argv[2])})
		}
	}
}

// carryDown brings some bytes of the master to the replica.
func (x *wire) carryDown() {
	if x.cursor != nil && !x.file {
		if pieces := x.cursor.Peek(nil); len(pieces) > 0 {
			take := pieces[0][:1+x.replica.w.r.IntN(len(pieces[0]))]
			x.down = append(x.down, take...)
			x.cursor.Advance(len(take))
		}
	}
	if n := x.replica; len(x.down) > 0 {
		size := 1 + n.w.r.IntN(min(len(x.down), 4096))
		data := bytes.Clone(x.down[:size])
		x.down = x.down[size:]
		if n.stream != nil {
			n.follow(data)
		} else {
			n.step(Received{x.link, data})
		}
	}
	if x.file && len(x.down) == 0 && !x.dead {
		x.file = false
		x.master.step(TransferDone{x.peer})
	}
}
