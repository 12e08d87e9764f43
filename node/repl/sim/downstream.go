// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"bytes"
	"maps"
	"slices"
	"strconv"

	"github.com/espalier-io/espalier/node/repl"
	"github.com/espalier-io/espalier/node/resp"
)

// session is the master's end of a connection of a replica.
type session struct {
	p      *Process
	id     repl.PeerID
	wire   *wire
	in     []byte
	parser resp.Parser
	closed bool

	took   int64 // bytes that the replica had taken when it was last looked at
	tookAt int64
}

// accept takes a replica's connection.
func (p *Process) accept(l *masterLink) {
	p.lastPeer++
	s := &session{p: p, id: p.lastPeer}
	s.wire = p.w.join(l, s)
	l.wire = s.wire
	p.sessions[s.id] = s
}

// receive executes what the replica sent.
func (s *session) receive(piece []byte) {
	s.in = append(s.in, piece...)
	for !s.closed && !s.p.dead && s.p.w.err == nil {
		n, argv, err := s.parser.Next(s.in, nil)
		if err != nil {
			s.p.w.Fail("%s is sent nonsense by a replica: %v", s.p.n.Name, err)
			return
		}
		if n == 0 {
			return
		}
		s.execute(argv)
		s.in = s.in[n:]
	}
}

func (s *session) execute(argv [][]byte) {
	p := s.p
	if len(argv) == 0 {
		p.step(repl.Alive{Peer: s.id})
		return
	}
	ip := s.wire.link.p.n.Name
	switch string(argv[0]) {
	case "PING":
		s.send([]byte("+PONG\r\n"))
	case "REPLCONF":
		p.step(repl.Replconf{Peer: s.id, IP: ip, Args: argv[1:]})
	case "SYNC":
		p.step(repl.Psync{Peer: s.id, IP: ip, Legacy: true})
	case "PSYNC":
		if p.n.Old {
			s.send([]byte("-ERR unknown command 'PSYNC'\r\n"))
			return
		}
		s.synchronize(repl.Psync{Peer: s.id, IP: ip, Replid: string(argv[1]), Offset: string(argv[2]),
			Failover: len(argv) > 3, By: ip}, 50)
	default:
		p.w.Fail("%s is sent %q by a replica", p.n.Name, argv)
	}
}

// synchronize answers PSYNC. What was sent to the new master of a handover
// before it is waited for.
func (s *session) synchronize(ask repl.Psync, tries int) {
	p := s.p
	if s.closed {
		return
	}
	from, _ := strconv.ParseInt(ask.Offset, 10, 64)
	if ask.Failover && tries > 0 && p.m.LinkUp() && from > p.m.Offset()+1 {
		p.w.After(20, func() { s.synchronize(ask, tries-1) })
		return
	}
	p.step(ask)
}

// gone: the connection is closed by the replica, or broke.
func (s *session) gone() {
	late := s.closed
	s.close()
	switch {
	case s.p.dead:
	case late:
		s.p.w.Stats.LateEvents++
		s.p.ignore(repl.PeerGone{Peer: s.id})
	default:
		s.p.step(repl.PeerGone{Peer: s.id})
	}
}

// close closes the connection at this end.
func (s *session) close() {
	if !s.closed {
		s.closed = true
		delete(s.p.sessions, s.id)
		s.wire.shutDown()
	}
}

func (s *session) send(p []byte) { s.wire.down.push(&raw{rest: bytes.Clone(p)}) }

// inOrder lists the sessions in the order of their coming.
func (p *Process) inOrder() []*session {
	var list []*session
	for _, id := range slices.Sorted(maps.Keys(p.sessions)) {
		list = append(list, p.sessions[id])
	}
	return list
}

// performDownstream performs an effect on replicas of this node.
func (p *Process) performDownstream(effect repl.Effect) {
	switch e := effect.(type) {
	case repl.Reply:
		if s := p.sessions[e.Peer]; s != nil && e.Err != "" {
			s.send([]byte("-" + e.Err + "\r\n"))
		} else if s != nil {
			s.send([]byte("+OK\r\n"))
		}
	case repl.Write:
		if s := p.sessions[e.Peer]; s != nil {
			s.send(e.Data)
		}
	case repl.Cut:
		p.cut(e)
	case repl.Transfer:
		s, snap := p.sessions[e.Peer], p.snapshots[e.ID]
		if s != nil && snap != nil {
			if snap.sent++; snap.sent > 1 {
				p.w.Stats.Shared++
			}
			s.wire.down.push(&spooled{snap: snap, end: s.sent})
		}
	case repl.Forget:
		p.forget(e.ID)
	case repl.Feed:
		if s := p.sessions[e.Peer]; s != nil {
			if p.w.chance(4) {
				s.send([]byte("\n")) // a sign of life, which counts for nothing
			}
			s.wire.down.push(&streamed{from: e.From})
		}
	case repl.Drop:
		if s := p.sessions[e.Peer]; s != nil {
			s.close()
		}
	}
}

