// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
)

func field(i int) []byte { return []byte("field:" + strconv.Itoa(i)) }

// Hashes and sets of all sizes, put in and taken out in random order, against Go
// maps.
func TestHashGrowsAndShrinks(t *testing.T) {
	for _, size := range []int{1, 5, 100, 512, 513, 3000, 60_000} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			long := 60
			if size == 60_000 {
				long = partMax // leaves of few fields: two levels of inner nodes
			}
			st := New(Options{})
			defer st.Close()
			rng := rand.New(rand.NewPCG(1, uint64(size)))
			db, model := st.DB(0), map[string]string{}
			key := []byte("hash")
			for round := range 2 * size {
				f := field(rng.IntN(size))
				value := bytes.Repeat([]byte{byte('a' + round%26)}, rng.IntN(long))
				if rng.IntN(500) == 0 {
					value = bytes.Repeat([]byte("long"), rng.IntN(600))
				}
				h := db.EditHash(key)
				_, there := model[string(f)]
				if added := h.Set(f, value); added == there {
					t.Fatalf("Set(%q): added %t", f, added)
				}
				h.Close()
				model[string(f)] = string(value)
			}
			compareHash(t, st, key, model)
			for n := 0; len(model) > 0; n++ {
				f := field(rng.IntN(size))
				_, there := model[string(f)]
				h := db.EditHash(key)
				if deleted := h.Delete(f); deleted != there {
					t.Fatalf("Delete(%q): %t", f, deleted)
				}
				delete(model, string(f))
				if emptied := h.Close(); emptied != (len(model) == 0) {
					t.Fatalf("emptied %t with %d fields", emptied, len(model))
				}
				if n%(size+1) == size {
					compareHash(t, st, key, model)
				}
			}
			if db.Has(key) {
				t.Error("the empty hash is still there")
			}
			st.Reclaim(0)
			if err := st.audit(&Batch{}); err != nil {
				t.Error(err)
			}
		})
	}
}

func compareHash(t *testing.T, st *Store, key []byte, model map[string]string) {
	t.Helper()
	if err := st.audit(&Batch{}); err != nil {
		t.Fatal(err)
	}
	v, ok := st.DB(0).Get(key)
	if !ok {
		if len(model) > 0 {
			t.Fatal("the hash is gone")
		}
		return
	}
	h := v.Hash()
	if err := sameHash(h, model); err != nil {
		t.Fatal(err)
	}
	for f, want := range model {
		if value, ok := h.Get([]byte(f)); !ok || string(value) != want {
			t.Fatalf("Get(%q): %q, %t; want %q", f, value, ok, want)
		}
	}
	if _, ok := h.Get([]byte("other")); ok {
		t.Fatal("a field that is not there")
	}
}

// sameHash compares all ways through a hash with what it should hold.
func sameHash(h Hash, model map[string]string) error {
	if h.Len() != len(model) {
		return fmt.Errorf("%d fields, want %d", h.Len(), len(model))
	}
	i := 0
	for f, value := range h.All() {
		name, text := string(f), string(value)
		if want, ok := model[name]; !ok || want != text {
			return fmt.Errorf("field %q has %q, want %q", name, text, want)
		}
		if f, value := h.At(i); string(f) != name || string(value) != text {
			return fmt.Errorf("At(%d) is %q with %q, want %q with %q", i, f, value, name, text)
		}
		i++
	}
	if i != len(model) {
		return fmt.Errorf("All yields %d fields of %d", i, len(model))
	}
	seen := map[string]bool{}
	for cursor := uint64(0); ; {
		n := 0
		cursor = h.Scan(cursor, 10, func(f, value []byte) {
			n++
			if seen[string(f)] || model[string(f)] != string(value) {
				n = -1 << 20
			}
			seen[string(f)] = true
		})
		if n < 0 || n < 10 && cursor != 0 {
			return fmt.Errorf("Scan yields %d fields", n)
		}
		if cursor == 0 {
			break
		}
	}
	if len(seen) != len(model) {
		return fmt.Errorf("Scan yields %d fields of %d", len(seen), len(model))
	}
	return nil
}

// fillHash makes a hash of so many fields with values of so many bytes.
func fillHash(st *Store, key string, fields, value int) {
	h := st.DB(0).EditHash([]byte(key))
	text := bytes.Repeat([]byte("v"), value)
	for i := range fields {
		h.Set(field(i), text)
	}
	h.Close()
}

