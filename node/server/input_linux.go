// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import "syscall"

// read takes what has arrived, once, and parses it.
func (l *loop) read(c *conn) {
	if c.again || c.session == nil {
		return // epoll tells again
	}
	if c.held || len(c.in) >= bigArgument || c.parser.Need() >= bigArgument {
		l.readOwn(c)
		return
	}
	start := l.arenaUsed
	at := start + copy(l.arena[start:], c.in)
	n, errno := receive(c.FD(), l.arena[at:at+maxIO])
	if n <= 0 || errno != 0 {
		l.readFailed(c, n, errno)
		return
	}
	l.counted.InputBytes += int64(n)
	l.arenaUsed = at + n
	if c.in != nil {
		l.releaseInput(c)
	}
	l.parse(c, l.arena[start:l.arenaUsed:l.arenaUsed], false)
}

// readOwn receives into a buffer of the connection's: a large argument, which
// is to stay where it arrives, or input that is held.
func (l *loop) readOwn(c *conn) {
	for budget := turnIO; budget > 0; {
		l.growInput(c)
		room := c.in[len(c.in):cap(c.in)]
		room = room[:min(len(room), maxIO)]
		n, errno := receive(c.FD(), room)
		if n <= 0 || errno != 0 {
			if errno == syscall.EAGAIN {
				break
			}
			l.readFailed(c, n, errno)
			return
		}
		l.counted.InputBytes += int64(n)
		c.in = c.in[:len(c.in)+n]
		budget -= n
		if n < len(room) || len(c.in) >= maxHeld && c.held {
			break
		}
	}
	if c.held {
		l.keep(c, c.in, true)
		l.watchFor(c)
		return
	}
	l.parse(c, c.in, true)
}

// growInput makes room for more input, for all of an argument if it can be
// known and believed.
func (l *loop) growInput(c *conn) {
	need := c.parser.Need()
	if len(c.in) < cap(c.in) && (need <= cap(c.in) || need > trusted) {
		return
	}
	size := roomFor(len(c.in), need)
	grown := append(l.inputBuffer(size), c.in...)
	l.releaseInput(c)
	c.in = grown
}

func (l *loop) inputBuffer(size int) []byte {
	if size <= maxPooledBig {
		return l.inputs.get(size)
	}
	if b := l.bigSpare; cap(b) >= size {
		l.bigSpare = nil
		return b
	}
	return make([]byte, 0, size)
}

func (l *loop) releaseInput(c *conn) {
	if n := cap(c.in); n > maxPooledBig && n <= maxPooled && n >= cap(l.bigSpare) {
		l.bigSpare = c.in[:0]
	} else {
		l.inputs.put(c.in)
	}
	c.in = nil
	c.account()
}

func (l *loop) readFailed(c *conn, n int, errno syscall.Errno) {
	switch {
	case errno == syscall.EAGAIN || errno == syscall.EINTR:
	case errno == 0 && n == 0 && !c.held && c.source == nil && c.out.bytes > 0:
		// The peer has said all it wanted and may still listen.
		c.closing = true
		l.releaseInput(c)
		l.watchFor(c)
	default:
		l.drop(c)
	}
}

// parse adds the complete requests at the front of input to the batch.
func (l *loop) parse(c *conn, input []byte, own bool) {
	r := connRun{conn: c, input: input, own: own, run: l.batch.parse(&c.parser, input)}
	if r.idle() {
		l.keep(c, input[r.end:], own)
		if r.unparsed() {
			l.parseLater(c)
		}
		return
	}
	l.runs = append(l.runs, r)
}

// settle deals with the input of a run that has been executed, or has not
// because its connection was ended.
func (l *loop) settle(r *connRun) {
	c := r.conn
	if c.gone() {
		return
	}
	if c.closing {
		l.releaseInput(c)
		return
	}
	if r.held {
		// The parser has seen requests that will be given to it again.
		c.parser.Reset()
	}
	l.keep(c, r.input[r.done:], r.own)
	if r.unparsed() || r.held {
		l.parseLater(c)
	}
}

// keep stores the unexecuted end of an input in the connection.
func (l *loop) keep(c *conn, rest []byte, own bool) {
	switch {
	case len(rest) == 0:
		if own {
			l.releaseInput(c)
		}
		return
	case !own:
		size := len(rest)
		if need := c.parser.Need(); need >= bigArgument {
			size = roomFor(size, need)
		}
		c.in = append(l.inputBuffer(size), rest...)
	case cap(c.in) > bigArgument && c.parser.Need() <= bigArgument && len(rest) <= cap(c.in)/8:
		small := append(l.inputBuffer(len(rest)), rest...)
		l.releaseInput(c)
		c.in = small
	case len(rest) < len(c.in):
		c.in = c.in[:copy(c.in, rest)]
	}
	c.account()
	if l.server.overfull(c, len(c.in)) {
		l.counted.QueryBufferKill++
		l.drop(c)
	}
}

// parseLater has the connection's input parsed in the next turn, unless it is
// held.
func (l *loop) parseLater(c *conn) {
	if !c.held && !c.again && len(c.in) > 0 {
		c.again = true
		l.again = append(l.again, c)
	}
}

// parseAgain parses input that has waited for this turn.
func (l *loop) parseAgain() {
	waiting := l.again
	l.again = l.againSpare
	for i, c := range waiting {
		waiting[i] = nil
		if l.full() {
			l.turn()
		}
		c.again = false
		if !c.gone() && !c.closing && !c.held {
			l.parse(c, c.in, true)
		}
	}
	l.againSpare = waiting[:0]
}
