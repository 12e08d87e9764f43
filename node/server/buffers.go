// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import "math/bits"

// Sizes in bytes.
const (
	// maxIO is the most that one read or write moves: a raw system call holds
	// up the garbage collector's stop of the world.
	maxIO = 64 << 10
	// turnIO is the most that one connection moves in one turn of its loop.
	turnIO = 4 * maxIO
	// bigArgument is the length from which an argument is received in a buffer
	// of its own size.
	bigArgument = 32 << 10
	// trusted is how much is reserved for an argument that is announced.
	trusted = 16 << 20
	// maxHeld is how much input a connection may pile up while it is held; the
	// kernel keeps the rest and the peer waits.
	maxHeld = 1 << 20

	minBuffer    = 512
	minReply     = 2 << 10
	maxPooled    = 4 << 20 // all the buffers of a pool together
	maxPooledBig = 1 << 20 // one of them
)

// pool keeps buffers for use again, the last one returned first as it is the
// likeliest to be in the cache. Not safe for concurrent use.
type pool struct {
	free  [][]byte
	bytes int
}

// get gives an empty buffer with room for at least size bytes.
func (p *pool) get(size int) []byte {
	const tries = 4
	last := len(p.free) - 1
	for i := last; i >= 0 && i > last-tries; i-- {
		if b := p.free[i]; cap(b) >= size {
			p.free[i] = p.free[last]
			p.free[last] = nil
			p.free = p.free[:last]
			p.bytes -= cap(b)
			return b
		}
	}
	return make([]byte, 0, 1<<bits.Len(uint(max(size, minBuffer)-1)))
}

// put takes a buffer that nobody uses any more.
func (p *pool) put(b []byte) {
	if cap(b) < minBuffer || cap(b) > maxPooledBig || p.bytes+cap(b) > maxPooled {
		return
	}
	p.free = append(p.free, b[:0])
	p.bytes += cap(b)
}

// roomFor gives the capacity that a buffer with used bytes should have when its
// owner knows, or does not (need 0), how long it will become. What a peer
// announces is believed up to a bound; beyond it has to be there to be matched.
func roomFor(used, need int) int {
	switch {
	case need <= used:
		return max(2*used, minBuffer)
	case need <= trusted:
		return need
	}
	return min(need, max(trusted, 2*used))
}

// outQueue is replies that wait to be written.
type outQueue struct {
	chunks [][]byte // none is empty; those before head are nil
	head   int
	pos    int // written part of chunks[head]
	bytes  int // not yet written
}

// mergeBelow is the size under which replies that cannot be written at once are
// put together, so that a slow reader of small messages does not hold a buffer
// for each.
const mergeBelow = 4 << 10

// keptChunks is how many places an empty queue may hold on to.
const keptChunks = 8

// push adds a chunk and returns memory that it has no use for, if any.
func (q *outQueue) push(b []byte) (unused []byte) {
	if len(b) == 0 {
		return b
	}
	merge := q.bytes > 0 && len(b) < mergeBelow
	q.bytes += len(b)
	if merge {
		last := len(q.chunks) - 1
		if tail := q.chunks[last]; cap(tail)-len(tail) >= len(b) {
			q.chunks[last] = append(tail, b...)
		} else {
			q.chunks = append(q.chunks, append(make([]byte, 0, 4*mergeBelow), b...))
		}
		return b
	}
	q.chunks = append(q.chunks, b)
	return nil
}

// peek appends the unwritten bytes, at most limit of them, to dst.
func (q *outQueue) peek(dst [][]byte, limit int) [][]byte {
	pos := q.pos
	for _, b := range q.chunks[q.head:] {
		b = b[pos:]
		if len(b) >= limit {
			return append(dst, b[:limit])
		}
		dst = append(dst, b)
		limit -= len(b)
		pos = 0
	}
	return dst
}

// advance notes that n bytes have been written and puts the chunks that are
// done with into p.
func (q *outQueue) advance(n int, p *pool) {
	q.bytes -= n
	for n > 0 {
		b := q.chunks[q.head]
		if n < len(b)-q.pos {
			q.pos += n
			return
		}
		n -= len(b) - q.pos
		p.put(b)
		q.chunks[q.head] = nil
		q.head++
		q.pos = 0
	}
	if q.head == len(q.chunks) {
		q.chunks, q.head = q.chunks[:0], 0
		if cap(q.chunks) > keptChunks {
			q.chunks = nil
		}
	}
}

// clear drops everything.
func (q *outQueue) clear(p *pool) {
	q.advance(q.bytes, p)
	q.chunks = nil
}

// limited cuts pieces after limit bytes.
func limited(pieces [][]byte, limit int) [][]byte {
	for i, p := range pieces {
		if len(p) >= limit {
			pieces[i] = p[:limit]
			return pieces[:i+1]
		}
		limit -= len(p)
	}
	return pieces
}
