// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"hash/maphash"
	"unsafe"
)

// A block that holds a value, or a part of one, begins with 8 bytes:
//
//	0  references, 4 bytes
//	4  kind
//	5  3 bytes for the use of the kind
//
// A block with more than one reference is never written, nor is anything that
// can be reached through one: who wants to writes a copy (arena.unshare), which
// takes a reference to whatever the block names. So one reference keeps all that
// lies below a block as it is, however much that is.
const valueHeader = 8

// kind says what is in a block.
type kind uint8

const (
	kindBytes       kind = iota // the bytes of a string, a packed collection or an element
	kindInner                   // an inner node of a tree, see inner.go
	kindMapLeaf                 // fields of a hash, members of a set or a zset by name
	kindOrderedLeaf             // members of a zset by score
	kindPair                    // the two trees of a zset
	kindListLeaf                // elements of a list as a listpack
	kindListPlain               // one element of a list as it is
)

func kindOf(p unsafe.Pointer) kind { return *(*kind)(unsafe.Add(p, 4)) }

// setHeader begins a block with one reference.
func setHeader(p unsafe.Pointer, k kind) { store64(p, 1|uint64(k)<<32) }

// reader finds blocks by their handles, for looks at values. That of an arena
// serves under the lock. A copy of it may be used without the lock to look at
// blocks that it was made after and that something keeps a reference to:
// neither they nor their chunks change.
type reader struct {
	bases  []unsafe.Pointer // by chunk number: all that a lookup needs
	seed   maphash.Seed     // of the order of map trees
	digits [2][20]byte      // what numbers are written out to
}

// ptr returns the address of a block.
func (r *reader) ptr(h handle) unsafe.Pointer {
	return unsafe.Add(r.bases[h>>unitBits], (h&unitMask)<<3)
}

func newValueBlock(a *arena, c *content) handle {
	h, p := a.alloc(valueHeader + max(c.size, c.room))
	setHeader(p, kindBytes)
	fill(bytesAt(unsafe.Add(p, valueHeader), c.size), c.text)
	return h
}

// valueBytes returns the bytes of a block of kindBytes.
func (r *reader) valueBytes(h handle, n int) []byte {
	return bytesAt(unsafe.Add(r.ptr(h), valueHeader), n)
}

func valueRefs(a *arena, h handle) uint32 { return load32(a.ptr(h)) }

func retainValue(a *arena, h handle) {
	p := a.ptr(h)
	store32(p, load32(p)+1)
}

// releaseValue gives a reference to a block up. With the last one goes the
// block, and its references to what it names; a tree goes bit by bit.
func releaseValue(a *arena, h handle) {
	p := a.ptr(h)
	if n := load32(p) - 1; n > 0 {
		store32(p, n)
		return
	}
	if kindOf(p) == kindInner {
		a.doom(h)
		return
	}
	eachNamed(p, func(h handle) { releaseValue(a, h) })
	a.free(h)
}

// eachNamed calls visit for every reference to another block that a block has.
func eachNamed(p unsafe.Pointer, visit func(handle)) {
	switch kindOf(p) {
	case kindInner:
		n := inner{p}
		for i := range n.len() {
			visit(n.child(i))
		}
	case kindMapLeaf:
		mapLeaf{p}.eachNamed(visit)
	case kindOrderedLeaf:
		l := orderedLeaf{p}
		l.eachLong(0, l.len(), visit)
	case kindPair:
		zpair{p}.eachNamed(visit)
	}
}

// unshare returns a block with the content of block h that the caller may
// write: the block itself if it has but one reference. Otherwise the reference
// passes over to a copy.
func (a *arena) unshare(h handle) handle {
	p := a.ptr(h)
	refs := load32(p)
	if refs == 1 {
		return h
	}
	size := a.sizeOf(h)
	own, q := a.alloc(size)
	copy(bytesAt(q, size), bytesAt(p, size))
	store32(q, 1)
	store32(p, refs-1)
	eachNamed(q, func(h handle) { retainValue(a, h) })
	return own
}

// estimate tells about how many bytes lie below a block, without going there.
func (a *arena) estimate(h handle) int {
	const leaf = 3 << 10
	n := a.inner(h)
	size := 0
	switch kindOf(n.p) {
	case kindInner:
		size = leaf * n.len()
		for range n.level() - 1 {
			size *= fanout / 2
		}
	case kindPair:
		eachNamed(n.p, func(h handle) { size += a.estimate(h) })
	default:
		size = a.sizeOf(h)
	}
	return size
}

// sweepSteps is how many leaves of trees that are gone are freed with each
// further one, so that many deletions do not outrun Reclaim.
const sweepSteps = 8

// doom has a tree freed whose root has no reference any more.
func (a *arena) doom(h handle) {
	if a.retired {
		return // it goes with the arena
	}
	a.doomed = append(a.doomed, h)
	steps := 0
	a.sweep(func() bool { steps++; return steps < sweepSteps })
}

// sweep frees blocks of doomed trees for as long as more says so, and reports
// whether all are gone.
func (a *arena) sweep(more func() bool) bool {
	for len(a.doomed) > 0 {
		if last := len(a.doomed) - 1; a.prune(a.doomed[last]) {
			a.doomed = a.doomed[:last]
		}
		if !more() {
			return len(a.doomed) == 0
		}
	}
	return true
}

// prune gives up the last leaf of a doomed tree, or an inner node that has no
// children left, and reports whether that was the root.
func (a *arena) prune(root handle) bool {
	h, parent := root, inner{}
	for {
		n := a.inner(h)
		if n.len() == 0 {
			a.free(h)
			if h == root {
				return true
			}
			parent.setLen(parent.len() - 1)
			return false
		}
		child := n.child(n.len() - 1)
		if p := a.ptr(child); kindOf(p) != kindInner || load32(p) > 1 {
			releaseValue(a, child)
			n.setLen(n.len() - 1)
			return false
		}
		h, parent = child, n
	}
}
