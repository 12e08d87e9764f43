// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"testing"
	"time"
)

func TestFlush(t *testing.T) {
	for _, lazy := range []bool{false, true} {
		for _, keys := range []int{5, 500, 5000} {
			st := New(Options{})
			fillDB(t, st.DB(0), 0, keys)
			fillDB(t, st.DB(3), 0, keys)
			st.DB(3).SetExpire([]byte("key:1"), 1)
			if n := st.FlushDB(0, lazy); n != keys || st.DB(0).Len() != 0 || st.DB(3).Len() != keys {
				t.Errorf("FlushDB of %d keys: %d", keys, n)
			}
			if pending := st.PendingObjects(); lazy != (pending == keys) {
				t.Errorf("lazy %t: %d keys pending", lazy, pending)
			}
			if n := st.FlushAll(lazy); n != keys || st.Len() != 0 || st.DB(3).Expires() != 0 {
				t.Errorf("FlushAll of %d keys: %d", keys, n)
			}
			mustSet(t, st.DB(0), "after", "flush")
			st.Reclaim(0)
			if err := st.audit(&Batch{}); err != nil {
				t.Error(err)
			}
			if used := st.a.used; used > 4096 {
				t.Errorf("%d bytes in use for one key", used)
			}
			st.Close()
		}
	}
}

// Reclaim works in small steps.
func TestReclaimInSteps(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	fillDB(t, st.DB(0), 0, 50_000)
	for i := range 50_000 {
		st.DB(0).SetExpire(numbered(i), 1000)
	}
	mustSet(t, st.DB(1), "k", "v") // so that it is not all of the data set
	st.FlushDB(0, true)
	steps := 0
	for st.Reclaim(20 * time.Microsecond) {
		steps++
	}
	if steps < 10 || st.PendingObjects() != 0 {
		t.Errorf("%d steps, %d keys left", steps, st.PendingObjects())
	}
	if err := st.audit(&Batch{}); err != nil {
		t.Error(err)
	}
}

// Memory goes back to the system when keys are deleted one by one, too.
func TestDeletionGivesMemoryBack(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	db := st.DB(0)
	const keys = 100_000
	fillDB(t, db, 0, keys)
	full := st.Memory()
	for i := range keys {
		db.Delete(numbered(i))
	}
	empty := st.Memory()
	if empty.Mapped > (spareChunks+3)*chunkSize || empty.Used > 64<<10 {
		t.Errorf("full: %+v, empty: %+v", full, empty)
	}
	if b := db.TableStats().Buckets; b != 1 {
		t.Errorf("the empty table has %d buckets", b)
	}
}

func TestEmptyStoreCostsNothing(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	if m := st.Memory(); m.Mapped != 0 || m.Used > 1024 {
		t.Errorf("%+v", m)
	}
	for i := range st.NumDBs() {
		db := st.DB(i)
		if db.Len() != 0 || db.Has([]byte("k")) || db.Delete([]byte("k")) || db.Expires() != 0 || db.Index() != i {
			t.Errorf("database %d is not empty", i)
		}
	}
}
