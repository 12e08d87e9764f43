// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// relief is what a loop has in hand when another goroutine takes over: it is in
// the middle of a turn, of which nothing may change until it goes on.
type relief struct {
	over atomic.Bool
	done chan struct{} // closed when the other goroutine has ended

	events    [eventsPerWait]unix.EpollEvent
	found     int
	arena     []byte
	arenaUsed int
	batch     batch
	runs      []connRun
	suspended []*conn

	dirty, again, unfinished []*conn // of the suspended ones
}

// Relieve lets another goroutine go on with the loop (Reliever).
func (c *conn) Relieve() (end func()) {
	l := c.loop
	r := &relief{done: make(chan struct{})}
	l.setAside(r)
	go func() {
		defer close(r.done)
		for !l.stopping && !r.over.Load() {
			l.round()
		}
	}()
	return func() {
		r.over.Store(true)
		l.hasNotes.Store(true) // so that it does not fall asleep
		l.rouse()
		<-r.done
		l.takeBack(r)
	}
}

// setAside leaves the loop as it is between two turns. The connections of the
// turn at hand, and those whose input waits for it, are not served: epoll does
// not know them until they are taken back.
func (l *loop) setAside(r *relief) {
	r.events, r.found = l.events, l.found
	r.arena, r.arenaUsed = l.arena, l.arenaUsed
	r.batch, r.runs = l.batch, l.runs
	l.found, l.arena, l.arenaUsed = 0, make([]byte, arenaSize), 0
	l.batch, l.runs = batch{}, nil
	for i := range r.runs {
		l.suspend(r, r.runs[i].conn)
	}
	for _, c := range l.conns {
		if c != nil && c.again {
			l.suspend(r, c)
		}
	}
	l.dirty, r.dirty = divide(l.dirty)
	l.again, r.again = divide(l.again)
	l.unfinished, r.unfinished = divide(l.unfinished)
}

func (l *loop) suspend(r *relief, c *conn) {
	if c.suspended || c.gone() {
		return
	}
	c.suspended = true
	r.suspended = append(r.suspended, c)
	// It fails only for what is no socket any more, which shows later.
	_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, c.FD(), nil)
}

// divide parts the suspended connections of a list from the others.
func divide(list []*conn) (others, suspended []*conn) {
	for _, c := range list {
		if c.suspended {
			suspended = append(suspended, c)
		} else {
			others = append(others, c)
		}
	}
	return others, suspended
}

// takeBack goes on where setAside left off.
func (l *loop) takeBack(r *relief) {
	l.events, l.found = r.events, r.found
	l.arena, l.arenaUsed = r.arena, r.arenaUsed
	l.batch, l.runs = r.batch, r.runs
	l.dirty = append(l.dirty, r.dirty...)
	l.again = append(l.again, r.again...)
	l.unfinished = append(l.unfinished, r.unfinished...)
	for _, c := range r.suspended {
		c.suspended = false
		if c.gone() {
			continue
		}
		c.interest = c.wanted()
		event := unix.EpollEvent{Events: c.interest, Fd: c.slot, Pad: int32(c.serial)}
		if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, c.FD(), &event); err != nil {
			c.note(noteClose) // out of kernel memory; nothing else can be wrong here
		}
	}
	l.mu.Lock()
	l.notedBy = append(l.notedBy, l.notedLater...)
	l.hasNotes.Store(true)
	l.mu.Unlock()
	l.notedLater = nil
}
