// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import "github.com/espalier-io/espalier/node/resp"

// maxBatch bounds the requests of one acquisition of the execution lock, and
// with them the time for which others wait for it.
const maxBatch = 1024

// announced is about how many requests are announced together. What they need
// is to be in the first caches, and its pages' addresses too, when they are
// executed.
const announced = 64

// keptArguments is how many places for arguments a batch holds on to.
const keptArguments = 64 * maxBatch

// batch holds requests that have been parsed and wait for the execution lock.
// Its memory is used again by the next batch.
type batch struct {
	argv     [][]byte
	requests []request
}

// request is a range of a batch's arguments. An empty range is a keep-alive.
type request struct {
	from, to int
	end      int // where it ends in its connection's input
}

// run is what one connection has in a batch.
type run struct {
	first, last int   // its requests
	end         int   // how much of the input has been parsed
	err         error // why the input behind end is no request
	more        bool  // the batch was full before the input was used up
}

func (b *batch) full() bool { return len(b.requests) >= maxBatch }

func (b *batch) reset() {
	// Stale arguments would keep whole buffers alive.
	clear(b.argv)
	b.argv, b.requests = b.argv[:0], b.requests[:0]
	if cap(b.argv) > keptArguments {
		b.argv = nil
	}
}

// parse adds the complete requests at the front of input.
func (b *batch) parse(p *resp.Parser, input []byte) run {
	r := run{first: len(b.requests)}
	for r.end < len(input) {
		if b.full() {
			r.more = true
			break
		}
		from := len(b.argv)
		n, argv, err := p.Next(input[r.end:], b.argv)
		if err != nil {
			r.err = err
			break
		}
		if n == 0 {
			break
		}
		b.argv = argv
		r.end += n
		if len(argv) > from || resp.IsKeepAlive(n) {
			b.requests = append(b.requests, request{from, len(argv), r.end})
		}
	}
	r.last = len(b.requests)
	return r
}

// idle tells that a run has nothing for which the lock is needed.
func (r *run) idle() bool { return r.first == r.last && r.err == nil }

// announce shows the session the requests of r.
func (b *batch) announce(s Session, r *run) {
	for i := r.first; i < r.last; i++ {
		if q := &b.requests[i]; q.from < q.to {
			s.Announce(b.argv[q.from:q.to:q.to])
		}
	}
}

// execute runs the requests of r until one of them says otherwise, and returns
// how much of the input they made up. A protocol error counts only when no
// request comes before it: one of them may change the limits (AUTH), so the
// input behind them is parsed again afterwards (unparsed).
func (b *batch) execute(s Session, r *run) (done int, v Verdict) {
	if r.first == r.last && r.err != nil {
		s.ProtocolError(r.err.Error())
		return r.end, CloseAfterReply
	}
	for i := r.first; i < r.last; i++ {
		q := &b.requests[i]
		if q.from == q.to {
			s.KeepAlive()
		} else if v = s.Execute(b.argv[q.from:q.to:q.to]); v == Postpone {
			return done, v
		}
		done = q.end
		if v != Next {
			return done, v
		}
	}
	return r.end, Next
}

// unparsed tells that after r there may be further requests in the input.
func (r *run) unparsed() bool { return r.more || r.err != nil }
