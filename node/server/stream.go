// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/espalier-io/espalier/node/resp"
)

// streams are the connections served by goroutines.
type streams struct {
	mu        sync.Mutex
	listening map[net.Listener]struct{}
	open      map[*stream]struct{}
	running   sync.WaitGroup
}

// Serve accepts connections from l, such as one of crypto/tls, and serves each
// with two goroutines. It returns nil when l has been closed.
func (s *Server) Serve(l net.Listener) error {
	set := &s.streams
	set.mu.Lock()
	if s.stopped.Load() {
		set.mu.Unlock()
		l.Close()
		return ErrStopped
	}
	if set.listening == nil {
		set.listening = map[net.Listener]struct{}{}
		set.open = map[*stream]struct{}{}
	}
	set.listening[l] = struct{}{}
	set.mu.Unlock()
	defer func() {
		set.mu.Lock()
		delete(set.listening, l)
		set.mu.Unlock()
	}()
	for {
		nc, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		c := newStream(s, nc)
		set.mu.Lock()
		if s.stopped.Load() {
			set.mu.Unlock()
			nc.Close()
			return nil
		}
		set.open[c] = struct{}{}
		set.running.Go(c.serve)
		set.mu.Unlock()
	}
}

func (set *streams) closeListeners() {
	set.mu.Lock()
	defer set.mu.Unlock()
	for l := range set.listening {
		l.Close()
	}
}

func (set *streams) finish() {
	set.mu.Lock()
	for c := range set.open {
		c.Close(false)
	}
	set.mu.Unlock()
	set.running.Wait()
}

// stream is a connection served by two goroutines: one reads and executes, the
// other writes, and executes what was held. Locks nest in the order inMu,
// execution lock, mu.
type stream struct {
	server  *Server
	nc      net.Conn
	session Session

	inMu    sync.Mutex // input
	drained sync.Cond  // of inMu: the input has become less, or ended is set
	parser  resp.Parser
	in      []byte
	held    bool
	ended   bool // nothing is executed any more

	mu        sync.Mutex // what the two share with others
	wanted    sync.Cond  // of mu: there are notes or replies
	notes     uint32
	attaching Source
	noDelay   bool
	out       outQueue
	guards    uint64 // Handler.Guarded when replies were taken before
	guarded   bool   // replies need Release to be written
	spare     pool
	used      int // bytes of in
	free      int

	source  Source        // the writer's
	written chan struct{} // closed when the writer has ended
}

// batches are shared between streams, for a stream needs one rarely.
var batches = sync.Pool{New: func() any { return new(batch) }}

func newStream(s *Server, nc net.Conn) *stream {
	c := &stream{server: s, nc: nc, written: make(chan struct{})}
	c.drained.L = &c.inMu
	c.wanted.L = &c.mu
	if t, ok := nc.(*net.TCPConn); ok {
		t.SetKeepAliveConfig(net.KeepAliveConfig{Enable: s.options.KeepAlive > 0,
			Idle: s.options.KeepAlive, Interval: s.options.KeepAlive / 3, Count: 3})
	}
	return c
}

func (c *stream) note(bits uint32) {
	c.mu.Lock()
	c.notes |= bits
	c.mu.Unlock()
	c.wanted.Signal()
}

func (c *stream) Flush()  { c.note(noteFlush) }
func (c *stream) Resume() { c.note(noteResume) }

func (c *stream) Close(afterReplies bool) {
	c.note(closeNote(afterReplies))
	if !afterReplies {
		c.nc.SetDeadline(time.Unix(1, 0)) // ends a read or write in progress
	}
}

func (c *stream) Attach(s Source) {
	c.mu.Lock()
	c.attaching = s
	c.mu.Unlock()
	c.note(noteAttach)
}

func (c *stream) SetNoDelay(on bool) {
	c.mu.Lock()
	c.noDelay = on
	c.mu.Unlock()
	c.note(noteNoDelay)
}

func (c *stream) Unsent() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.bytes
}

func (c *stream) InputBuffer() (used, free int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.used, c.free
}

func (c *stream) RemoteAddr() string { return c.address(c.nc.RemoteAddr()) }
func (c *stream) LocalAddr() string  { return c.address(c.nc.LocalAddr()) }

func (c *stream) address(a net.Addr) string {
	if c.IsUnix() {
		return c.nc.LocalAddr().String() + ":0"
	}
	return a.String()
}

func (c *stream) FD() int { return -1 }

func (c *stream) IsUnix() bool { return c.nc.LocalAddr().Network() == "unix" }

// serve is the reading goroutine.
func (c *stream) serve() {
	defer func() {
		c.server.streams.mu.Lock()
		delete(c.server.streams.open, c)
		c.server.streams.mu.Unlock()
	}()
	if !c.admit() {
		c.nc.Close()
		return
	}
	go c.writeLoop()
	err := c.readLoop()

	c.inMu.Lock()
	// A peer that has said all it wanted may still listen.
	listens := err == nil || err == io.EOF && !c.held
	c.ended = true
	c.inMu.Unlock()
	c.note(closeNote(listens))
	<-c.written

	h := c.server.handler
	h.Lock()
	h.BatchBegin()
	c.session.Disconnected()
	h.BatchEnd()
	h.Unlock()
}

// admit asks the engine for a session.
func (c *stream) admit() bool {
	h := c.server.handler
	h.Lock()
	h.BatchBegin()
	session, err := h.Connected(c)
	h.BatchEnd()
	if err == nil {
		c.session = session
		c.parser.Limits = session.Limits()
		c.guards = h.Guarded()
	}
	h.Unlock()
	counted := Stats{Connections: 1}
	if err != nil {
		counted.Refused = 1
		c.nc.SetWriteDeadline(time.Now().Add(time.Second))
		c.nc.Write(refusal(err))
	}
	c.server.count(&counted)
	return err == nil
}

