// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

// whole reads a snapshot to its end and returns the values by database and key.
func whole(t *testing.T, sn *Snapshot, limit Limit) map[int]map[string]string {
	t.Helper()
	got := map[int]map[string]string{}
	var b Batch
	for more := true; more; {
		more = sn.Next(&b, limit)
		for _, it := range b.Items {
			if got[it.DB] == nil {
				got[it.DB] = map[string]string{}
			}
			text := string(it.Value)
			if it.Encoding == EncInt {
				text = "int"
			}
			got[it.DB][string(it.Key)] = text
		}
	}
	b.Release()
	return got
}

func mustSet(t testing.TB, db *DB, key, value string) {
	t.Helper()
	if _, err := db.Set([]byte(key), []byte(value), false); err != nil {
		t.Fatal(err)
	}
}

func mustSnapshot(t testing.TB, st *Store) *Snapshot {
	t.Helper()
	sn, err := st.StartSnapshot()
	if err != nil {
		t.Fatal(err)
	}
	return sn
}

// What happens between the cut and the first slice to whole databases.
func TestSnapshotOfChangedDatabases(t *testing.T) {
	rows := []struct {
		why string
		do  func(*Store)
	}{
		{"nothing", func(*Store) {}},
		{"FLUSHDB", func(s *Store) { s.FlushDB(0, false) }},
		{"FLUSHDB lazily", func(s *Store) { s.FlushDB(0, true); s.Reclaim(0) }},
		{"FLUSHALL", func(s *Store) { s.FlushAll(false) }},
		{"FLUSHALL twice and new keys", func(s *Store) {
			s.FlushAll(true)
			_, _ = s.DB(0).Set([]byte("new"), []byte("x"), false)
			s.FlushAll(true)
			_, _ = s.DB(0).Set([]byte("new"), []byte("x"), false)
		}},
		{"SWAPDB", func(s *Store) { s.SwapDB(0, 5) }},
		{"SWAPDB and FLUSHDB", func(s *Store) { s.SwapDB(0, 1); s.FlushDB(0, false); s.FlushDB(1, false) }},
		{"MOVE of all keys", func(s *Store) {
			var keys [][]byte
			for key := range s.DB(0).All() {
				keys = append(keys, bytes.Clone(key))
			}
			for _, key := range keys {
				s.DB(0).Move(key, s.DB(7))
			}
		}},
		{"Close", func(s *Store) { s.Close() }},
	}
	for _, keys := range []int{10, 3000} { // below and above what FLUSHALL drops wholesale
		for _, row := range rows {
			t.Run(row.why, func(t *testing.T) {
				st := New(Options{})
				fillDB(t, st.DB(0), 0, keys)
				mustSet(t, st.DB(1), "other", "db")
				mustSet(t, st.DB(1), "large", string(bytes.Repeat([]byte("l"), 20_000)))
				sn := mustSnapshot(t, st)
				row.do(st)
				got := whole(t, sn, Limit{Bytes: 500})
				if len(got) != 2 || len(got[0]) != keys || len(got[1]) != 2 || len(got[1]["large"]) != 20_000 {
					t.Errorf("the snapshot has %d databases with %d and %d keys", len(got), len(got[0]), len(got[1]))
				}
				a := sn.a
				sn.Close()
				if row.why == "Close" {
					if !a.gone {
						t.Error("memory of a closed store is held")
					}
					return
				}
				st.Reclaim(0)
				if err := st.audit(&Batch{}); err != nil {
					t.Error(err)
				}
				st.Close()
			})
		}
	}
}

func TestSnapshotOneAtATime(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	mustSet(t, st.DB(0), "k", "v")
	sn := mustSnapshot(t, st)
	if _, err := st.StartSnapshot(); !errors.Is(err, ErrSnapshotActive) {
		t.Errorf("a second snapshot: %v", err)
	}
	sn.Close()
	sn = mustSnapshot(t, st)
	if got := whole(t, sn, Limit{}); got[0]["k"] != "v" {
		t.Errorf("after an abandoned one: %v", got)
	}
	sn.Close()
}

