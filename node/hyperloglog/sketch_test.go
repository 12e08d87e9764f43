// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package hyperloglog

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// TestForms adds the same elements to a sparse and a dense sketch: their
// registers and estimates agree at every step.
func TestForms(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	dense := make(sketch, denseSize)
	copy(dense, newSketch[:headerSize])
	dense[formAt] = formDense
	sparse := sketch(newSketch)
	for n := range 4000 {
		var element [8]byte
		binary.LittleEndian.PutUint64(element[:], r.Uint64())
		changed := dense.setDense(place(element[:]))
		var raised, ok bool
		if sparse, raised, ok = sparse.add(element[:], 1<<20); !ok || raised != changed {
			t.Fatalf("element %d: sparse %v %v, dense %v", n, raised, ok, changed)
		}
		if n%50 != 0 || !sparse.sparse() {
			continue
		}
		unpacked, ok := sparse.dense()
		if !ok || string(unpacked[headerSize:]) != string(dense[headerSize:]) {
			t.Fatalf("element %d: other registers", n)
		}
		a, _ := sparse.count()
		b, _ := dense.count()
		var u union
		u.add(sparse)
		if c := u.count(); a != b || a != c {
			t.Fatalf("element %d: counted as %d, %d and %d", n, a, b, c)
		}
	}
}

// FuzzSparse: whatever the bytes, nothing goes beyond them, and what is whole
// stays whole.
func FuzzSparse(f *testing.F) {
	f.Add([]byte(newSketch[headerSize:]), []byte("a"))
	f.Add([]byte{0x80, 0x83, 0x7f}, []byte("b"))
	f.Fuzz(func(t *testing.T, runs, element []byte) {
		s := append(sketch(newSketch[:headerSize]), runs...)
		_, counted := s.count()
		_, whole := s.dense()
		var u union
		if u.add(s) != whole {
			t.Fatal("whole for one, not for the other")
		}
		s.describe()
		next, changed, ok := s.add(element, 3000)
		if !ok {
			return
		}
		if _, still := next.count(); counted && whole && !still {
			t.Fatalf("%x is no sketch any more: %x", runs, next)
		}
		register, rank := place(element)
		if changed && !next.sparse() && next.get(register) < rank {
			t.Fatal("the register was not raised")
		}
	})
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	s := sketch(newSketch)
	s = append(make(sketch, 0, 4096), s...)
	i := uint64(0)
	if n := testing.AllocsPerRun(200, func() {
		var element [8]byte
		i++
		binary.LittleEndian.PutUint64(element[:], i)
		s, _, _ = s.add(element[:], 4000)
	}); n != 0 {
		t.Errorf("adding to a sparse sketch allocates %v times", n)
	}
}
