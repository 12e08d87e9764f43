// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// threadTime is the time that the thread has run. Other processes do not count,
// as they would with the clock on the wall.
func threadTime(t *testing.T) time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		t.Fatal(err)
	}
	return time.Duration(ts.Nano())
}

// No operation on a small key takes long, whatever the table does under it:
// growing to hundreds of thousands of keys, being set aside for a snapshot,
// shrinking to nothing. What interrupts the thread counts in part, so one
// operation in ten thousand may take longer, the worst is bounded generously,
// and what doing nothing takes is subtracted; a table that doubled at once would
// be a pause of tens of milliseconds.
func TestNoLongPauses(t *testing.T) {
	noLongPauses(t, 600_000, pausesOfKeys)
}

func pausesOfKeys(t *testing.T, keys int, run func(name string, op func(i int))) {
	st := New(Options{})
	defer st.Close()
	db := st.DB(0)
	var key [16]byte
	var value [32]byte
	set := func(i int) {
		benchKey(key[:], i)
		if _, err := db.SetText(key[:], value[:], false); err != nil {
			t.Fatal(err)
		}
	}
	run("insert", set)
	sn := mustSnapshot(t, st)
	run("overwrite, all set aside", set)
	sn.Close()
	run("delete", func(i int) {
		benchKey(key[:], i)
		if !db.Delete(key[:]) {
			t.Fatal("a key is missing")
		}
	})
}

// noLongPauses runs a scenario, whose operations it measures one by one, and fails
// if of any of them one in ten thousand, or one at all, takes too long. What the
// store does it does every time, what a busy machine does it does not: the
// scenario has three attempts.
func noLongPauses(t *testing.T, ops int, scenario func(*testing.T, int, func(string, func(int)))) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var long []string
	for range 3 {
		long = nil
		scenario(t, ops, pauses(t, ops, &long))
		if long == nil {
			return
		}
	}
	t.Errorf("three times pauses, at last of %s", strings.Join(long, "; "))
}

// pauses returns a function that measures an operation, called so many times, and
// appends to long if it pauses.
func pauses(t *testing.T, ops int, long *[]string) (run func(name string, op func(i int))) {
	measure := func(name string, op func(i int)) (rare, worst time.Duration) {
		times := make([]time.Duration, ops)
		last := threadTime(t)
		for i := range times {
			op(i)
			now := threadTime(t)
			times[i] = now - last
			last = now
		}
		slices.Sort(times)
		rare, worst = times[ops-ops/10_000], times[ops-1]
		t.Logf("%s: median %v, 99.99th percentile %v, worst %v", name, times[ops/2], rare, worst)
		return rare, worst
	}
	idle, _ := measure("nothing", func(int) {})
	return func(name string, op func(i int)) {
		if rare, worst := measure(name, op); rare > idle+50*time.Microsecond || worst > 5*time.Millisecond {
			*long = append(*long, fmt.Sprintf("%s: 99.99th percentile %v, worst %v", name, rare, worst))
		}
	}
}

// Nor does any operation on one field of a large hash, a snapshot of it or not.
func TestNoLongPausesOfLargeHash(t *testing.T) {
	noLongPauses(t, 300_000, pausesOfLargeHash)
}

func pausesOfLargeHash(t *testing.T, fields int, run func(name string, op func(i int))) {
	st := New(Options{})
	defer st.Close()
	key := []byte("hash")
	var name [16]byte
	var value [32]byte
	set := func(i int) {
		benchKey(name[:], i)
		h := st.DB(0).EditHash(key)
		h.Set(name[:], value[:])
		h.Close()
	}
	run("insert", set)
	sn := mustSnapshot(t, st)
	run("overwrite, all copied", set)
	sn.Close()
	run("delete", func(i int) {
		benchKey(name[:], i)
		h := st.DB(0).EditHash(key)
		if !h.Delete(name[:]) {
			t.Fatal("a field is missing")
		}
		h.Close()
	})
	for i := range fields {
		set(i)
	}
	used := st.a.used
	start := threadTime(t)
	st.DB(0).Delete(key)
	if st.a.used < used/2 {
		t.Error("DEL has freed the hash at once")
	}
	if took := threadTime(t) - start; took > 2*time.Millisecond {
		t.Errorf("DEL took %v", took)
	}
}

// FLUSHALL and the cut of a snapshot take constant time.
func TestWholesaleIsInstant(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	fillDB(t, st.DB(0), 0, 500_000)
	for _, row := range []struct {
		name string
		do   func()
	}{
		{"cut", func() { mustSnapshot(t, st) }},
		{"swap", func() { st.SwapDB(0, 1) }},
		{"flush", func() { st.FlushAll(true) }},
	} {
		start := threadTime(t)
		row.do()
		if took := threadTime(t) - start; took > 2*time.Millisecond {
			t.Errorf("%s took %v", row.name, took)
		}
	}
	st.snapshot.Close()
}
