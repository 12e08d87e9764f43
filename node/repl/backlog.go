// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package repl

import (
	"slices"
	"sync/atomic"
)

// Sizes of the backlog, in bytes.
const (
	DefaultBacklogSize = 1 << 20  // repl-backlog-size when nothing is configured
	MinBacklogSize     = 16 << 10 // a smaller repl-backlog-size is raised to this

	minBlock = 16 << 10
	maxBlock = 64 << 10
)

// Backlog is the tail of the replication stream: a chain of blocks, each with
// the offset of its first byte. Offsets count from 1, so that the byte behind
// master_repl_offset has offset master_repl_offset+1.
//
// One writer, under the execution lock, appends and trims; any number of
// cursors read without a lock, each from a goroutine of its own. What a cursor
// may see of a block is the block's published length, an atomic; a block is
// never written again below that length. The backlog and its cursors hold
// blocks by ordinary references: what nobody holds is garbage, nothing is
// copied for a replica.
//
// As in Redis 7 a slow replica's cursor keeps the blocks that it has not read
// in the backlog, beyond the configured size: they count as that replica's
// output buffer, and others may resync from them meanwhile.
type Backlog struct {
	size    int64    // repl-backlog-size
	next    int64    // offset of the next byte to be appended
	written int      // bytes of the last block in use, published or not
	blocks  []*block // oldest first; empty until the first byte or cursor
	cursors []*Cursor
	rolled  bool // a block was added since Rolled was asked
}

// block is a piece of the stream. buf has its final length from the start;
// only its first published bytes are there for readers.
type block struct {
	start     int64
	buf       []byte
	published atomic.Int64
	next      atomic.Pointer[block]
}

// NewBacklog makes an empty backlog whose first byte will have offset next.
func NewBacklog(size, next int64) *Backlog {
	return &Backlog{size: max(size, MinBacklogSize), next: next}
}

// Size is the configured size in bytes.
func (b *Backlog) Size() int64 { return b.size }

// NextOffset is the offset that the next appended byte will have.
func (b *Backlog) NextOffset() int64 { return b.next }

// FirstByteOffset is the offset of the oldest byte still held; on an empty
// backlog, of the byte that comes next.
func (b *Backlog) FirstByteOffset() int64 {
	if len(b.blocks) == 0 {
		return b.next
	}
	return b.blocks[0].start
}

// Histlen is the number of bytes held.
func (b *Backlog) Histlen() int64 { return b.next - b.FirstByteOffset() }

// Memory is what the blocks occupy, in bytes.
func (b *Backlog) Memory() int64 {
	var n int64
	for _, blk := range b.blocks {
		n += int64(len(blk.buf))
	}
	return n
}

// Contains tells whether a replica that asks for the byte at offset can go on
// from here. The byte after the last one counts: such a replica misses nothing.
func (b *Backlog) Contains(offset int64) bool {
	return b.FirstByteOffset() <= offset && offset <= b.next
}

// Resize sets the configured size. Enlarged, the backlog keeps what it has;
// made smaller, it drops the oldest blocks.
func (b *Backlog) Resize(size int64) {
	b.size = max(size, MinBacklogSize)
	b.Trim()
}

// Rolled tells, once, whether a block was added since it was last asked: the
// moment to look at the output-buffer limits.
func (b *Backlog) Rolled() bool {
	r := b.rolled
	b.rolled = false
	return r
}

// Append adds p to the stream and publishes it.
func (b *Backlog) Append(p []byte) {
	b.write(p)
	b.publish()
}

// Reserve gives room for exactly n contiguous bytes at the end of the stream,
// for a writer that would otherwise have to build its bytes elsewhere first;
// nil when the last block has no such room. The bytes join the stream with
// Commit, which must come before anything else is appended.
func (b *Backlog) Reserve(n int) []byte {
	if len(b.blocks) == 0 {
		b.grow(n)
	}
	tail := b.blocks[len(b.blocks)-1]
	if len(tail.buf)-b.written < n {
		return nil
	}
	return tail.buf[b.written : b.written+n : b.written+n]
}

// Commit appends the n bytes that Reserve gave room for.
func (b *Backlog) Commit(n int) {
	b.written += n
	b.next += int64(n)
	b.publish()
}

