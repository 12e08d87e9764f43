// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"sync"
	"time"

	"github.com/espalier-io/espalier/node/repl"
)

// downstream is a replica of ours: the replication side of its session.
// Everything that the replica is sent goes through its feed, in order: what
// the machine says, the snapshot, the stream.
type downstream struct {
	s         *Session
	feed      feed
	streaming bool

	took   int64 // bytes that the replica had taken when it was last looked at
	tookAt int64 // since when it has not taken any more, by the machine's clock
}

// wake lets the connection's owner write what is new.
func (d *downstream) wake() {
	if d.streaming {
		d.s.conn.Flush()
	}
}

// performDownstream performs an effect on replicas of this node.
func (r *replication) performDownstream(effect repl.Effect) {
	switch e := effect.(type) {
	case repl.Attach:
		r.attach(e.Peer)
	case repl.Reply:
		r.reply(e)
	case repl.Write:
		if d := r.replicas[e.Peer]; d != nil {
			d.send(&rawSegment{rest: e.Data})
		}
	case repl.Cut:
		r.cut(e)
	case repl.Transfer:
		r.transfer(e)
	case repl.Feed:
		if d := r.replicas[e.Peer]; d != nil {
			d.streaming = true
			d.send(streamSegment{e.From, &r.e.aof})
		}
	case repl.Forget:
		r.forget(e.ID)
	case repl.Drop:
		if d := r.replicas[e.Peer]; d != nil {
			r.detach(d)
			d.s.close(false)
		}
	}
}

// attach makes a session a replica's.
func (r *replication) attach(id repl.PeerID) {
	s := r.e.sessions[int64(id)]
	if s == nil {
		return
	}
	delete(r.greeted, id)
	d := &downstream{s: s}
	s.downstream = d
	r.replicas[id] = d
	s.conn.Attach(&d.feed)
	if r.e.cfg.ReplDisableTCPNodelay {
		s.conn.SetNoDelay(false)
	}
}

// reply answers the command that the session is executing.
func (r *replication) reply(e repl.Reply) {
	s := r.e.sessions[int64(e.Peer)]
	switch {
	case s == nil:
	case e.Err != "":
		r.e.replyError(s, e.Err)
	default:
		s.reply.OK()
	}
}

func (d *downstream) send(seg segment) {
	d.feed.add(seg)
	d.s.conn.Flush()
}

// dropStalled lets go of replicas that don't take their snapshot.
func (r *replication) dropStalled() {
	now := r.clock()
	for id, d := range r.replicas {
		waits, took := d.feed.waits()
		if !waits || took != d.took {
			d.took, d.tookAt = took, now
			continue
		}
		if time.Duration(now-d.tookAt)*time.Millisecond > r.e.cfg.ReplTimeout {
			r.step(repl.Stalled{Peer: id})
		}
	}
}

// replicaLost forgets a replica whose connection is gone.
func (e *Engine) replicaLost(s *Session) {
	e.replication.detach(s.downstream)
	e.replication.step(repl.PeerGone{Peer: repl.PeerID(s.id)})
}

// replicaAlive notes a replica's sign of life: it is loading a snapshot.
func (e *Engine) replicaAlive(s *Session) {
	e.replication.step(repl.Alive{Peer: repl.PeerID(s.id)})
}

// withholdReply lets go of a replica whose command had a reply: it would end up
// in the middle of the stream. before is the length of the replies without it.
func (s *Session) withholdReply(before int) {
	if s.reply.Len() <= before {
		return
	}
	name := "<unknown>"
	if s.lastCmd != nil {
		name = s.lastCmd.FullName
	}
	if reply := s.reply.Buffer()[before:]; reply[0] == '-' {
		s.e.log.Warningf("== CRITICAL == This master is sending an error to its replica: '%s' after processing the command '%s'",
			firstError(reply), name)
	}
	s.e.log.Warningf("Replica generated a reply to command '%s', disconnecting it: %s", name, s.describeForLog())
	s.reply.Truncate(before)
	s.close(false)
}

// detach forgets a replica; a snapshot does not wait for it any more.
func (r *replication) detach(d *downstream) {
	delete(r.replicas, repl.PeerID(d.s.id))
	d.feed.mu.Lock()
	defer d.feed.mu.Unlock()
	for _, seg := range d.feed.segments {
		if g, ok := seg.(*spoolSegment); ok {
			g.s.leave(g)
		}
	}
}

// transferred notes that a snapshot was written to a replica to its end.
// Called without the lock.
func (e *Engine) transferred(d *downstream, err error) {
	e.Lock()
	defer e.Unlock()
	e.BatchBegin()
	defer e.BatchEnd()
	if err != nil {
		e.log.Warningf("Read error sending DB to replica: %v", err)
		d.s.close(false)
		return
	}
	e.replication.step(repl.TransferDone{Peer: repl.PeerID(d.s.id)})
}

// feed is what a replica's connection writes (server.Source): segments, one
// after the other. The engine adds them under its lock, the connection's owner
// takes bytes from the first one without it.
type feed struct {
	mu       sync.Mutex
	segments []segment
	passed   int64 // bytes written
}

// segment is a stretch of what a replica is sent.
type segment interface {
	// peek appends what is ready. done says that there is nothing more, now or
	// ever.
	peek(dst [][]byte) (pieces [][]byte, done bool)
	// advance passes bytes that peek gave.
	advance(n int)
}

func (f *feed) add(seg segment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.segments = append(f.segments, seg)
}

// Peek gives what is ready of the first segment (server.Source).
func (f *feed) Peek(dst [][]byte) [][]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.segments) > 0 {
		pieces, done := f.segments[0].peek(dst)
		if !done {
			return pieces
		}
		f.segments[0] = nil
		f.segments = f.segments[1:]
	}
	return dst
}

// Advance passes bytes that were written (server.Source).
func (f *feed) Advance(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.segments[0].advance(n)
	f.passed += int64(n)
}

// waits tells whether bytes of a snapshot are ready and not taken, and how many
// bytes of anything were taken so far.
func (f *feed) waits() (waits bool, passed int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.segments) > 0 {
		if t, ok := f.segments[0].(interface{ ready() bool }); ok {
			waits = t.ready()
		}
	}
	return waits, f.passed
}

// rawSegment is bytes.
type rawSegment struct{ rest []byte }

func (s *rawSegment) peek(dst [][]byte) ([][]byte, bool) {
	if len(s.rest) == 0 {
		return dst, true
	}
	return append(dst, s.rest), false
}

func (s *rawSegment) advance(n int) { s.rest = s.rest[n:] }

// streamSegment is the replication stream, as far as the append-only file lets
// it through; it never ends.
type streamSegment struct {
	*repl.Cursor
	gate *appendOnly
}

func (s streamSegment) peek(dst [][]byte) ([][]byte, bool) {
	return s.gate.through(s.Peek(dst), s.Offset()), false
}

func (s streamSegment) advance(n int) { s.Advance(n) }
