// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// One turn of a loop:
//
//  1. Ask epoll for events; wait only when there is nothing else to do.
//  2. Read every ready connection once, one behind the other into the arena,
//     and parse what is complete into the batch (input_linux.go).
//  3. Take the execution lock: execute the batch, announce connections that
//     came or went, take the replies. Give the lock back.
//  4. Wait until the replies may be told: one wait for all of them.
//  5. Write the replies and what sources have (output_linux.go).
//
// When the arena or the batch is full, 3 to 5 are done in between. Input that
// was parsed but not executed, or not even parsed, moves from the arena to a
// buffer of its connection, so that an idle connection holds none.

const (
	arenaSize = 256 << 10
	// arenaRoom is what reading one connection may take: the start of a
	// request that is kept in the connection, and one read.
	arenaRoom = bigArgument + maxIO

	eventsPerWait = 512
	acceptPause   = 100 * time.Millisecond
)

// Slots that are not connections.
const (
	wakeupSlot   = -1
	listenerSlot = -2
)

// loop serves the connections of one thread.
type loop struct {
	server *Server
	epoll  int
	wakeup int // an eventfd
	events [eventsPerWait]unix.EpollEvent
	found  int // by the last look at epoll

	conns  []*conn // by slot
	vacant []int32
	serial uint32 // of the last connection; stale events carry an older one

	arena     []byte
	arenaUsed int
	batch     batch
	runs      []connRun
	replies   pool
	inputs    pool
	bigSpare  []byte // one input buffer beyond what the pool takes
	pieces    [][]byte
	vectors   [maxPieces]unix.Iovec

	// Connections with something to do.
	arrived    []*conn // to be announced
	departed   []*conn // to be announced
	dirty      []*conn // whose replies are to be taken
	again      []*conn // with input that waits for the next turn
	unfinished []*conn // with output that waits for the next turn

	againSpare, unfinishedSpare, notedSpare []*conn // to swap with

	acceptAt time.Time // when not zero, no connection is accepted before
	stopping bool

	notedLater []*conn // suspended connections (relief_linux.go) with notes

	counted Stats // in this turn

	// Shared.
	sleeping atomic.Bool
	hasNotes atomic.Bool
	mu       sync.Mutex
	notedBy  []*conn
	incoming []accepted
	stop     bool
}

// connRun is a run with its connection and input.
type connRun struct {
	run
	conn  *conn
	input []byte
	own   bool // input is the connection's buffer, not the arena's
	done  int  // how much of input has been executed
	held  bool // some of it was parsed and not executed
}

// accepted is a new connection on its way to its loop.
type accepted struct {
	fd            int
	remote, local endpoint
	path          string
}

func newLoop(s *Server) (*loop, error) {
	l := &loop{server: s, epoll: -1, wakeup: -1, arena: make([]byte, arenaSize)}
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	if l.wakeup, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err == nil {
		err = l.watch(l.wakeup, unix.EPOLLIN, wakeupSlot, 0)
	}
	if err != nil {
		l.free()
		return nil, err
	}
	return l, nil
}

func (l *loop) free() {
	for _, fd := range []int{l.epoll, l.wakeup} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

func (l *loop) watch(fd int, mask uint32, slot int32, serial uint32) error {
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd,
		&unix.EpollEvent{Events: mask, Fd: slot, Pad: int32(serial)})
}

// run is the loop's thread.
func (l *loop) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for !l.stopping {
		l.round()
	}
	l.shutdown()
}

// round is all that one look at epoll brings.
func (l *loop) round() {
	n := l.wait()
	l.resumeAccepting()
	for i := range n {
		if l.full() {
			l.turn()
		}
		l.event(l.events[i])
	}
	l.parseAgain()
	l.turn()
}

