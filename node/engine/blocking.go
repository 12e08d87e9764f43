// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"time"

	"github.com/espalier-io/espalier/node/command"
)

// blocking is the state of a session whose command is not answered yet. The
// connection's further input waits until unblock.
type blocking struct {
	// giveUp answers the command as its timeout does; nil where a timeout and
	// CLIENT UNBLOCK have no say.
	giveUp func()
	timer  *time.Timer // nil: for ever
	// cancel forgets what the session waits for, however the wait ends; may be
	// nil.
	cancel func()
	wait   *keyWait // for keys; nil for anything else
	// postponed says that a pause holds the command back: it was not run yet
	// and comes again when the connection resumes.
	postponed bool
}

// block makes the running command wait: it has written no reply yet; whoever
// answers it calls unblock. A timeout of 0 means for ever. Within EXEC nothing
// may block.
func (s *Session) block(timeout time.Duration, giveUp, cancel func()) {
	b := &blocking{giveUp: giveUp, cancel: cancel}
	if timeout > 0 {
		b.timer = time.AfterFunc(timeout, func() { s.e.timeOut(s, b) })
	}
	s.blocked = b
}

func (s *Session) leaveBlock() {
	b := s.blocked
	if b.timer != nil {
		b.timer.Stop()
	}
	if b.cancel != nil {
		b.cancel()
	}
	s.blocked = nil
}

// unblock lets the connection go on: its replies are written and its input is
// read again.
func (s *Session) unblock() {
	s.leaveBlock()
	if s.conn != nil {
		s.conn.Resume()
	}
}

// answer ends the wait with a reply that came late: CLIENT REPLY applies to it
// as to any other.
func (s *Session) answer(reply func()) {
	before := s.reply.Len()
	reply()
	s.applyReplyMode(before)
	s.unblock()
}

// timeOut ends a wait whose time is over, if it still lasts. Called without
// the lock.
func (e *Engine) timeOut(s *Session, b *blocking) {
	e.Lock()
	defer e.Unlock()
	e.BatchBegin()
	if s.blocked == b {
		s.answer(b.giveUp)
	}
	e.BatchEnd()
}

// dismissBlocked lets all clients go that wait: the node follows a master from
// now on, and they wait for what a master gives. What a pause holds back was not
// run yet and is judged when it is.
func (e *Engine) dismissBlocked() {
	for _, s := range e.inOrder() {
		if s.blocked == nil || s.blocked.postponed {
			continue
		}
		e.replyError(s, "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)")
		s.leaveBlock()
		s.close(true)
	}
}

// pauseKind says what a pause holds back; the larger, the more.
type pauseKind int

const (
	pauseNone  pauseKind = iota
	pauseWrite           // what may put something on the stream
	pauseAll
)

// pausePurpose is who asked for a pause. Each has its own; the strictest one
// and the latest end count.
type pausePurpose int

const (
	pausedByClient pausePurpose = iota
	pausedByShutdown
	pausedByFailover
	pausePurposes
)

// pauses holds clients back: CLIENT PAUSE, and the quiet moment that SHUTDOWN
// and FAILOVER need for the replicas to catch up. While one lasts, a master
// originates nothing of its own either: no expiry, no eviction.
type pauses struct {
	byPurpose [pausePurposes]struct {
		kind pauseKind
		end  int64 // e.clock
	}
	kind pauseKind // the strictest
}

// pauseClients begins a pause, or makes the one of this purpose longer and
// stricter, never weaker.
func (e *Engine) pauseClients(purpose pausePurpose, kind pauseKind, length time.Duration) {
	p := &e.pauses.byPurpose[purpose]
	p.kind = max(p.kind, kind)
	p.end = max(p.end, e.clock+int64(length))
	e.pauses.kind = max(e.pauses.kind, kind)
	if length == forEver {
		return
	}
	time.AfterFunc(length, func() {
		e.Lock()
		defer e.Unlock()
		e.BatchBegin()
		e.settlePauses()
		e.BatchEnd()
	})
}

// unpauseClients ends the pause of one purpose.
func (e *Engine) unpauseClients(purpose pausePurpose) {
	e.pauses.byPurpose[purpose].kind = pauseNone
	e.pauses.byPurpose[purpose].end = 0
	e.settlePauses()
}

// settlePauses ends the pauses whose time has come and runs what they held
// back.
func (e *Engine) settlePauses() {
	before := e.pauses.kind
	if before == pauseNone {
		return
	}
	e.pauses.kind = pauseNone
	for i := range e.pauses.byPurpose {
		p := &e.pauses.byPurpose[i]
		if p.kind != pauseNone && p.end <= e.clock {
			p.kind, p.end = pauseNone, 0
		}
		e.pauses.kind = max(e.pauses.kind, p.kind)
	}
	if e.pauses.kind < before {
		e.releaseHeld()
	}
}

// holds tells whether a pause holds back this command of this session.
func (e *Engine) holds(s *Session, cmd *command.Command, flags command.Flags) bool {
	if e.pauses.kind == pauseNone || s.downstream != nil || s.fromMaster {
		return false
	}
	if s.tx.open && cmd == e.execCmd {
		flags |= s.tx.flags
	}
	return e.pauses.kind == pauseAll || flags&(command.Write|command.MayReplicate) != 0
}

// postpone keeps a command for the end of the pause.
func (s *Session) postpone() { s.blocked = &blocking{postponed: true} }

// releaseHeld lets the postponed commands come again, the oldest client's
// first.
func (e *Engine) releaseHeld() {
	for _, s := range e.inOrder() {
		if s.blocked != nil && s.blocked.postponed {
			s.unblock()
		}
	}
}
