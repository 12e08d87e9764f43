// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import "iter"

// Set is a look at a set, as Hash is one at a hash.
type Set struct{ collection }

// Set returns a look at the value, which must be a set.
func (v Value) Set() Set { return Set{v.collection()} }

// Len returns the number of members.
func (s Set) Len() int { panic("unfinished") }

// Has says whether a member is there.
func (s Set) Has(member []byte) bool { panic("unfinished") }

// All yields the members: ascending numbers while the set is an intset, else in
// no order.
func (s Set) All() iter.Seq[[]byte] { panic("unfinished") }

// At returns the i-th member in the order of All, 0 <= i < Len.
func (s Set) At(i int) []byte { panic("unfinished") }

// Scan is Hash.Scan for the members; an intset is yielded as a whole.
func (s Set) Scan(cursor uint64, count int, emit func(member []byte)) (next uint64) {
	panic("unfinished")
}

// SetEditor changes one set, as HashEditor does a hash.
type SetEditor struct{ editor }

// EditSet opens the set under a key, as EditHash does a hash.
func (db *DB) EditSet(key []byte) *SetEditor { panic("unfinished") }

// Set is a look at the set as it is now, valid until the next change.
func (s *SetEditor) Set() Set { panic("unfinished") }

// Add puts a member in and tells whether it is new.
func (s *SetEditor) Add(member []byte) bool { panic("unfinished") }

// Remove takes a member out and tells whether it was there.
func (s *SetEditor) Remove(member []byte) bool { panic("unfinished") }

// Close ends the changes, see HashEditor.Close.
func (s *SetEditor) Close() (emptied bool) { panic("unfinished") }