// wait returns the number of events. It blocks when the loop has no work left.
func (l *loop) wait() int {
	// Asking without waiting first spares a busy loop the scheduler's part in
	// a blocking call. One with a single busy client would only ask in vain.
	if l.found > 1 || l.hasWork() {
		n, errno := pollEvents(l.epoll, l.events[:])
		if errno != 0 {
			n = 0
		}
		if l.found = n; n > 0 || l.hasWork() {
			return n
		}
	}
	// Whoever leaves a note from here on either sees that the loop sleeps and
	// wakes it, or is seen by hasWork.
	l.sleeping.Store(true)
	if l.hasWork() {
		l.sleeping.Store(false)
		return 0
	}
	timeout := time.Duration(-1)
	if !l.acceptAt.IsZero() {
		timeout = max(0, time.Until(l.acceptAt))
	}
	n, errno := awaitEvents(l.epoll, l.events[:], timeout)
	l.sleeping.Store(false)
	if errno != 0 {
		n = 0 // interrupted
	}
	l.found = n
	return n
}

func (l *loop) hasWork() bool {
	return l.hasNotes.Load() || len(l.again)+len(l.unfinished)+len(l.arrived)+len(l.departed) > 0
}

func (l *loop) full() bool {
	return l.batch.full() || arenaSize-l.arenaUsed < arenaRoom
}

func (l *loop) event(e unix.EpollEvent) {
	if e.Fd < 0 {
		if e.Fd == wakeupSlot {
			drainWakeups(l.wakeup)
		} else {
			l.accept(int(e.Pad))
		}
		return
	}
	c := l.conns[e.Fd]
	if c == nil || c.serial != uint32(e.Pad) {
		return // told of a connection that is gone since
	}
	if e.Events&unix.EPOLLOUT != 0 {
		c.clogged = false
		l.write(c)
	}
	if e.Events&^unix.EPOLLOUT == 0 || c.gone() {
		return
	}
	if !c.reads() {
		// Nothing that a closed peer sends or takes matters any more.
		if e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
			l.drop(c)
		}
		return
	}
	l.read(c)
}

// turn executes and writes what has been gathered.
func (l *loop) turn() {
	l.takeNotes()
	if len(l.runs)+len(l.arrived)+len(l.departed)+len(l.dirty) > 0 {
		l.locked()
		if !l.server.handler.Settle() {
			l.dropUntold()
		}
	}
	for i := range l.runs {
		l.settle(&l.runs[i])
	}
	clear(l.runs)
	l.runs = l.runs[:0]
	l.batch.reset()
	l.arenaUsed = 0

	unfinished := l.unfinished
	l.unfinished = l.unfinishedSpare
	for i, c := range unfinished {
		c.unfinished = false
		l.write(c)
		unfinished[i] = nil
	}
	l.unfinishedSpare = unfinished[:0]
	for i, c := range l.dirty {
		c.dirty = false
		l.write(c)
		l.dirty[i] = nil
	}
	l.dirty = l.dirty[:0]
	l.server.count(&l.counted)
}

// locked is the part of a turn under the execution lock.
func (l *loop) locked() {
	h := l.server.handler
	h.Lock()
	if len(l.runs)+len(l.arrived)+len(l.departed) > 0 {
		h.BatchBegin()
		for i, c := range l.departed {
			c.session.Disconnected()
			c.session = nil
			l.departed[i] = nil
		}
		l.departed = l.departed[:0]
		for i, c := range l.arrived {
			l.admit(c)
			l.arrived[i] = nil
		}
		l.arrived = l.arrived[:0]
		for i := 0; i < len(l.runs); {
			for end := l.announce(i); i < end; i++ {
				l.execute(&l.runs[i])
			}
		}
		h.BatchEnd()
		l.takeNotes()
	}
	guards := h.Guarded()
	for _, c := range l.dirty {
		if c.session != nil && !c.gone() {
			l.replies.put(c.out.push(c.session.TakeReplies(nil)))
			if c.guards != guards {
				c.guards, c.guarded = guards, true
			}
		}
	}
	h.Unlock()
}

// dropUntold ends the connections that have something to write: it must not
// leave.
func (l *loop) dropUntold() {
	for _, c := range l.conns {
		if c != nil && (c.dirty || c.out.bytes > 0 || c.source != nil) {
			l.drop(c)
		}
	}
}

// announce shows their sessions the requests of the runs from first on, until
// it is enough for now, and returns the first run that it left.
func (l *loop) announce(first int) (next int) {
	enough := l.runs[first].first + announced
	for next = first; next < len(l.runs) && l.runs[next].first < enough; next++ {
		if r := &l.runs[next]; !r.conn.gone() {
			l.batch.announce(r.conn.session, &r.run)
		}
	}
	return next
}

