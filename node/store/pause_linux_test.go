// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"runtime"
	"runtime/debug"
	"slices"
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
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	st := New(Options{})
	defer st.Close()
	db := st.DB(0)
	const keys = 600_000
	var key [16]byte
	var value [32]byte
	measure := func(name string, op func(i int)) (rare, worst time.Duration) {
		times := make([]time.Duration, keys)
		last := threadTime(t)
		for i := range times {
			op(i)
			now := threadTime(t)
			times[i] = now - last
			last = now
		}
		slices.Sort(times)
		rare, worst = times[keys-keys/10_000], times[keys-1]
		t.Logf("%s: median %v, 99.99th percentile %v, worst %v", name, times[keys/2], rare, worst)
		return rare, worst
	}
	idle, _ := measure("nothing", func(int) {})
	run := func(name string, op func(i int)) {
		if rare, worst := measure(name, op); rare > idle+50*time.Microsecond || worst > 5*time.Millisecond {
			t.Errorf("%s: 99.99th percentile %v, worst %v", name, rare, worst)
		}
	}
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
