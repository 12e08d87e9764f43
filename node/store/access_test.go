// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import "testing"

const second, minute = int64(1000), int64(60_000)

func TestIdleTime(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	db := st.DB(0)
	start := int64(1_700_000_000_000)
	idle := func() int64 {
		v, _ := db.Peek([]byte("k"))
		return st.Idle(v.Access())
	}
	st.SetClock(start)
	mustSet(t, db, "k", "v")
	st.SetClock(start + 100*second)
	if got := idle(); got != 100 {
		t.Errorf("idle for %d s, want 100", got)
	}
	db.Get([]byte("k"))
	if got := idle(); got != 0 {
		t.Errorf("idle for %d s after a read", got)
	}
	st.SetClock(start + 150*second)
	if _, err := db.Append([]byte("k"), []byte("x")); err != nil || idle() != 0 {
		t.Errorf("idle for %d s after a write", idle())
	}
	db.SetAccess([]byte("k"), st.IdleAccess(1234))
	if got := idle(); got != 1234 {
		t.Errorf("idle for %d s, want 1234 as loaded", got)
	}
	st.SetClock(start + (1<<24+50)*second)
	mustSet(t, db, "k", "v")
	st.SetClock(start + (1<<24+60)*second)
	if got := idle(); got != 10 {
		t.Errorf("idle for %d s across the clock's end", got)
	}
}

func TestFrequency(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	st.SetAccessPolicy(AccessPolicy{LFU: true, LogFactor: 10, DecayTime: 1})
	db := st.DB(0)
	start := int64(1_700_000_000_000)
	frequency := func() int {
		v, _ := db.Peek([]byte("k"))
		return st.Frequency(v.Access())
	}
	st.SetClock(start)
	mustSet(t, db, "k", "v")
	if got := frequency(); got != lfuInitial {
		t.Errorf("a new key has %d", got)
	}
	for range 10_000 {
		db.Get([]byte("k"))
	}
	busy := frequency()
	if busy < 20 || busy > 80 { // redis.conf: about 50 after 10,000 hits... to 142 after 100,000
		t.Errorf("after 10,000 reads it has %d", busy)
	}
	mustSet(t, db, "k", "other")
	if got := frequency(); got < busy {
		t.Errorf("overwriting took the counter from %d to %d", busy, got)
	}
	st.SetClock(start + 7*minute)
	if got := frequency(); got != busy-7 {
		t.Errorf("after 7 minutes it has %d, want %d", got, busy-7)
	}
	st.SetClock(start + 1000*minute)
	if got := frequency(); got != 0 {
		t.Errorf("after 1000 minutes it has %d", got)
	}
	db.SetAccess([]byte("k"), st.FrequencyAccess(255))
	db.Get([]byte("k"))
	if got := frequency(); got != 255 {
		t.Errorf("the greatest counter became %d", got)
	}
}

// The look that a command takes at a collection before it changes it is the
// access that counts; the change is none of its own.
func TestEditIsNoAccess(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	st.SetAccessPolicy(AccessPolicy{LFU: true, LogFactor: 0})
	db := st.DB(0)
	fillHash(st, "hash", 10, 10)
	v, _ := db.Get([]byte("hash"))
	want := st.Frequency(v.Access())
	if want != lfuInitial+1 {
		t.Errorf("a look counts as %d accesses", want-lfuInitial)
	}
	fillHash(st, "hash", 1000, 100)
	v, _ = db.Peek([]byte("hash"))
	if got := st.Frequency(v.Access()); got != want {
		t.Errorf("an edit counts as %d accesses", got-want)
	}
}
