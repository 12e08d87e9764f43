// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// maxPieces is how many slices one system call writes at most.
const maxPieces = 64

// write sends replies and then what the source has, as far as the kernel takes
// it and the turn allows.
func (l *loop) write(c *conn) {
	if c.gone() {
		return
	}
	if c.clogged {
		c.showUnsent()
		return
	}
	for budget := turnIO; ; {
		pieces, total := l.toWrite(c)
		if total == 0 {
			if c.closing {
				l.drop(c)
				return
			}
			break
		}
		if budget <= 0 {
			l.writeLater(c)
			break
		}
		if c.guarded && c.out.bytes > 0 && !l.server.handler.Release() {
			l.drop(c)
			return
		}
		n, errno := l.send(c, pieces)
		switch {
		case errno == syscall.EAGAIN:
			n = 0
		case errno == syscall.EINTR:
			continue
		case errno != 0:
			l.drop(c)
			return
		}
		l.written(c, n)
		c.guarded = c.guarded && c.out.bytes > 0
		budget -= n
		if n < total {
			c.clogged = true
			break
		}
	}
	if c.session == nil {
		l.drop(c) // refused; it had its chance to hear why
		return
	}
	c.showUnsent()
	l.watchFor(c)
}

// toWrite gives the next bytes to write, at most maxIO.
func (l *loop) toWrite(c *conn) (pieces [][]byte, total int) {
	switch {
	case c.out.bytes > 0:
		pieces = c.out.peek(l.pieces[:0], maxIO)
	case c.source != nil && !c.closing:
		pieces = c.source.Peek(l.pieces[:0])
	default:
		return nil, 0
	}
	l.pieces = pieces
	pieces = limited(pieces[:min(len(pieces), maxPieces)], maxIO)
	for _, p := range pieces {
		total += len(p)
	}
	return pieces, total
}

func (l *loop) send(c *conn, pieces [][]byte) (int, syscall.Errno) {
	if len(pieces) == 1 {
		return send(c.FD(), pieces[0])
	}
	return sendAll(c.FD(), pieces, l.vectors[:])
}

func (l *loop) written(c *conn, n int) {
	if c.out.bytes > 0 {
		l.counted.OutputBytes += int64(n)
		c.out.advance(n, &l.replies)
		return
	}
	if n > 0 {
		l.counted.SourceBytes += int64(n)
		c.source.Advance(n)
	}
}

// writeLater goes on with a connection's output in the next turn.
func (l *loop) writeLater(c *conn) {
	if !c.unfinished {
		c.unfinished = true
		l.unfinished = append(l.unfinished, c)
	}
}

// watchFor tells epoll what the connection waits for, when that has changed.
func (l *loop) watchFor(c *conn) {
	mask := c.wanted()
	if c.gone() || mask == c.interest {
		return
	}
	c.interest = mask
	event := unix.EpollEvent{Events: mask, Fd: c.slot, Pad: int32(c.serial)}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, c.FD(), &event); err != nil {
		l.drop(c) // out of kernel memory; nothing else can be wrong here
	}
}
