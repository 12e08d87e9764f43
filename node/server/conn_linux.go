// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/espalier-io/espalier/node/resp"
)

// conn is a connection of a loop. Everything but the part that its methods
// share with other goroutines belongs to the loop.
type conn struct {
	loop    *loop
	session Session
	parser  resp.Parser
	in      []byte // received and not executed; nil when there is none
	out     outQueue
	source  Source

	slot     int32
	serial   uint32
	interest uint32 // what epoll watches for

	held       bool // input waits for Resume
	again      bool // input waits for the next turn
	closing    bool // no more input; drop it when everything is written
	clogged    bool // the kernel takes no more for now
	unfinished bool // it would, but others come first
	dirty      bool // the session may have replies
	guarded    bool // replies need Release to be written

	// guards is Handler.Guarded when replies were taken before. Replies to a write,
	// whoever's, are among those that are taken when it has grown.
	guards    uint64
	suspended bool // it is in a turn that is set aside (relief_linux.go)

	// Shared.
	fd        atomic.Int32 // -1 when gone
	notes     atomic.Uint32
	attaching atomic.Pointer[Source]
	noDelay   atomic.Bool
	unsent    atomic.Int64
	inUsed    atomic.Int64
	inFree    atomic.Int64

	remote, local endpoint
	path          string // of the Unix socket
}

func (c *conn) gone() bool { return c.fd.Load() < 0 }

func (c *conn) note(bits uint32) {
	if c.notes.Or(bits) == 0 {
		c.loop.noted(c)
	}
}

func (c *conn) Flush()  { c.note(noteFlush) }
func (c *conn) Resume() { c.note(noteResume) }

func (c *conn) Close(afterReplies bool) { c.note(closeNote(afterReplies)) }

func (c *conn) Attach(s Source) {
	c.attaching.Store(&s)
	c.note(noteAttach)
}

func (c *conn) SetNoDelay(on bool) {
	c.noDelay.Store(on)
	c.note(noteNoDelay)
}

func (c *conn) Unsent() int { return int(c.unsent.Load()) }

func (c *conn) InputBuffer() (used, free int) {
	return int(c.inUsed.Load()), int(c.inFree.Load())
}

func (c *conn) RemoteAddr() string { return c.address(c.remote) }
func (c *conn) LocalAddr() string  { return c.address(c.local) }

func (c *conn) address(e endpoint) string {
	if c.IsUnix() {
		return c.path + ":0"
	}
	return e.String()
}

func (c *conn) FD() int      { return int(c.fd.Load()) }
func (c *conn) IsUnix() bool { return c.path != "" }

// reads tells whether the connection takes input now.
func (c *conn) reads() bool {
	return !c.closing && !(c.held && len(c.in) >= maxHeld)
}

// wanted is what epoll should watch for. Errors and hang-ups are always told.
func (c *conn) wanted() uint32 {
	var mask uint32
	switch {
	case c.reads():
		mask = unix.EPOLLIN
	case !c.closing:
		mask = unix.EPOLLRDHUP
	}
	if c.clogged {
		mask |= unix.EPOLLOUT
	}
	return mask
}

// account shows the input buffer to InputBuffer.
func (c *conn) account() {
	used, free := int64(len(c.in)), int64(cap(c.in)-len(c.in))
	if c.inUsed.Load() != used || c.inFree.Load() != free {
		c.inUsed.Store(used)
		c.inFree.Store(free)
	}
}

// showUnsent shows the output queue to Unsent.
func (c *conn) showUnsent() {
	if n := int64(c.out.bytes); c.unsent.Load() != n {
		c.unsent.Store(n)
	}
}
