// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"unsafe"
)

// handle names a block in an arena: the number of its chunk and the block's
// place in the chunk in units of 8 bytes. It fits 40 bits, so the slabs of a
// store reach 8 TiB. The zero handle is no block.
type handle uint64

const (
	chunkBits  = 20
	chunkSize  = 1 << chunkBits
	unitBits   = chunkBits - 3
	unitMask   = 1<<unitBits - 1
	handleBits = 40
	handleMask = 1<<handleBits - 1
	maxChunks  = 1 << (handleBits - unitBits)
)

// spareChunks is how many empty chunks an arena keeps for its next need, so that
// a working set at the edge of a chunk does not map and unmap with every key.
const spareChunks = 4

var pageSize = os.Getpagesize()

// OutOfMemory is what the store panics with when the system refuses memory. As
// with Redis, a node without memory for a write has no sane way to go on.
type OutOfMemory struct {
	Size int // what was asked for, in bytes
	Err  error
}

func (e OutOfMemory) Error() string {
	return fmt.Sprintf("store: out of memory mapping %d bytes: %v", e.Size, e.Err)
}

func (e OutOfMemory) Unwrap() error { return e.Err }

var errTooManyChunks = errors.New("handle space exhausted")

// chunk is a piece of memory cut into blocks of one class, or, with class 0, a
// mapping that is one single block.
type chunk struct {
	mem        []byte
	id         uint32
	class      int32
	size       int    // of a block, in bytes
	used       uint32 // blocks in use
	fresh      uint32 // blocks handed out at least once: those above are untouched memory
	capacity   uint32 // blocks in all
	free       uint32 // first free block, in units plus one; each holds the next
	listed     bool   // in the list of chunks with free blocks
	next, prev *chunk
}

// arena allocates blocks outside the Go heap. Blocks never move, but for the
// single blocks of class 0 when they are resized.
type arena struct {
	reader
	chunks []*chunk
	ids    []uint32 // chunk numbers to be used again
	avail  [numClasses]*chunk
	spare  [][]byte

	used   int // bytes in blocks in use
	mapped int // bytes got from the system

	// holds counts those who may read from the arena though no store uses it
	// any more: a snapshot that runs, items of a batch that point into it.
	holds   int
	retired bool
	gone    bool

	doomed     []handle // roots of trees without references, see sweep
	prefetched uint64   // keeps the compiler from leaving out the loads of Prefetch
}

func newArena() *arena {
	return &arena{reader: reader{bases: make([]unsafe.Pointer, 1), seed: maphash.MakeSeed()}, chunks: make([]*chunk, 1)}
}

// sizeOf returns how many bytes a block has room for.
func (a *arena) sizeOf(h handle) int { return a.chunks[h>>unitBits].size }

// alloc returns a block of at least size bytes, which must be positive. Its
// content is arbitrary.
func (a *arena) alloc(size int) (handle, unsafe.Pointer) {
	if size > maxSlab {
		return a.allocSingle(size)
	}
	class := classOf(size)
	c := a.avail[class]
	if c == nil {
		c = a.addChunk(class)
	}
	var unit uint32
	if c.free != 0 {
		unit = c.free - 1
		c.free = *(*uint32)(unsafe.Add(a.bases[c.id], uintptr(unit)<<3))
	} else {
		unit = c.fresh * uint32(c.size>>3)
		c.fresh++
	}
	c.used++
	if c.free == 0 && c.fresh == c.capacity {
		a.unlist(c)
	}
	a.used += c.size
	return handle(c.id)<<unitBits | handle(unit), unsafe.Add(a.bases[c.id], uintptr(unit)<<3)
}

// free gives a block back.
func (a *arena) free(h handle) {
	c := a.chunks[h>>unitBits]
	a.used -= c.size
	if c.class == 0 {
		a.dropChunk(c)
		return
	}
	unit := uint32(h & unitMask)
	*(*uint32)(unsafe.Add(a.bases[c.id], uintptr(unit)<<3)) = c.free
	c.free = unit + 1
	c.used--
	if c.used == 0 {
		if c.listed {
			a.unlist(c)
		}
		a.dropChunk(c)
		return
	}
	if !c.listed {
		a.list(c)
	}
}

