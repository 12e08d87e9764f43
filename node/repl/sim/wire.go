// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package sim

// wire is a connection of a replica to its master. Each direction has one piece
// of bytes under way at a time. What a hung wire carries stays where it is; what
// is under way when an end is closed is lost, or comes late.
type wire struct {
	w       *World
	link    *masterLink // the replica's end
	session *session    // the master's end
	up      flow
	down    flow
	latency int64

	hung     bool
	broken   bool     // for good: nothing more arrives
	silent   bool     // the other end never hears of a close
	upShut   bool     // the replica's end is closed
	downShut bool     // the master's end is closed
	parked   []func() // what waits for the wire to move again
}

func (w *World) join(l *masterLink, s *session) *wire {
	x := &wire{w: w, link: l, session: s, latency: 1 + w.Rand.Int64N(8)}
	if w.chance(6) {
		x.latency *= 10
	}
	x.up = flow{x: x}
	x.down = flow{x: x, down: true}
	w.wires = append(w.wires, x)
	return x
}

// stuck tells whether nothing moves on the wire.
func (x *wire) stuck() bool {
	return x.hung || x.broken || x.link.p.n.Isolated || x.session.p.n.Isolated
}

// whenMoving does something now, or as soon as the wire moves again.
func (x *wire) whenMoving(do func()) {
	if x.stuck() {
		x.parked = append(x.parked, do)
		return
	}
	do()
}

// moved goes on with a wire that may have been stuck.
func (x *wire) moved() {
	if x.stuck() {
		return
	}
	parked := x.parked
	x.parked = nil
	for _, do := range parked {
		x.w.After(x.latency, do)
	}
	x.up.pump()
	x.down.pump()
}

// shutUp closes the replica's end; the master hears of it later.
func (x *wire) shutUp() {
	if x.upShut {
		return
	}
	x.upShut = true
	x.forget()
	if !x.silent {
		x.w.After(x.latency, func() { x.whenMoving(x.session.gone) })
	}
}

// shutDown closes the master's end; the replica hears of it later.
func (x *wire) shutDown() {
	if x.downShut {
		return
	}
	x.downShut = true
	x.forget()
	if !x.silent {
		x.w.After(x.latency, func() { x.whenMoving(func() { x.link.lost("connection lost") }) })
	}
}

// forget takes a wire that is closed at both ends off the list.
func (x *wire) forget() {
	if !x.upShut || !x.downShut {
		return
	}
	for i, y := range x.w.wires {
		if x == y {
			x.w.wires = append(x.w.wires[:i], x.w.wires[i+1:]...)
			return
		}
	}
}

// Cut breaks a random connection; both ends hear of it, one after the other.
func (w *World) Cut() {
	if len(w.wires) == 0 {
		return
	}
	w.Stats.Cuts++
	x := w.wires[w.Rand.IntN(len(w.wires))]
	w.trace("cut %s - %s", x.link.p.n.Name, x.session.p.n.Name)
	x.broken = true
	w.After(w.Rand.Int64N(300), x.session.gone)
	w.After(w.Rand.Int64N(300), func() { x.link.lost("Connection reset by peer") })
}

// Hang stops a random connection for so many milliseconds, for ever if 0:
// nothing arrives, and nobody hears anything.
func (w *World) Hang(ms int64) {
	if len(w.wires) == 0 {
		return
	}
	w.Stats.Hangs++
	x := w.wires[w.Rand.IntN(len(w.wires))]
	w.trace("hang %s - %s for %d", x.link.p.n.Name, x.session.p.n.Name, ms)
	x.hung = true
	if ms > 0 {
		w.After(ms, func() { x.hung = false; x.moved() })
	}
}

// Isolate cuts a node off from all others, or joins it to them again.
func (w *World) Isolate(n *Node, isolated bool) {
	w.trace("isolate %s: %t", n.Name, isolated)
	n.Isolated = isolated
	for _, x := range append([]*wire(nil), w.wires...) {
		x.moved()
	}
}

// flow is one direction of a wire: segments that wait to be written, and the
// piece that is under way.
type flow struct {
	x      *wire
	down   bool
	segs   []segment
	moving []byte
	busy   bool
	took   int64 // bytes written so far
}

// segment is a part of what is to be written. take gives up to max bytes that
// are ready; over says that there will be no more, which end is told.
type segment interface {
	take(max int) (bytes []byte, over bool)
	ready() bool
}

func (f *flow) push(s segment) {
	f.segs = append(f.segs, s)
	f.pump()
}

func (f *flow) shut() bool { return f.down && f.x.downShut || !f.down && f.x.upShut }

// waits tells whether there is something to be written.
func (f *flow) waits() bool { return f.busy || len(f.segs) > 0 && f.segs[0].ready() }

// pump writes the next piece: a few bytes or many, across segments, as TCP does.
func (f *flow) pump() {
	if f.busy || f.shut() || f.x.stuck() {
		return
	}
	w := f.x.w
	limit := 1 + w.Rand.IntN(8<<10)
	switch w.Rand.IntN(12) {
	case 0:
		limit = 1 + w.Rand.IntN(4)
	case 1:
		limit = 64 << 10
	}
	var piece []byte
	for len(f.segs) > 0 && len(piece) < limit {
		bytes, over := f.segs[0].take(limit - len(piece))
		piece = append(piece, bytes...)
		if over {
			f.segs = f.segs[1:]
		} else if len(bytes) == 0 {
			break
		}
	}
	if len(piece) == 0 {
		return
	}
	f.took += int64(len(piece))
	w.Stats.Bytes += int64(len(piece))
	f.moving, f.busy = piece, true
	w.After(f.x.latency+w.Rand.Int64N(3), func() { f.x.whenMoving(f.arrive) })
}

// arrive brings the piece to the other end.
func (f *flow) arrive() {
	piece := f.moving
	f.moving, f.busy = nil, false
	switch {
	case f.down && f.x.upShut:
		f.x.link.late(piece)
	case f.down:
		f.x.link.receive(piece)
	case !f.x.downShut:
		f.x.session.receive(piece)
	}
	f.pump()
}

// raw is a segment of given bytes.
type raw struct{ rest []byte }

func (s *raw) take(max int) (bytes []byte, over bool) {
	n := min(max, len(s.rest))
	bytes, s.rest = s.rest[:n], s.rest[n:]
	return bytes, len(s.rest) == 0
}

func (s *raw) ready() bool { return true }