// Large values are neither copied into the batch nor set aside by copying, and
// writing them in place leaves the batch what it was.
func TestSnapshotPinsLargeValues(t *testing.T) {
	st := New(Options{})
	db := st.DB(0)
	large := bytes.Repeat([]byte("0123456789"), 300_000)
	for _, key := range []string{"a", "b", "c"} {
		mustSet(t, db, key, string(large))
	}
	before := st.UsedMemory()
	sn := mustSnapshot(t, st)
	mustSet(t, db, "a", "overwritten")
	if _, err := db.SetRange([]byte("b"), 5, []byte("changed")); err != nil {
		t.Fatal(err)
	}
	if grown := st.UsedMemory() - before; grown > len(large)+2*chunkSize {
		t.Errorf("setting aside took %d bytes", grown)
	}
	if sn.AsideBytes() < 2*len(large) {
		t.Errorf("%d bytes are accounted as set aside", sn.AsideBytes())
	}
	var b Batch
	if sn.Next(&b, Limit{}) || len(b.Items) != 3 {
		t.Fatalf("%d items", len(b.Items))
	}
	if cap(b.buf) > 1<<20 {
		t.Errorf("the batch copied %d bytes", cap(b.buf))
	}
	if sn.AsideBytes() != 0 {
		t.Errorf("%d bytes are still accounted as set aside", sn.AsideBytes())
	}
	for _, key := range []string{"a", "b", "c"} {
		if _, err := db.Append([]byte(key), large); err != nil {
			t.Fatal(err)
		}
		db.Delete([]byte(key))
	}
	st.FlushAll(false)
	sn.Close()
	st.Close() // the batch is still read
	for _, it := range b.Items {
		if !bytes.Equal(it.Value, large) {
			t.Errorf("the item of %q has changed", it.Key)
		}
	}
	b.Release()
	if !st.a.gone {
		t.Error("the memory is held after the batch was released")
	}
}

// When the versions start over, buckets that an early snapshot dealt with, and
// none since, count as new.
func TestSnapshotVersionsWrap(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	fillDB(t, st.DB(0), 0, 500)
	sn := mustSnapshot(t, st)
	first := sn.version
	whole(t, sn, Limit{})
	sn.Close()
	st.version = 0xffff // as if 65,534 others had been abandoned at once
	sn = mustSnapshot(t, st)
	defer sn.Close()
	if got := whole(t, sn, Limit{}); sn.version != first || len(got[0]) != 500 {
		t.Errorf("snapshot %d has %d keys", sn.version, len(got[0]))
	}
}

// A slice with a bound on time ends soon after it, whatever there is to do.
func TestSnapshotSlicesEnd(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	fillDB(t, st.DB(0), 0, 200_000)
	sn := mustSnapshot(t, st)
	defer sn.Close()
	var b Batch
	slices, items, long := 0, 0, 0
	for more := true; more; slices++ {
		start := time.Now()
		more = sn.Next(&b, Limit{Time: 50 * time.Microsecond})
		if time.Since(start) > 500*time.Microsecond {
			long++
		}
		items += len(b.Items)
	}
	b.Release()
	if items != 200_000 || slices < 20 {
		t.Errorf("%d items in %d slices", items, slices)
	}
	if long > slices/10 {
		t.Errorf("%d of %d slices of 50 µs took longer than 500 µs", long, slices)
	}
}

// The batch does not allocate once it has its size.
func TestSnapshotReusesBatch(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	fillDB(t, st.DB(0), 0, 10_000)
	var b Batch
	run := func() {
		sn := mustSnapshot(t, st)
		for sn.Next(&b, Limit{Bytes: 10_000}) {
		}
		b.Release()
		sn.Close()
	}
	run()
	if n := testing.AllocsPerRun(3, run); n > 20 {
		t.Errorf("%v allocations for a snapshot of 10,000 keys", n)
	}
}
