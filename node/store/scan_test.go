// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func numbered(i int) []byte { return fmt.Appendf(nil, "key:%d", i) }

func fillDB(t testing.TB, db *DB, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if _, err := db.Set(numbered(i), []byte("v"), false); err != nil {
			t.Fatal(err)
		}
	}
}

// Every key that is there during a whole scan is returned, whatever the table
// does meanwhile.
func TestScanGuarantee(t *testing.T) {
	const stay = 300
	rows := []struct {
		why    string
		before int // other keys at the start
		during func(db *DB, step int)
	}{
		{"nothing changes", 2000, func(*DB, int) {}},
		{"growth from small", 0, func(db *DB, step int) {
			for i := range 200 {
				_, _ = db.Set(numbered(1_000_000+step*200+i), nil, false)
			}
		}},
		{"shrinking to small", 30_000, func(db *DB, step int) {
			for i := range 300 {
				db.Delete(numbered(stay + step*300 + i))
			}
		}},
		{"up and down", 3000, func(db *DB, step int) {
			for i := range 400 {
				if step/7%2 == 0 {
					_, _ = db.Set(numbered(1_000_000+step%7*400+i), nil, false)
				} else {
					db.Delete(numbered(1_000_000 + step%7*400 + i))
				}
			}
		}},
		{"at random", 5000, func(db *DB, _ int) {
			grow := rand.IntN(2) == 0
			for range rand.IntN(1000) {
				if key := numbered(stay + rand.IntN(20_000)); grow {
					_, _ = db.Set(key, nil, false)
				} else {
					db.Delete(key)
				}
			}
		}},
	}
	for _, row := range rows {
		t.Run(row.why, func(t *testing.T) {
			for range 10 {
				db := New(Options{}).DB(0)
				fillDB(t, db, 0, stay+row.before)
				seen := map[string]bool{}
				cursor := uint64(0)
				for step := 0; ; step++ {
					cursor = db.Scan(cursor, func(key []byte, _ Value) { seen[string(key)] = true })
					if cursor == 0 {
						break
					}
					if step < 500 {
						row.during(db, step)
					}
					if step > 1_000_000 {
						t.Fatal("the scan does not end")
					}
				}
				for i := range stay {
					if !seen[string(numbered(i))] {
						t.Fatalf("key %d was there all the time and is not returned", i)
					}
				}
				db.st.Close()
			}
		})
	}
}

// Without changes a scan returns every key once.
func TestScanExact(t *testing.T) {
	for _, n := range []int{0, 1, 13, 14, 15, 100, 1000, 12345} {
		db := New(Options{}).DB(0)
		fillDB(t, db, 0, n)
		seen := map[string]int{}
		for cursor, first := uint64(0), true; first || cursor != 0; first = false {
			cursor = db.Scan(cursor, func(key []byte, _ Value) { seen[string(key)]++ })
		}
		if len(seen) != n {
			t.Errorf("%d keys: %d returned", n, len(seen))
		}
		for key, times := range seen {
			if times != 1 {
				t.Errorf("%d keys: %q returned %d times", n, key, times)
			}
		}
		db.st.Close()
	}
}

// A cursor of any value, from a client that made it up, does no harm.
func TestScanStrangeCursors(t *testing.T) {
	db := New(Options{}).DB(0)
	defer db.st.Close()
	fillDB(t, db, 0, 5000)
	for range 1000 {
		db.Scan(rand.Uint64(), func([]byte, Value) {})
	}
	db.Scan(^uint64(0), func([]byte, Value) {})
}

// RANDOMKEY is fair: no key comes much more often than another, in a full table
// and in one that has shrunk.
func TestRandomIsFair(t *testing.T) {
	db := New(Options{}).DB(0)
	defer db.st.Close()
	const keys, draws = 100, 40_000
	fillDB(t, db, 0, 3000)
	for i := keys; i < 3000; i++ {
		db.Delete(numbered(i))
	}
	count := map[string]int{}
	for range draws {
		key, _, ok := db.Random()
		if !ok {
			t.Fatal("no key")
		}
		count[string(key)]++
	}
	for i := range keys {
		// The expectation is 400 with a deviation of 20: six of those.
		if n := count[string(numbered(i))]; n < 280 || n > 520 {
			t.Errorf("key %d came %d times of %d", i, n, draws)
		}
	}
	if _, _, ok := New(Options{}).DB(0).Random(); ok {
		t.Error("a key from an empty database")
	}
}

// A database that was prepared for far more keys than came still gives one.
func TestRandomInAnEmptyishTable(t *testing.T) {
	db := New(Options{}).DB(0)
	defer db.st.Close()
	db.Reserve(1_000_000)
	fillDB(t, db, 0, 1)
	if key, _, ok := db.Random(); !ok || string(key) != "key:0" {
		t.Errorf("%q, %t", key, ok)
	}
}
