// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// residentEnv makes the test binary fill a store of that many keys and print
// what the process has resident for each: only a process of its own can tell.
const residentEnv = "ESPALIER_STORE_RESIDENT_KEYS"

func TestMain(m *testing.M) {
	if n, err := strconv.Atoi(os.Getenv(residentEnv)); err == nil {
		printResident(n)
		return
	}
	os.Exit(m.Run())
}

func printResident(keys int) {
	before := residentBytes()
	db := New(Options{}).DB(0)
	var key [16]byte
	var value [32]byte
	for i := range keys {
		benchKey(key[:], i)
		if _, err := db.SetText(key[:], value[:], false); err != nil {
			panic(err)
		}
	}
	st := db.TableStats()
	fmt.Printf("resident=%d used=%d table=%d load=%.3f\n",
		(residentBytes()-before)/keys, db.st.UsedMemory()/keys, st.Bytes/keys, st.Load)
}

// residentBytes is what the process has resident, 0 where that cannot be told.
func residentBytes() int {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		return 0
	}
	return pages * os.Getpagesize()
}

// Redis 7.0 takes about 140 resident bytes for a key of 16 bytes with a value of
// 32; the bound is two thirds of that, at any fill of the table.
func TestResidentBytesPerKey(t *testing.T) {
	if residentBytes() == 0 {
		t.Skip("needs /proc/self/statm")
	}
	for _, keys := range []int{300_000, 1_000_000, 1_500_000} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), residentEnv+"="+strconv.Itoa(keys))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		t.Logf("%d keys of 16 + 32 bytes, bytes per key: %s", keys, bytes.TrimSpace(out))
		var resident, used int
		if _, err := fmt.Sscanf(string(out), "resident=%d used=%d", &resident, &used); err != nil {
			t.Fatal(err)
		}
		if resident > 90 || used > 75 {
			t.Errorf("%d keys: %d bytes resident, %d used for each", keys, resident, used)
		}
	}
}

func TestMemoryUsage(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	db := st.DB(0)
	rows := []struct {
		value    int
		min, max int
	}{
		{1, 16, 40},
		{100, 100, 140},
		{1000, 1000, 1150},
		{10_000, 10_000, 11_500},
		{1 << 20, 1 << 20, 1<<20 + 10_000},
	}
	for _, row := range rows {
		mustSet(t, db, "k", strings.Repeat("x", row.value))
		n, ok := db.MemoryUsage([]byte("k"))
		if !ok || n < row.min || n > row.max {
			t.Errorf("a value of %d bytes takes %d", row.value, n)
		}
		db.SetExpire([]byte("k"), 1000)
		if more, _ := db.MemoryUsage([]byte("k")); more < n+8 {
			t.Errorf("with a time to live %d bytes, without %d", more, n)
		}
	}
	if _, ok := db.MemoryUsage([]byte("other")); ok {
		t.Error("a key that is not there takes memory")
	}
}

// What a snapshot keeps of flushed data is told, and goes with the snapshot.
func TestMemoryOfFlushedData(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	fillDB(t, st.DB(0), 0, 5000)
	used := st.UsedMemory()
	sn := mustSnapshot(t, st)
	mustSet(t, st.DB(0), "key:1", "other")
	if m := st.Memory(); m.Aside == 0 || m.Used < used {
		t.Errorf("set aside: %+v", m)
	}
	st.FlushAll(true)
	if m := st.Memory(); m.Retired < used/2 || m.Used < m.Retired || m.Mapped < m.Used-64<<10 {
		t.Errorf("flushed: %+v, before: %d", m, used)
	}
	sn.Close()
	if m := st.Memory(); m.Retired != 0 || m.Used > 1024 || m.Mapped != 0 {
		t.Errorf("closed: %+v", m)
	}
}

// The accounts follow what happens, and come back to where they began.
func TestAccounts(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	db := st.DB(0)
	last := st.UsedMemory()
	for _, n := range []int{10, 10_000, 1 << 20, 40 << 20} {
		mustSet(t, db, "k", strings.Repeat("x", n))
		used := st.UsedMemory()
		if used < last || used < n || used > n+n/8+64<<10 {
			t.Errorf("%d bytes in use for %d", used, n)
		}
		if m := st.Memory(); m.Mapped < m.Used-64<<10 {
			t.Errorf("%+v", m)
		}
		last = used
	}
	db.Delete([]byte("k"))
	if used := st.UsedMemory(); used > 16<<10 {
		t.Errorf("%d bytes in use for nothing", used)
	}
	for i := range 1000 {
		mustSet(t, db, string(numbered(i)), strings.Repeat("x", 900))
	}
	long := st.UsedMemory()
	for i := range 1000 {
		mustSet(t, db, string(numbered(i)), "x")
	}
	if used := st.UsedMemory(); used > long/10 {
		t.Errorf("%d bytes in use after long values became short, %d before", used, long)
	}
	for i := range 1000 {
		db.Delete(numbered(i))
	}
	if s := db.TableStats(); s.Keys != 0 || s.Longest != 0 {
		t.Errorf("%+v", s)
	}
}
