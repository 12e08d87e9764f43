// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"iter"

	"github.com/espalier-io/espalier/node/listpack"
)

// Hash is a look at a hash, valid until the next mutation of the store. Bytes
// that it gives are valid until the next call of any look at the same store or
// batch: numbers of a listpack are written out to a buffer that they share.
type Hash struct{ collection }

// Hash returns a look at the value, which must be a hash.
func (v Value) Hash() Hash { return Hash{v.collection()} }

// Len returns the number of fields.
func (h Hash) Len() int {
	if h.packed != nil {
		return listpack.Len(h.packed) / 2
	}
	return h.count
}

// Get returns the value of a field.
func (h Hash) Get(field []byte) (value []byte, ok bool) {
	if h.packed != nil {
		off := listpack.Find(h.packed, listpack.First(h.packed), field, 1)
		if off < 0 {
			return nil, false
		}
		return h.element(listpack.Next(h.packed, off), 1), true
	}
	l, i := h.r.mapGet(h.root, field)
	if i < 0 {
		return nil, false
	}
	return h.r.mapValue(l, i), true
}

// All yields the fields and their values: in the order of insertion while the
// hash is a listpack, else in no order.
func (h Hash) All() iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		if h.packed == nil {
			h.r.mapEach(h.root, func(l mapLeaf, i int) bool { return yield(h.r.mapPair(l, i)) })
			return
		}
		for off := listpack.First(h.packed); off >= 0; {
			at := listpack.Next(h.packed, off)
			if !yield(h.element(off, 0), h.element(at, 1)) {
				return
			}
			off = listpack.Next(h.packed, at)
		}
	}
}

// At returns the i-th field in the order of All, 0 <= i < Len.
func (h Hash) At(i int) (field, value []byte) {
	if h.packed == nil {
		return h.r.mapPair(h.r.mapAt(h.root, i))
	}
	off := listpack.Seek(h.packed, 2*i)
	return h.element(off, 0), h.element(listpack.Next(h.packed, off), 1)
}

// Scan calls emit for the fields behind a cursor, at least count of them where
// there are as many, and returns the cursor to go on with, 0 at the end. A field
// that is there from the first call to the last is among them. A listpack is
// yielded as a whole.
func (h Hash) Scan(cursor uint64, count int, emit func(field, value []byte)) (next uint64) {
	if h.packed == nil {
		return h.r.mapScan(h.root, cursor, count, func(l mapLeaf, i int) { emit(h.r.mapPair(l, i)) })
	}
	for field, value := range h.All() {
		emit(field, value)
	}
	return 0
}

// HashEditor changes one hash. Nothing else may change the store until it is
// closed.
type HashEditor struct{ editor }

// EditHash opens the hash under a key; a key that is not there becomes one with
// the first field. The caller has made sure that it is no other type.
func (db *DB) EditHash(key []byte) *HashEditor {
	h := &db.st.editors.hash
	if !h.open(db, key, TypeHash) {
		h.pack(EncListpack, emptyListpack)
	}
	return h
}

// Hash is a look at the hash as it is now, valid until the next change.
func (h *HashEditor) Hash() Hash { return Hash{h.collection()} }

// Set sets a field and tells whether it is new.
func (h *HashEditor) Set(field, value []byte) (added bool) {
	limits := &h.ks.st.limits
	if h.packed != nil && (max(len(field), len(value)) > limits.HashValue ||
		!listpack.Fits(h.packed, listpack.Size(field)+listpack.Size(value))) {
		h.convert()
	}
	if h.packed == nil {
		return h.put(field, value)
	}
	off := listpack.Find(h.packed, listpack.First(h.packed), field, 1)
	if off >= 0 {
		h.reserve(listpack.Size(value))
		h.packed = listpack.Replace(h.packed, listpack.Next(h.packed, off), value)
	} else {
		h.reserve(listpack.Size(field) + listpack.Size(value))
		h.packed = listpack.Append(h.packed, field)
		h.packed = listpack.Append(h.packed, value)
	}
	if listpack.Len(h.packed)/2 > limits.HashEntries {
		h.convert()
	}
	return off < 0
}

func (h *HashEditor) put(field, value []byte) (added bool) {
	added = h.mapPut(&mapElement{form: formHash, name: field, value: value})
	if added {
		h.count++
	}
	return added
}

// convert makes a tree of the listpack.
func (h *HashEditor) convert() {
	for field, value := range h.Hash().All() {
		h.put(field, value)
	}
	h.unpack(EncHT)
}

// Delete removes a field and tells whether it was there.
func (h *HashEditor) Delete(field []byte) bool {
	if h.packed == nil {
		if !h.mapDelete(field) {
			return false
		}
		h.count--
		return true
	}
	off := listpack.Find(h.packed, listpack.First(h.packed), field, 1)
	if off < 0 {
		return false
	}
	h.reserve(0)
	h.packed = listpack.Delete(h.packed, off, 2)
	return true
}

// Close ends the changes. A hash that was left without fields is deleted with
// its key: emptied tells so.
func (h *HashEditor) Close() (emptied bool) {
	if h.packed == nil {
		return h.close(h.count)
	}
	return h.close(listpack.Len(h.packed))
}

// fit unpacks a hash from elsewhere that exceeds the limits, and closes it. As
// with Redis, the lengths of fields and values are not looked at.
func (h *HashEditor) fit() {
	if h.Hash().Len() > h.ks.st.limits.HashEntries {
		h.convert()
	}
	h.Close()
}