// sent: the last byte of a snapshot was written.
func (s *session) sent() {
	s.p.w.After(s.p.w.Rand.Int64N(20), func() { s.p.step(repl.TransferDone{Peer: s.id}) })
}

// wake writes what is new on the stream.
func (p *Process) wake() {
	for _, s := range p.inOrder() {
		s.wire.down.pump()
	}
}

// dropStalled lets go of replicas that take nothing of what is there for them.
func (p *Process) dropStalled() {
	for _, s := range p.inOrder() {
		if f := &s.wire.down; !f.waits() || f.took != s.took {
			s.took, s.tookAt = f.took, p.w.now
		} else if p.w.now-s.tookAt > p.n.Config.Timeout*1000 {
			p.step(repl.Stalled{Peer: s.id})
		}
	}
}

// snapshot is one that is made for replicas.
type snapshot struct {
	id     repl.SnapshotID
	bytes  []byte
	made   int // bytes that are there to be read
	making bool
	sent   int // replicas that it was sent to as a file
	to     []repl.PeerID
}

// cut takes a snapshot of the data set as it is now. It takes its time, and may
// fail.
func (p *Process) cut(c repl.Cut) {
	w := p.w
	p.audit.cuts(p, c)
	filling := w.Rand.IntN(2000)
	if w.chance(4) {
		filling = w.Rand.IntN(60_000)
	}
	d := dump{at: c.At, db: c.DB, tainted: p.tainted, data: p.data.clone()}
	s := &snapshot{id: c.ID, bytes: d.encode(filling), making: true, to: c.To}
	if c.Mark != "" {
		s.bytes = append(s.bytes, c.Mark...)
	}
	p.snapshots[c.ID] = s
	w.Stats.Shared += int64(max(len(c.To)-1, 0))
	for _, id := range c.To {
		if to := p.sessions[id]; to != nil {
			to.send([]byte("$EOF:" + c.Mark + "\r\n"))
			to.wire.down.push(&spooled{snap: s, end: to.sent})
		}
	}
	fails := w.fault(25)
	parts := 1 + w.Rand.Int64N(4)
	took := w.Rand.Int64N(1500)
	for i := range parts {
		made := len(s.bytes) * int(i+1) / int(parts)
		w.After(took*(i+1)/parts, func() { p.grow(s, made, i+1 == parts, fails) })
	}
}

// grow goes on with making a snapshot. Of one that goes to a file nothing can
// be read before it is whole.
func (p *Process) grow(s *snapshot, made int, whole, fails bool) {
	if p.dead || !s.making {
		return
	}
	switch {
	case whole && fails:
		s.making = false
		p.step(repl.SnapshotDone{ID: s.id, Err: "No space left on device"})
		return
	case len(s.to) > 0 || whole:
		s.made = made
	}
	p.wake()
	if whole {
		p.w.After(p.w.Rand.Int64N(50), func() {
			if s.making {
				s.making = false
				p.step(repl.SnapshotDone{ID: s.id, Size: int64(len(s.bytes))})
			}
		})
	}
}

// forget lets go of a snapshot; one that is still being made is broken off.
func (p *Process) forget(id repl.SnapshotID) {
	s := p.snapshots[id]
	if s == nil {
		return
	}
	delete(p.snapshots, id)
	if s.making {
		s.making = false
		p.later = append(p.later, repl.SnapshotDone{ID: id, Err: "cancelled"})
	}
}

// spooled is a snapshot as one replica is sent it.
type spooled struct {
	snap *snapshot
	at   int
	end  func()
}

func (s *spooled) ready() bool { return s.at < s.snap.made }

func (s *spooled) take(max int) (bytes []byte, over bool) {
	n := min(max, s.snap.made-s.at)
	bytes = s.snap.bytes[s.at : s.at+n]
	s.at += n
	if s.at == len(s.snap.bytes) {
		s.end()
		return bytes, true
	}
	return bytes, false
}

// streamed is the stream from a cursor on, without an end.
type streamed struct{ from *repl.Cursor }

func (s *streamed) ready() bool { return len(s.from.Peek(nil)) > 0 }

func (s *streamed) take(max int) (bytes []byte, over bool) {
	if pieces := s.from.Peek(nil); len(pieces) > 0 {
		bytes = pieces[0][:min(max, len(pieces[0]))]
		s.from.Advance(len(bytes))
	}
	return bytes, false
}
