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
	for _, size := range []int{1, 5, 100, 512, 513, 3000, 40_000} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			st := New(Options{})
			defer st.Close()
			rng := rand.New(rand.NewPCG(1, uint64(size)))
			db, model := st.DB(0), map[string]string{}
			key := []byte("hash")
			for round := range 2 * size {
				f := field(rng.IntN(size))
				value := bytes.Repeat([]byte{byte('a' + round%26)}, rng.IntN(60))
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
