// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import "iter"

// Hash is a look at a hash, valid until the next mutation of the store. Bytes
// that it gives are valid until the next call of any look at the same store or
// batch: numbers of a listpack are written out to a buffer that they share.
type Hash struct{ collection }

// Hash returns a look at the value, which must be a hash.
func (v Value) Hash() Hash { return Hash{v.collection()} }

// Len returns the number of fields.
func (h Hash) Len() int { panic("unfinished") }

// Get returns the value of a field.
func (h Hash) Get(field []byte) (value []byte, ok bool) { panic("unfinished") }

// All yields the fields and their values: in the order of insertion while the
// hash is a listpack, else in no order.
func (h Hash) All() iter.Seq2[[]byte, []byte] { panic("unfinished") }

// At returns the i-th field in the order of All, 0 <= i < Len.
func (h Hash) At(i int) (field, value []byte) { panic("unfinished") }

// Scan calls emit for the fields behind a cursor, at least count of them where
// there are as many, and returns the cursor to go on with, 0 at the end. A field
// that is there from the first call to the last is among them. A listpack is
// yielded as a whole.
func (h Hash) Scan(cursor uint64, count int, emit func(field, value []byte)) (next uint64) {
	panic("unfinished")
}

// HashEditor changes one hash. Nothing else may change the store until it is
// closed.
type HashEditor struct{ editor }

// EditHash opens the hash under a key; a key that is not there becomes one with
// the first field. The caller has made sure that it is no other type.
func (db *DB) EditHash(key []byte) *HashEditor { panic("unfinished") }

// Hash is a look at the hash as it is now, valid until the next change.
func (h *HashEditor) Hash() Hash { panic("unfinished") }

// Set sets a field and tells whether it is new.
func (h *HashEditor) Set(field, value []byte) (added bool) { panic("unfinished") }

// Delete removes a field and tells whether it was there.
func (h *HashEditor) Delete(field []byte) bool { panic("unfinished") }

// Close ends the changes. A hash that was left without fields is deleted with
// its key: emptied tells so.
func (h *HashEditor) Close() (emptied bool) { panic("unfinished") }
