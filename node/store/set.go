// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"iter"
	"strconv"

	"github.com/espalier-io/espalier/node/intset"
)

// Set is a look at a set, as Hash is one at a hash.
type Set struct{ collection }

// Set returns a look at the value, which must be a set.
func (v Value) Set() Set { return Set{v.collection()} }

// Len returns the number of members.
func (s Set) Len() int {
	if s.packed != nil {
		return intset.Len(s.packed)
	}
	return s.count
}

// Has says whether a member is there.
func (s Set) Has(member []byte) bool {
	if s.packed != nil {
		n, ok := ParseInt(member)
		if ok {
			_, ok = intset.Find(s.packed, n)
		}
		return ok
	}
	_, i := s.r.mapGet(s.root, member)
	return i >= 0
}

// All yields the members: ascending numbers while the set is an intset, else in
// no order.
func (s Set) All() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if s.packed == nil {
			s.r.mapEach(s.root, func(l mapLeaf, i int) bool { return yield(s.r.mapName(l, i)) })
			return
		}
		for n := range intset.All(s.packed) {
			if !yield(s.decimal(n)) {
				return
			}
		}
	}
}

// At returns the i-th member in the order of All, 0 <= i < Len.
func (s Set) At(i int) []byte {
	if s.packed != nil {
		return s.decimal(intset.At(s.packed, i))
	}
	l, i := s.r.mapAt(s.root, i)
	return s.r.mapName(l, i)
}

func (s Set) decimal(n int64) []byte { return strconv.AppendInt(s.r.digits[0][:0], n, 10) }

// Scan is Hash.Scan for the members; an intset is yielded as a whole.
func (s Set) Scan(cursor uint64, count int, emit func(member []byte)) (next uint64) {
	if s.packed == nil {
		return s.r.mapScan(s.root, cursor, count, func(l mapLeaf, i int) { emit(s.r.mapName(l, i)) })
	}
	for member := range s.All() {
		emit(member)
	}
	return 0
}

// SetEditor changes one set, as HashEditor does a hash.
type SetEditor struct{ editor }

// EditSet opens the set under a key, as EditHash does a hash.
func (db *DB) EditSet(key []byte) *SetEditor {
	s := &db.st.editors.set
	if !s.open(db, key, TypeSet) {
		s.pack(EncIntset, emptyIntset)
	}
	return s
}

// Set is a look at the set as it is now, valid until the next change.
func (s *SetEditor) Set() Set { return Set{s.collection()} }

// Add puts a member in and tells whether it is new.
func (s *SetEditor) Add(member []byte) bool {
	if s.packed == nil {
		return s.put(member)
	}
	n, ok := ParseInt(member)
	if !ok {
		s.convert()
		return s.put(member)
	}
	if _, there := intset.Find(s.packed, n); there {
		return false
	}
	s.reserve(intset.Size(s.packed, n) - len(s.packed))
	s.packed, _ = intset.Add(s.packed, n)
	if intset.Len(s.packed) > min(s.ks.st.limits.SetIntset, intsetMost) {
		s.convert()
	}
	return true
}

func (s *SetEditor) put(member []byte) (added bool) {
	added = s.mapPut(&mapElement{form: formSet, name: member})
	if added {
		s.count++
	}
	return added
}

// convert makes a tree of the intset.
func (s *SetEditor) convert() {
	for member := range s.Set().All() {
		s.put(member)
	}
	s.unpack(EncHT)
}

// Remove takes a member out and tells whether it was there.
func (s *SetEditor) Remove(member []byte) bool {
	if s.packed == nil {
		if !s.mapDelete(member) {
			return false
		}
		s.count--
		return true
	}
	n, ok := ParseInt(member)
	if !ok {
		return false
	}
	if _, ok = intset.Find(s.packed, n); !ok {
		return false
	}
	s.reserve(0)
	s.packed, _ = intset.Remove(s.packed, n)
	return true
}

// Close ends the changes, see HashEditor.Close.
func (s *SetEditor) Close() (emptied bool) {
	if s.packed == nil {
		return s.close(s.count)
	}
	return s.close(intset.Len(s.packed))
}

// fit unpacks a set from elsewhere that exceeds the limits, and closes it.
func (s *SetEditor) fit() {
	defer s.Close()
	if s.Set().Len() > min(s.ks.st.limits.SetIntset, intsetMost) {
		s.convert()
	}
}