// readLoop returns nil when no more input is wanted.
func (c *stream) readLoop() error {
	buf := make([]byte, 16<<10)
	for {
		n, err := c.nc.Read(buf)
		c.server.count(&Stats{InputBytes: int64(n)})
		c.inMu.Lock()
		c.in = append(c.in, buf[:n]...)
		c.executeInput()
		for c.held && len(c.in) >= maxHeld && !c.ended {
			c.drained.Wait()
		}
		ended, used := c.ended, len(c.in)
		c.inMu.Unlock()
		switch {
		case err != nil:
			return err
		case ended:
			return nil
		case c.server.overfull(c, used):
			c.server.count(&Stats{QueryBufferKill: 1})
			return net.ErrClosed
		}
	}
}

// executeInput executes what is complete and not held. Called with inMu.
func (c *stream) executeInput() {
	b := batches.Get().(*batch)
	for goOn := true; goOn && !c.held && !c.ended && len(c.in) > 0; {
		r := b.parse(&c.parser, c.in)
		done := r.end
		goOn = r.unparsed()
		if !r.idle() {
			var verdict Verdict
			done, verdict = c.executeRun(b, &r)
			switch verdict {
			case Hold, Postpone:
				c.held = true
				c.parser.Reset()
			case CloseAfterReply:
				c.ended = true
			}
		}
		if done > 0 {
			c.in = c.in[:copy(c.in, c.in[done:])]
		}
		b.reset()
	}
	batches.Put(b)
	if c.ended || len(c.in) == 0 && cap(c.in) > bigArgument {
		c.in = nil
	}
	c.mu.Lock()
	c.used, c.free = len(c.in), cap(c.in)-len(c.in)
	c.mu.Unlock()
}

func (c *stream) executeRun(b *batch, r *run) (done int, v Verdict) {
	h := c.server.handler
	h.Lock()
	h.BatchBegin()
	b.announce(c.session, r)
	done, v = b.execute(c.session, r)
	h.BatchEnd()
	c.parser.Limits = c.session.Limits()
	c.takeReplies()
	h.Unlock()
	if v == CloseAfterReply {
		c.note(noteCloseAfterReplies)
	}
	return done, v
}

// takeReplies moves the session's replies to the writer. Called under the
// execution lock.
func (c *stream) takeReplies() {
	c.mu.Lock()
	c.spare.put(c.out.push(c.session.TakeReplies(c.spare.get(minReply))))
	if g := c.server.handler.Guarded(); g != c.guards {
		c.guards, c.guarded = g, true
	}
	c.mu.Unlock()
	c.wanted.Signal()
}

// writeLoop is the writing goroutine.
func (c *stream) writeLoop() {
	defer func() {
		c.nc.Close()
		c.inMu.Lock()
		c.ended = true
		c.inMu.Unlock()
		c.drained.Signal()
		c.mu.Lock()
		c.out.clear(&c.spare)
		c.mu.Unlock()
		close(c.written)
	}()
	closing := false
	for {
		c.mu.Lock()
		for c.notes == 0 && c.out.bytes == 0 {
			c.wanted.Wait()
		}
		notes := c.notes
		c.notes = 0
		if notes&noteAttach != 0 {
			c.source = c.attaching
		}
		noDelay := c.noDelay
		c.mu.Unlock()
		if notes&noteClose != 0 {
			return
		}
		if notes != 0 {
			c.obey(notes, noDelay)
		}
		closing = closing || notes&noteCloseAfterReplies != 0
		if !c.server.handler.Settle() {
			return
		}
		more, err := c.write(closing)
		if err != nil || closing && !more {
			return
		}
		if more {
			c.note(noteFlush)
		}
	}
}

// obey does what the notes ask for, except for closing.
func (c *stream) obey(notes uint32, noDelay bool) {
	if t, ok := c.nc.(*net.TCPConn); ok && notes&noteNoDelay != 0 {
		// It fails only for a connection that is broken, which shows soon.
		_ = t.SetNoDelay(noDelay)
	}
	c.inMu.Lock()
	if notes&noteCloseAfterReplies != 0 {
		c.ended = true
	}
	if notes&noteResume != 0 {
		c.held = false
		c.executeInput()
	}
	c.inMu.Unlock()
	c.drained.Signal()
	c.server.handler.Lock()
	c.takeReplies()
	c.server.handler.Unlock()
}

// write sends about one piece of the replies or of the source, and tells
// whether there may be more.
func (c *stream) write(closing bool) (more bool, err error) {
	c.mu.Lock()
	pieces := net.Buffers(c.out.peek(nil, maxIO))
	guarded := c.guarded
	c.mu.Unlock()
	if len(pieces) > 0 {
		if guarded && !c.server.handler.Release() {
			return false, net.ErrClosed
		}
		n, err := pieces.WriteTo(c.nc)
		c.server.count(&Stats{OutputBytes: n})
		c.mu.Lock()
		defer c.mu.Unlock()
		c.out.advance(int(n), &c.spare)
		c.guarded = c.guarded && c.out.bytes > 0
		return c.out.bytes > 0 || c.source != nil && !closing, err
	}
	if c.source == nil || closing {
		return false, nil
	}
	pieces = net.Buffers(limited(c.source.Peek(nil), maxIO))
	if len(pieces) == 0 {
		return false, nil
	}
	n, err := pieces.WriteTo(c.nc)
	c.server.count(&Stats{SourceBytes: n})
	c.source.Advance(int(n))
	return true, err
}