// resize returns a block of at least size bytes with the content of block h, of
// which only the first keep bytes matter; h is dead afterwards unless it is the
// result.
func (a *arena) resize(h handle, size, keep int) (handle, unsafe.Pointer) {
	c := a.chunks[h>>unitBits]
	if c.class == 0 && size > maxSlab {
		if want := roundPages(size); want != c.size {
			a.remap(c, want)
		}
		return h, a.bases[c.id]
	}
	if c.class != 0 && size <= maxSlab && classOf(size) == int(c.class) {
		return h, a.ptr(h)
	}
	old := a.ptr(h)
	grown, p := a.alloc(size)
	copy(unsafe.Slice((*byte)(p), keep), unsafe.Slice((*byte)(old), keep))
	a.free(h)
	return grown, p
}

func (a *arena) allocSingle(size int) (handle, unsafe.Pointer) {
	size = roundPages(size)
	mem, err := mapPages(size)
	if err != nil {
		panic(OutOfMemory{size, err})
	}
	c := &chunk{mem: mem, size: size, used: 1, fresh: 1, capacity: 1}
	a.enter(c)
	a.mapped += size
	a.used += size
	return handle(c.id) << unitBits, a.bases[c.id]
}

func (a *arena) remap(c *chunk, size int) {
	mem, err := remapPages(c.mem, size)
	if err != nil {
		panic(OutOfMemory{size, err})
	}
	a.used += size - c.size
	a.mapped += size - c.size
	c.mem, c.size = mem, size
	a.bases[c.id] = unsafe.Pointer(unsafe.SliceData(mem))
}

func (a *arena) addChunk(class int) *chunk {
	var mem []byte
	if n := len(a.spare); n > 0 {
		mem, a.spare = a.spare[n-1], a.spare[:n-1]
	} else {
		var err error
		if mem, err = mapPages(chunkSize); err != nil {
			panic(OutOfMemory{chunkSize, err})
		}
		a.mapped += chunkSize
	}
	size := classSize(class)
	c := &chunk{mem: mem, class: int32(class), size: size, capacity: uint32(chunkSize / size)}
	a.enter(c)
	a.list(c)
	return c
}

// enter gives a chunk its number.
func (a *arena) enter(c *chunk) {
	base := unsafe.Pointer(unsafe.SliceData(c.mem))
	if n := len(a.ids); n > 0 {
		c.id, a.ids = a.ids[n-1], a.ids[:n-1]
		a.bases[c.id], a.chunks[c.id] = base, c
		return
	}
	if len(a.chunks) == maxChunks {
		panic(OutOfMemory{len(c.mem), errTooManyChunks})
	}
	c.id = uint32(len(a.chunks))
	a.bases, a.chunks = append(a.bases, base), append(a.chunks, c)
}

// dropChunk gives the memory of a chunk without blocks in use back.
func (a *arena) dropChunk(c *chunk) {
	a.bases[c.id], a.chunks[c.id] = nil, nil
	a.ids = append(a.ids, c.id)
	if c.class != 0 && len(a.spare) < spareChunks {
		a.spare = append(a.spare, c.mem)
		return
	}
	a.mapped -= len(c.mem)
	background.release(c.mem)
}

func (a *arena) list(c *chunk) {
	head := a.avail[c.class]
	c.next, c.prev, c.listed = head, nil, true
	if head != nil {
		head.prev = c
	}
	a.avail[c.class] = c
}

func (a *arena) unlist(c *chunk) {
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		a.avail[c.class] = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.next, c.prev, c.listed = nil, nil, false
}

// hold keeps the memory of the arena readable until the matching release.
func (a *arena) hold() { a.holds++ }

func (a *arena) release() {
	a.holds--
	a.settle()
}

// retire says that no store uses the arena any more: all of its memory goes
// back to the system as soon as nobody holds it.
func (a *arena) retire() {
	a.retired = true
	a.settle()
}

func (a *arena) settle() {
	if !a.retired || a.holds > 0 || a.gone {
		return
	}
	a.gone = true
	var mem [][]byte
	for _, c := range a.chunks {
		if c != nil {
			mem = append(mem, c.mem)
		}
	}
	background.release(append(mem, a.spare...)...)
	*a = arena{retired: true, gone: true}
}

func roundPages(size int) int { return (size + pageSize - 1) &^ (pageSize - 1) }