// execute runs the requests of one connection. The memory for their replies is
// lent to the session for just that time.
func (l *loop) execute(r *connRun) {
	c := r.conn
	if c.gone() || c.closing || c.notes.Load()&noteClose != 0 {
		return
	}
	l.replies.put(c.out.push(c.session.TakeReplies(l.replies.get(minReply))))
	var verdict Verdict
	r.done, verdict = l.batch.execute(c.session, &r.run)
	switch verdict {
	case Hold, Postpone:
		c.held, r.held = true, true
	case CloseAfterReply:
		c.closing = true
	}
	c.parser.Limits = c.session.Limits()
	l.touch(c)
}

func (l *loop) touch(c *conn) {
	if !c.dirty {
		c.dirty = true
		l.dirty = append(l.dirty, c)
	}
}

// noted queues a connection that others have left notes for.
func (l *loop) noted(c *conn) {
	l.mu.Lock()
	l.notedBy = append(l.notedBy, c)
	l.hasNotes.Store(true)
	l.mu.Unlock()
	l.rouse()
}

// give hands the loop a connection that another one has accepted.
func (l *loop) give(a accepted) {
	l.mu.Lock()
	l.incoming = append(l.incoming, a)
	l.hasNotes.Store(true)
	l.mu.Unlock()
	l.rouse()
}

// end makes the loop finish.
func (l *loop) end() {
	l.mu.Lock()
	l.stop = true
	l.hasNotes.Store(true)
	l.mu.Unlock()
	l.rouse()
}

func (l *loop) rouse() {
	if l.sleeping.Load() && l.sleeping.CompareAndSwap(true, false) {
		wake(l.wakeup)
	}
}

// takeNotes does what others have asked for, as far as that needs no lock, and
// lists the connections for the rest of the turn.
func (l *loop) takeNotes() {
	if !l.hasNotes.Load() {
		return
	}
	l.mu.Lock()
	l.hasNotes.Store(false)
	noted, incoming := l.notedBy, l.incoming
	l.notedBy, l.incoming = l.notedSpare, nil
	l.stopping = l.stop
	l.mu.Unlock()
	for _, a := range incoming {
		l.arrive(a)
	}
	for i, c := range noted {
		noted[i] = nil
		if c.suspended {
			l.notedLater = append(l.notedLater, c)
			continue
		}
		l.obey(c, c.notes.Swap(0))
	}
	l.notedSpare = noted[:0]
}

func (l *loop) obey(c *conn, notes uint32) {
	if c.gone() {
		return
	}
	if notes&noteClose != 0 {
		l.drop(c)
		return
	}
	if notes&noteNoDelay != 0 && !c.IsUnix() {
		value := 0
		if c.noDelay.Load() {
			value = 1
		}
		// It fails only for a connection that is broken, which shows soon.
		_ = unix.SetsockoptInt(c.FD(), unix.IPPROTO_TCP, unix.TCP_NODELAY, value)
	}
	if notes&noteAttach != 0 {
		c.source = *c.attaching.Load()
	}
	if notes&noteCloseAfterReplies != 0 {
		c.closing = true
		l.releaseInput(c)
	}
	if notes&noteResume != 0 && c.held {
		c.held = false
		l.parseLater(c)
	}
	l.touch(c)
}

// drop ends a connection. The session learns of it in the next turn.
func (l *loop) drop(c *conn) {
	fd := c.fd.Swap(-1)
	if fd < 0 {
		return
	}
	syscall.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
	l.conns[c.slot] = nil
	l.vacant = append(l.vacant, c.slot)
	l.releaseInput(c)
	c.out.clear(&l.replies)
	c.source = nil
	c.showUnsent()
	if c.session != nil {
		l.departed = append(l.departed, c)
	}
}

// shutdown writes what the kernel takes at once and ends all connections.
func (l *loop) shutdown() {
	for _, c := range l.conns {
		if c != nil {
			l.touch(c)
		}
	}
	l.turn()
	for _, c := range l.conns {
		if c != nil {
			l.drop(c)
		}
	}
	l.mu.Lock()
	for _, a := range l.incoming {
		unix.Close(a.fd)
	}
	l.incoming = nil
	l.mu.Unlock()
	l.turn()
	l.free()
}
