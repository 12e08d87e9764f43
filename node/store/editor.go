// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import "slices"

// editor is what the editors of all types share: the entry under the key, and
// the collection while it is being edited, in one of two forms:
//
//   - packed: the bytes, which lie where the entry has them (inSlab) and are
//     edited there as far as the room goes, else in the store's scratch buffer.
//   - a tree (packed is nil): the root, which may be another one with every
//     change. The reference that the entry has to the root that it names belongs
//     to the editor meanwhile.
//
// Close writes back. An editor lives in the store, so that opening it allocates
// nothing, and only one is open at a time: another one might move the entry that
// this one knows.
type editor struct {
	tree
	ks   *keyspace
	key  []byte
	hash uint64
	slot slot // no entry: the key is not there
	typ  Type
	enc  Encoding

	packed []byte
	inSlab bool
	shared bool // in the slab, and others read it, too

	count int // elements of the tree
}

// open looks the key up and tells whether it is there. If it is not, the
// collection begins as neither form, and it is up to the caller to give it one.
// It counts as no access: to learn the type the command has looked before.
func (ed *editor) open(db *DB, key []byte, typ Type) (there bool) {
	if db.st.editing {
		panic("store: an edit is still open")
	}
	db.st.editing = true
	ks := db.ks
	ed.begin(ks.a, 0)
	ed.ks, ed.key, ed.typ = ks, key, typ
	ed.packed, ed.inSlab, ed.shared, ed.count = nil, false, false, 0
	ed.hash = ks.hash(key)
	ed.slot = ks.find(ed.hash, key)
	e := ed.slot.e
	if e.p == nil {
		return false
	}
	ks.beforeChange(ed.slot.bucket)
	ed.enc = e.encoding()
	switch h := e.block(); {
	case e.isTree():
		ed.root, ed.count = h, e.blockLen()
	case h != 0:
		ed.packed = ed.a.valueBytes(h, ed.a.sizeOf(h)-valueHeader)[:e.blockLen()]
		ed.inSlab, ed.shared = true, valueRefs(ed.a, h) > 1
	default:
		p, n := e.payload()
		room := ed.a.sizeOf(ed.slot.h) - e.size() + n
		if e.flags()&flagWide == 0 {
			room = min(room, 0xff)
		}
		ed.packed, ed.inSlab = bytesAt(p, min(room, inlineMax))[:n], true
	}
	return true
}

// collection is a look at the collection as it is now.
func (ed *editor) collection() collection {
	return collection{r: ed.r, packed: ed.packed, root: ed.root, count: ed.count}
}

// pack begins the packed form of a new collection.
func (ed *editor) pack(enc Encoding, empty []byte) {
	ed.enc = enc
	ed.packed = append(ed.ks.st.scratch[:0], empty...)
}

// reserve makes the packed form ready to be edited, with room for n more bytes.
func (ed *editor) reserve(n int) {
	switch {
	case ed.inSlab && (ed.shared || cap(ed.packed)-len(ed.packed) < n):
		ed.toScratch(n)
	case !ed.inSlab:
		ed.packed = slices.Grow(ed.packed, n)
	}
}

func (ed *editor) toScratch(room int) {
	scratch := slices.Grow(ed.ks.st.scratch[:0], len(ed.packed)+room)
	ed.packed = append(scratch, ed.packed...)
	ed.inSlab, ed.shared = false, false
}

// unpack gives up the packed form, whose elements are in the tree now.
func (ed *editor) unpack(enc Encoding) {
	ed.keepScratch()
	ed.enc = enc
	ed.packed, ed.inSlab, ed.shared = nil, false, false
}

// scratchMax is how large a scratch buffer is kept from one edit to the next.
const scratchMax = 1 << 20

func (ed *editor) keepScratch() {
	if ed.packed != nil && !ed.inSlab && cap(ed.packed) <= scratchMax {
		ed.ks.st.scratch = ed.packed[:0]
	}
}

// close writes back a collection of n elements, and deletes one without any.
func (ed *editor) close(n int) (emptied bool) {
	there := ed.slot.e.p != nil
	switch {
	case n == 0 && there:
		if ed.slot.e.isTree() {
			ed.slot.e.dropBlock() // the tree has given it up already
		}
		ed.ks.delete(ed.slot)
	case n == 0:
	case ed.packed == nil && there && ed.slot.e.isTree():
		ed.slot.e.setBlock(ed.root, ed.count)
	case ed.packed == nil:
		ed.put(&content{typ: ed.typ, enc: ed.enc, block: ed.root, size: ed.count})
	default:
		ed.closePacked()
	}
	ed.keepScratch()
	ed.ks.st.editing = false
	ed.key, ed.packed, ed.ks, ed.slot = nil, nil, nil, slot{}
	return n == 0 && there
}

func (ed *editor) closePacked() {
	if ed.inSlab && !ed.shrunk() {
		return
	}
	ed.put(&content{typ: ed.typ, enc: ed.enc, text: ed.packed, size: len(ed.packed)})
}

// shrunk tells the entry the new length of what was edited in its place and
// reports whether so much room has come free that it had better move.
func (ed *editor) shrunk() bool {
	e, n := ed.slot.e, len(ed.packed)
	block := e.block()
	need, have := n+valueHeader, 0
	if block != 0 {
		if n != e.blockLen() {
			e.setBlock(block, n)
		}
		have = ed.a.sizeOf(block)
	} else {
		e.setPayloadLen(n)
		need, have = e.size(), ed.a.sizeOf(ed.slot.h)
	}
	if !wasteful(need, have) {
		return false
	}
	ed.toScratch(0)
	return true
}

func (ed *editor) put(c *content) { ed.ks.put(ed.hash, ed.slot, ed.key, c, true) }
