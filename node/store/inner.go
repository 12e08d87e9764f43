// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import "unsafe"

// inner is an inner node of a tree:
//
//	0  references, kindInner
//	5  number of children; room for children; level: 1 above the leaves
//	8  for each child a lower bound of what it holds, in the order of the tree
//	   for each child the number of elements below it, 4 bytes
//	   for each child its handle, 5 bytes
//
// The bound of a child is above all that is in the child before it, but for the
// elements of a sorted set with equal scores. The bound of the first child of
// a node is without meaning. A list has no bounds.
type inner struct{ p unsafe.Pointer }

const (
	fanout    = 64 // most children of a node
	fanoutMin = 16 // children below which a node is joined with its neighbour
	childSize = 8 + 4 + 5
)

func (r *reader) inner(h handle) inner { return inner{r.ptr(h)} }

func newInner(a *arena, level, room int) (handle, inner) {
	h, p := a.alloc(valueHeader + room*childSize)
	setHeader(p, kindInner)
	n := inner{p}
	*(*uint8)(unsafe.Add(p, 6)) = uint8(min(fanout, (a.sizeOf(h)-valueHeader)/childSize))
	*(*uint8)(unsafe.Add(p, 7)) = uint8(level)
	return h, n
}

func (n inner) len() int     { return int(*(*uint8)(unsafe.Add(n.p, 5))) }
func (n inner) setLen(l int) { *(*uint8)(unsafe.Add(n.p, 5)) = uint8(l) }
func (n inner) room() int    { return int(*(*uint8)(unsafe.Add(n.p, 6))) }
func (n inner) level() int   { return int(*(*uint8)(unsafe.Add(n.p, 7))) }

func (n inner) keyAt(i int) unsafe.Pointer { return unsafe.Add(n.p, valueHeader+i*8) }
func (n inner) countAt(i int) unsafe.Pointer {
	return unsafe.Add(n.p, valueHeader+n.room()*8+i*4)
}
func (n inner) childAt(i int) unsafe.Pointer {
	return unsafe.Add(n.p, valueHeader+n.room()*12+i*5)
}

func (n inner) key(i int) uint64          { return load64(n.keyAt(i)) }
func (n inner) count(i int) int           { return int(load32(n.countAt(i))) }
func (n inner) child(i int) handle        { return load40(n.childAt(i)) }
func (n inner) setKey(i int, key uint64)  { store64(n.keyAt(i), key) }
func (n inner) setCount(i, count int)     { store32(n.countAt(i), uint32(count)) }
func (n inner) setChild(i int, h handle)  { store40(n.childAt(i), h) }
func (n inner) addCount(i int, delta int) { n.setCount(i, n.count(i)+delta) }

func (n inner) set(i int, h handle, key uint64, count int) {
	n.setKey(i, key)
	n.setCount(i, count)
	n.setChild(i, h)
}

// total is the number of elements below the node.
func (n inner) total() int {
	sum := 0
	for i := range n.len() {
		sum += n.count(i)
	}
	return sum
}

// byKey returns the last child with a bound not above the key.
func (n inner) byKey(key uint64) int {
	i, size := 0, n.len()
	for size > 1 {
		half := size / 2
		if n.key(i+half) <= key {
			i += half
		}
		size -= half
	}
	return i
}

// byRank returns the child with the element of a rank, and the element's rank in
// that child. A rank beyond the last one is in the last child.
func (n inner) byRank(rank int) (i, rest int) {
	last := n.len() - 1
	for i < last {
		c := n.count(i)
		if rank < c {
			break
		}
		rank -= c
		i++
	}
	return i, rank
}

// move copies count children from one place, perhaps of another node, to
// another.
func (n inner) move(to int, from inner, at, count int) {
	copy(bytesAt(n.keyAt(to), count*8), bytesAt(from.keyAt(at), count*8))
	copy(bytesAt(n.countAt(to), count*4), bytesAt(from.countAt(at), count*4))
	copy(bytesAt(n.childAt(to), count*5), bytesAt(from.childAt(at), count*5))
}

// open makes room for count children at a place. The node must have the room.
func (n inner) open(at, count int) {
	l := n.len()
	n.move(at+count, n, at, l-at)
	n.setLen(l + count)
}

// remove takes count children out; the references to them are the caller's.
func (n inner) remove(at, count int) {
	l := n.len()
	n.move(at, n, at+count, l-at-count)
	n.setLen(l - count)
}

// reserve gives a node room for at least so many children. The node must have
// but one reference, and is dead afterwards unless it is the result.
func (a *arena) reserveInner(h handle, room int) (handle, inner) {
	n := a.inner(h)
	if n.room() >= room {
		return h, n
	}
	grown, m := newInner(a, n.level(), min(fanout, max(room, 2*n.room())))
	m.setLen(n.len())
	m.move(0, n, 0, n.len())
	a.free(h)
	return grown, m
}
