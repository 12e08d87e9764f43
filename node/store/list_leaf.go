// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import "unsafe"

// listLeaf is a leaf of a list. Behind the block's header a kindListLeaf has a
// listpack, whose first four bytes tell its length, and a kindListPlain the
// length of its only element, 4 bytes, and the element.
type listLeaf struct{ p unsafe.Pointer }

const plainHeader = valueHeader + 4

func (r *reader) listLeaf(h handle) listLeaf { return listLeaf{r.ptr(h)} }

func (l listLeaf) plain() bool { return kindOf(l.p) == kindListPlain }

// bytes returns the listpack or, of a plain leaf, the element.
func (l listLeaf) bytes() []byte {
	n := int(load32(unsafe.Add(l.p, valueHeader)))
	if l.plain() {
		return bytesAt(unsafe.Add(l.p, plainHeader), n)
	}
	return bytesAt(unsafe.Add(l.p, valueHeader), n)
}

// room returns the listpack with what its block has left as capacity.
func (l listLeaf) room(size int) []byte {
	return bytesAt(unsafe.Add(l.p, valueHeader), size-valueHeader)[:load32(unsafe.Add(l.p, valueHeader))]
}

// newListLeaf makes a leaf of a listpack, with room for more bytes.
func newListLeaf(a *arena, lp []byte, more int) handle {
	h, p := a.alloc(valueHeader + len(lp) + more)
	setHeader(p, kindListLeaf)
	copy(bytesAt(unsafe.Add(p, valueHeader), len(lp)), lp)
	return h
}

// newListPlain makes a leaf of one element.
func newListPlain(a *arena, element []byte) handle {
	h, p := a.alloc(plainHeader + len(element))
	setHeader(p, kindListPlain)
	store32(unsafe.Add(p, valueHeader), uint32(len(element)))
	copy(bytesAt(unsafe.Add(p, plainHeader), len(element)), element)
	return h
}