// An edit of what others hold copies the blocks on the way to one leaf, and
// another edit nearby copies nothing.
func TestEditCopiesOnePath(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	fillHash(st, "hash", 200_000, 20)
	holders := []struct {
		why  string
		hold func() (drop func())
	}{
		{"a snapshot", func() func() { return mustSnapshot(t, st).Close }},
		{"a copy", func() func() {
			st.DB(0).Copy([]byte("hash"), st.DB(1), []byte("copy"))
			return func() { st.DB(1).Delete([]byte("copy")); st.Reclaim(0) }
		}},
		{"a batch", func() func() {
			sn := mustSnapshot(t, st)
			var b Batch
			sn.Next(&b, Limit{})
			return func() { sn.Close(); b.Release() }
		}},
	}
	const path = 2*(valueHeader+fanout*childSize) + mapLeafMax
	for _, row := range holders {
		before := st.a.used
		drop := row.hold()
		held := st.a.used
		edit := func(i int) int {
			used := st.a.used
			h := st.DB(0).EditHash([]byte("hash"))
			h.Set(field(i), []byte("another value of 26 bytes."))
			h.Close()
			return st.a.used - used
		}
		// A snapshot sets the bucket aside with the first one, too.
		if n := edit(1); n < 2000 || n > path*5/4+asidePageSize {
			t.Errorf("%s: the first edit takes %d bytes", row.why, n)
		}
		if n := edit(1); n != 0 {
			t.Errorf("%s: the same edit again takes %d bytes", row.why, n)
		}
		for i := range 100 {
			if n := edit(2 + i); n > path*5/4 {
				t.Errorf("%s: edit %d takes %d bytes", row.why, i, n)
			}
		}
		if err := st.audit(&Batch{}); err != nil && row.why != "a batch" {
			t.Error(err)
		}
		drop()
		st.Reclaim(0)
		if n := st.a.used - before; n > 110*26 {
			t.Errorf("%s: %d bytes are left of %d", row.why, n, held-before)
		}
	}
	if err := st.audit(&Batch{}); err != nil {
		t.Error(err)
	}
}

// A large collection goes bit by bit.
func TestDeletionInSteps(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	mustSet(t, st.DB(0), "other", "value")
	for _, drop := range []struct {
		why string
		do  func()
	}{
		{"DEL", func() { st.DB(0).Delete([]byte("hash")) }},
		{"SET", func() { mustSet(t, st.DB(0), "hash", "string") }},
		{"RENAME", func() { st.DB(0).Rename([]byte("other"), []byte("hash")) }},
		{"FLUSHDB", func() { st.FlushDB(0, true) }},
	} {
		st.DB(0).Delete([]byte("hash"))
		before := st.a.used
		fillHash(st, "hash", 20_000, 300)
		full := st.a.used - before
		mustSet(t, st.DB(1), "k", "v") // so that a flush is not one of all data
		drop.do()
		if left := st.a.used - before; left < full*9/10 || st.PendingObjects() == 0 {
			t.Errorf("%s: %d bytes of %d left, %d objects to be freed", drop.why, left, full, st.PendingObjects())
		}
		steps := 0
		for st.Reclaim(1) {
			if err := st.audit(&Batch{}); err != nil {
				t.Fatal(err)
			}
			steps++
		}
		if steps < 10 || st.PendingObjects() != 0 {
			t.Errorf("%s: %d steps, %d objects left", drop.why, steps, st.PendingObjects())
		}
		if left := st.a.used - before; left > 1000 {
			t.Errorf("%s: %d bytes left", drop.why, left)
		}
		if err := st.audit(&Batch{}); err != nil {
			t.Error(err)
		}
	}
}

// A slice of a snapshot ends behind a large collection.
func TestBudgetCountsTrees(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	for i := range 50 {
		fillHash(st, "hash:"+strconv.Itoa(i), 5000, 20)
	}
	sn := mustSnapshot(t, st)
	defer sn.Close()
	var b Batch
	slices := 0
	for more := true; more; slices++ {
		more = sn.Next(&b, Limit{Bytes: 100_000})
		if b.Bytes() > 10_000_000 {
			t.Errorf("%d bytes in a slice", b.Bytes())
		}
	}
	b.Release()
	if slices < 3 {
		t.Errorf("%d slices", slices)
	}
}

// A field that stays is yielded by every scan, however the hash grows and
// shrinks from call to call, and cursors stay small enough for any client.
func TestHashScanGuarantee(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	key := []byte("hash")
	const stay, others = 700, 20_000
	rng := rand.New(rand.NewPCG(9, 9))
	fillHash(st, "hash", stay, 10)
	edit := func(n int, grow bool) {
		h := st.DB(0).EditHash(key)
		for range n {
			if f := field(stay + rng.IntN(others)); grow {
				h.Set(f, []byte("value"))
			} else {
				h.Delete(f)
			}
		}
		h.Close()
	}
	for round := range 60 {
		seen := map[string]bool{}
		cursor := uint64(0)
		for calls := 0; ; calls++ {
			v, _ := st.DB(0).Get(key)
			next := v.Hash().Scan(cursor, 10, func(f, _ []byte) { seen[string(f)] = true })
			if next == 0 {
				break
			}
			if next <= cursor || next >= orderEnd {
				t.Fatalf("cursor %x behind %x", next, cursor)
			}
			cursor = next
			edit(rng.IntN(1500), calls%40 < 20 == (round%2 == 0))
		}
		for i := range stay {
			if !seen[string(field(i))] {
				t.Fatalf("round %d: %s is missing", round, field(i))
			}
		}
	}
	// What no scan has given is no reason to fail.
	v, _ := st.DB(0).Get(key)
	for _, cursor := range []uint64{1, orderEnd - 1, orderEnd, 1<<64 - 1} {
		v.Hash().Scan(cursor, 10, func([]byte, []byte) {})
	}
}