// write adds p without showing it to the cursors, except for blocks that it
// fills.
func (b *Backlog) write(p []byte) {
	for len(p) > 0 {
		if len(b.blocks) == 0 || b.written == len(b.blocks[len(b.blocks)-1].buf) {
			b.grow(len(p))
		}
		n := copy(b.blocks[len(b.blocks)-1].buf[b.written:], p)
		b.written += n
		b.next += int64(n)
		p = p[n:]
	}
}

func (b *Backlog) publish() {
	if len(b.blocks) > 0 {
		b.blocks[len(b.blocks)-1].published.Store(int64(b.written))
	}
}

// grow adds a block that takes at least the bytes at hand, within bounds: a
// block is dropped as a whole, so it must stay a small part of the backlog.
func (b *Backlog) grow(atLeast int) {
	limit := min(max(int(b.size/16), minBlock), maxBlock)
	blk := &block{start: b.next, buf: make([]byte, min(max(atLeast, minBlock), limit))}
	if n := len(b.blocks); n > 0 {
		b.publish()
		b.blocks[n-1].next.Store(blk)
	}
	b.blocks = append(b.blocks, blk)
	b.written = 0
	b.rolled = true
	b.Trim()
}

// Trim drops the oldest blocks while more than the configured size would
// remain, up to the first one that a cursor still has to read.
func (b *Backlog) Trim() {
	needed := b.next
	for _, c := range b.cursors {
		needed = min(needed, c.offset.Load())
	}
	drop := 0
	for drop < len(b.blocks)-1 {
		end := b.blocks[drop+1].start
		if b.next-end <= b.size || needed < end {
			break
		}
		drop++
	}
	if drop > 0 {
		b.blocks = slices.Delete(b.blocks, 0, drop)
	}
}

// CursorAt gives a cursor whose first byte is the one at offset, which the
// backlog must contain. It holds on to the stream from there until Release.
func (b *Backlog) CursorAt(offset int64) *Cursor {
	if len(b.blocks) == 0 {
		b.grow(0)
	}
	at, found := slices.BinarySearchFunc(b.blocks, offset, func(blk *block, off int64) int {
		return int(min(max(blk.start-off, -1), 1))
	})
	if !found {
		at--
	}
	c := &Cursor{block: b.blocks[at]}
	c.offset.Store(offset)
	b.cursors = append(b.cursors, c)
	return c
}

// Release lets go of a cursor, under the execution lock. Its owner must have
// stopped reading.
func (b *Backlog) Release(c *Cursor) {
	if i := slices.Index(b.cursors, c); i >= 0 {
		b.cursors = slices.Delete(b.cursors, i, i+1)
		b.Trim()
	}
}

// Behind is how many bytes a cursor has still to read.
func (b *Backlog) Behind(c *Cursor) int64 { return b.next - c.offset.Load() }

// maxPeek bounds the pieces that one Peek gives: no single write takes more.
const maxPeek = 16

// Cursor reads the stream for one replica. Peek and Advance belong to the one
// goroutine that feeds that replica; Offset may be called from anywhere.
type Cursor struct {
	block  *block
	offset atomic.Int64
}

// Offset is the offset of the next byte to be read.
func (c *Cursor) Offset() int64 { return c.offset.Load() }

// Peek appends to dst what can be read now, in stream order, as slices of the
// shared blocks: not to be written to, valid until the bytes are passed with
// Advance and for as long as they are referred to.
func (c *Cursor) Peek(dst [][]byte) [][]byte {
	b, from := c.block, c.offset.Load()-c.block.start
	for range maxPeek {
		n := b.published.Load()
		if n > from {
			dst = append(dst, b.buf[from:n:n])
		}
		if n < int64(len(b.buf)) {
			break
		}
		if b = b.next.Load(); b == nil {
			break
		}
		from = 0
	}
	return dst
}

// Advance passes n bytes that Peek gave.
func (c *Cursor) Advance(n int) {
	offset := c.offset.Load() + int64(n)
	for offset >= c.block.start+int64(len(c.block.buf)) {
		following := c.block.next.Load()
		if following == nil {
			break
		}
		c.block = following
	}
	c.offset.Store(offset)
}
