// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math"
	"testing"
)

func TestExpiry(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	db := st.DB(0)
	key := []byte("k")
	if db.SetExpire(key, 5) || db.Persist(key) {
		t.Error("a key that is not there got a time of expiry")
	}
	if at, ok := db.ExpireAt(key); ok || at != NoExpiry {
		t.Errorf("ExpireAt of a key that is not there: %d, %t", at, ok)
	}
	mustSet(t, db, "k", "v")
	for _, at := range []int64{0, 1, -5, math.MaxInt64, math.MinInt64, st.origin, st.origin + 1000} {
		if !db.SetExpire(key, at) || db.Expires() != 1 {
			t.Fatal("SetExpire")
		}
		if got, ok := db.ExpireAt(key); !ok || got != at {
			t.Errorf("expires at %d, want %d", got, at)
		}
	}
	if _, err := db.Set(key, []byte("other"), true); err != nil || db.Expires() != 1 {
		t.Error("Set with keepTTL lost the time to live")
	}
	if _, err := db.Append(key, []byte("more")); err != nil || db.Expires() != 1 {
		t.Error("Append lost the time to live")
	}
	if !db.Persist(key) || db.Persist(key) || db.Expires() != 0 {
		t.Error("Persist")
	}
	db.SetExpire(key, 7)
	if mustSet(t, db, "k", "v"); db.Expires() != 0 {
		t.Error("Set kept the time to live")
	}
	db.SetExpire(key, 7)
	db.SetExpire(key, NoExpiry)
	if at, ok := db.ExpireAt(key); !ok || at != NoExpiry {
		t.Error("SetExpire with NoExpiry")
	}
}

// Whatever lies between the times, only what is before now counts as expired:
// hints may let too much through, never too little.
func TestNextExpired(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	db := st.DB(0)
	const year = 365 * 24 * 3600 * 1000
	now := st.origin + 12345
	times := map[string]int64{
		"long ago": 1, "negative": -1000, "before the store": st.origin - 1, "a moment ago": now - 1,
		"now": now, "in a moment": now + 1, "soon": now + 1<<hintShift, "far": now + 10*year, "never": math.MaxInt64,
	}
	for key, at := range times {
		mustSet(t, db, key, "v")
		db.SetExpire([]byte(key), at)
	}
	mustSet(t, db, "without", "v")
	for _, now := range []int64{now, now + 5*year, now + 20*year} {
		budget := 100
		var got []string
		for {
			key, ok := db.NextExpired(now, &budget)
			if !ok {
				break
			}
			got = append(got, string(key))
		}
		want := 0
		for _, at := range times {
			if at < now {
				want++
			}
		}
		if len(got) != want {
			t.Errorf("%d expired keys, want %d: %q", len(got), want, got)
		}
		for _, key := range got {
			if times[key] >= now {
				t.Errorf("%q has not expired", key)
			}
		}
	}
}

func TestNextExpiredBudget(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	db := st.DB(0)
	now := st.origin + 1<<30
	for i := range 1000 {
		mustSet(t, db, string(numbered(i)), "v")
		db.SetExpire(numbered(i), now+1000)
	}
	mustSet(t, db, "expired", "v")
	db.SetExpire([]byte("expired"), now-1)
	for range 10 {
		db.SetExpire(numbered(3), now+2000)
	}
	rounds := 0
	for ; ; rounds++ {
		budget := 100
		key, ok := db.NextExpired(now, &budget)
		if ok {
			if string(key) != "expired" {
				t.Fatalf("%q", key)
			}
			break
		}
		if rounds > 11 {
			t.Fatal("a whole round did not find the expired key")
		}
	}
	if key, _, ok := db.RandomExpiring(); !ok || !db.Has(key) {
		t.Errorf("RandomExpiring: %q, %t", key, ok)
	}
}

// A round that has begun copes with an index that has become shorter.
func TestNextExpiredAfterRemovals(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	db := st.DB(0)
	now := st.origin + 1<<30
	for i := range 3000 {
		mustSet(t, db, string(numbered(i)), "v")
		db.SetExpire(numbered(i), now-1)
	}
	budget := 10
	for budget > 0 {
		db.NextExpired(now, &budget)
	}
	for i := 5; i < 3000; i++ {
		db.Persist(numbered(i))
	}
	budget = 1000
	for range 5 {
		key, ok := db.NextExpired(now, &budget)
		if at, there := db.ExpireAt(key); !ok || !there || at != now-1 {
			t.Fatalf("%q, %t expires at %d", key, ok, at)
		}
	}
	if key, ok := db.NextExpired(now, &budget); ok {
		t.Errorf("%q is the sixth of five", key)
	}
}

func TestAverageTTL(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	db := st.DB(0)
	if db.AverageTTL(5) != 0 {
		t.Error("an average of nothing")
	}
	for i, at := range []int64{1_000_000, 3_000_000, 5_000_000} {
		mustSet(t, db, string(numbered(i)), "v")
		db.SetExpire(numbered(i), at)
	}
	if got := db.AverageTTL(1000); got != 3_000_000-1000 {
		t.Errorf("average %d", got)
	}
	db.Delete(numbered(0))
	if got := db.AverageTTL(0); got != 4_000_000 {
		t.Errorf("average %d", got)
	}
	if got := db.AverageTTL(1 << 40); got != 0 {
		t.Errorf("average of what has expired: %d", got)
	}
	for i := range 10 {
		mustSet(t, db, string(numbered(i)), "v")
		db.SetExpire(numbered(i), math.MaxInt64-int64(i))
	}
	if got := db.AverageTTL(0); got != math.MaxInt64-5 {
		t.Errorf("average %d of times that do not fit a word together", got)
	}
	for i := range 10 {
		db.SetExpire(numbered(i), math.MinInt64)
	}
	if got := db.AverageTTL(0); got != 0 {
		t.Errorf("average %d", got)
	}
}
