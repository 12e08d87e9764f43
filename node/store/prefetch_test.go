// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import "testing"

// Prefetch is a hint: any keys, any number of them, in any table, no effect.
func TestPrefetchChangesNothing(t *testing.T) {
	for _, n := range []int{0, 1, 20, 5000} {
		st := New(Options{})
		db := st.DB(0)
		fillDB(t, db, 0, n)
		before := st.Digest()
		var keys [][]byte
		for i := range 2*n + 40 {
			keys = append(keys, numbered(i))
		}
		db.Prefetch()
		db.Prefetch(keys[:prefetchWidth]...)
		db.Prefetch(keys...)
		if st.Digest() != before || db.Len() != n {
			t.Errorf("%d keys: Prefetch changed something", n)
		}
		if allocs := testing.AllocsPerRun(10, func() { db.Prefetch(keys...) }); allocs > 0 {
			t.Errorf("%v allocations", allocs)
		}
		st.Close()
	}
}

// What a lookup is to find, Prefetch has looked at: the candidate of nearly
// every key is its entry.
func TestPrefetchFindsTheEntry(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	db := st.DB(0)
	fillDB(t, db, 0, 5000)
	right := 0
	for i := range 5000 {
		hash := db.ks.hash(numbered(i))
		h := db.ks.candidate(hash, *db.ks.dir.at(db.ks.bucketOf(hash)))
		if h != 0 && string(entry{db.ks.a.ptr(h)}.key()) == string(numbered(i)) {
			right++
		}
	}
	if right < 4700 {
		t.Errorf("of 5000 keys %d candidates are right", right)
	}
}
