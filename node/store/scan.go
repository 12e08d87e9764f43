// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"iter"
	"math/bits"
	"math/rand/v2"
)

// cursorBucket returns the bucket that a scan cursor points at and the mask of
// the hash bits which that bucket stands for.
func (t *table) cursorBucket(cursor uint64) (bucket, mask uint64) {
	if b := cursor & t.hi; b < t.dir.len {
		// A bucket whose partner exists stands for all bits of hi. Below
		// the last power of two a partner is one bit above.
		if b > t.lo || b+t.lo+1 < t.dir.len {
			return b, t.hi
		}
		return b, t.lo
	}
	return cursor & t.lo, t.lo
}

// advance counts a cursor up, the highest bit of the mask first: the order in
// which a bucket's two halves stay neighbours however the table grows or
// shrinks meanwhile (Redis's dictScan). 0 is the end.
func advance(cursor, mask uint64) uint64 {
	return bits.Reverse64(bits.Reverse64(cursor|^mask) + 1)
}

// each calls visit for what is in a bucket, until it returns false.
func (t *table) each(bucket uint64, visit func(handle, entry) bool) bool {
	w := *t.dir.at(bucket)
	n := wordCount(w)
	if n == 0 {
		return true
	}
	block := t.a.ptr(handle(w & handleMask))
	for i := range n {
		h := load40(handleAt(block, i))
		if !visit(h, entry{t.a.ptr(h)}) {
			return false
		}
	}
	return true
}

// Scan visits the keys of one bucket, a dozen or two (or none), and returns the
// cursor to go on with. A scan begins with cursor 0 and is over when 0 comes
// back. Every key that is there from the beginning to the end of a scan is
// visited at least once, whatever is added and removed meanwhile; some may be
// visited more than once. visit must not change the store.
func (db *DB) Scan(cursor uint64, visit func(key []byte, v Value)) uint64 {
	t := &db.ks.table
	if t.count == 0 {
		return 0
	}
	bucket, mask := t.cursorBucket(cursor)
	t.each(bucket, func(_ handle, e entry) bool {
		visit(e.key(), Value{e, &t.a.reader})
		return true
	})
	return advance(cursor, mask)
}

// All yields every key with its value, in no particular order. The loop must
// not change the store.
func (db *DB) All() iter.Seq2[[]byte, Value] {
	return func(yield func([]byte, Value) bool) {
		t := &db.ks.table
		for b := range t.dir.len {
			if !t.each(b, func(_ handle, e entry) bool { return yield(e.key(), Value{e, &t.a.reader}) }) {
				return
			}
		}
	}
}

// pickLimit is an entry count that next to no bucket exceeds, see pick.
const pickLimit = 48

// pick returns an entry, each with the same chance: it draws a bucket and a
// place in it and starts over if the place is empty.
func (t *table) pick() (entry, bool) {
	if t.count == 0 {
		return entry{}, false
	}
	// A presized table may be all but empty: after so many misses the next
	// bucket that holds something must do.
	for range 512 {
		w := *t.dir.at(rand.Uint64N(t.dir.len))
		if i := rand.IntN(pickLimit); i < wordCount(w) {
			return t.entryAt(w, i), true
		}
	}
	for b := rand.Uint64N(t.dir.len); ; b = (b + 1) % t.dir.len {
		w := *t.dir.at(b)
		if n := wordCount(w); n > 0 {
			return t.entryAt(w, rand.IntN(n)), true
		}
	}
}

func (t *table) entryAt(w uint64, i int) entry {
	block := t.a.ptr(handle(w & handleMask))
	return entry{t.a.ptr(load40(handleAt(block, i)))}
}

// Random returns a key, each with the same chance.
func (db *DB) Random() (key []byte, v Value, ok bool) {
	e, ok := db.ks.pick()
	if !ok {
		return nil, Value{}, false
	}
	return e.key(), Value{e, &db.ks.a.reader}, true
}
