// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math/rand/v2"
	"testing"
)

func TestSizeClasses(t *testing.T) {
	for size := 1; size <= maxSlab; size++ {
		class := classOf(size)
		have := classSize(class)
		if have < size || class >= numClasses || have%8 != 0 {
			t.Fatalf("%d bytes: class %d of %d", size, class, have)
		}
		if class > 1 && classSize(class-1) >= size {
			t.Fatalf("%d bytes: class %d of %d, the one below would do", size, class, have)
		}
		if size > smallMax && have-size > size/8+8 {
			t.Fatalf("%d bytes: %d are wasted", size, have-size)
		}
	}
	if classSize(numClasses-1) != maxSlab {
		t.Errorf("the largest class is %d", classSize(numClasses-1))
	}
}

// Blocks of all sizes come and go; none overlaps another, and in the end all
// chunks but the spare ones are with the system again.
func TestArena(t *testing.T) {
	a := newArena()
	rng := rand.New(rand.NewPCG(1, 1))
	type block struct {
		h    handle
		size int
		fill byte
	}
	var live []block
	paint := func(b block) {
		for i := range bytesAt(a.ptr(b.h), b.size) {
			bytesAt(a.ptr(b.h), b.size)[i] = b.fill
		}
	}
	check := func(b block) {
		for i, c := range bytesAt(a.ptr(b.h), b.size) {
			if c != b.fill {
				t.Fatalf("block %x of %d bytes is damaged at %d", b.h, b.size, i)
			}
		}
	}
	sizes := []int{1, 8, 9, 56, 128, 129, 1000, 4096, 30_000, 300_000, maxSlab, maxSlab + 1, 2 << 20}
	for step := range 4000 {
		switch i := rng.IntN(max(1, len(live))); {
		case len(live) > 0 && rng.IntN(5) == 0:
			check(live[i])
			size := sizes[rng.IntN(len(sizes))]
			keep := min(size, live[i].size)
			h, _ := a.resize(live[i].h, size, keep)
			live[i] = block{h, keep, live[i].fill}
			check(live[i])
			live[i].size = size
			paint(live[i])
		case len(live) > 0 && rng.IntN(100) < 30+step/100:
			check(live[i])
			a.free(live[i].h)
			live[i] = live[len(live)-1]
			live = live[:len(live)-1]
		default:
			size := sizes[min(rng.IntN(len(sizes)), rng.IntN(len(sizes)))]
			h, _ := a.alloc(size)
			live = append(live, block{h, size, byte(step)})
			paint(live[len(live)-1])
		}
	}
	for _, b := range live {
		check(b)
		a.free(b.h)
	}
	if a.used != 0 || a.mapped > spareChunks*chunkSize {
		t.Errorf("%d bytes in use, %d mapped after all was freed", a.used, a.mapped)
	}
	a.retire()
	background.wait()
}

// A retired arena stays readable as long as somebody holds it.
func TestArenaRetires(t *testing.T) {
	a := newArena()
	h, _ := a.alloc(100)
	a.hold()
	a.hold()
	a.retire()
	copy(bytesAt(a.ptr(h), 100), "still here")
	a.release()
	if string(bytesAt(a.ptr(h), 10)) != "still here" || a.gone {
		t.Fatal("gone too early")
	}
	a.release()
	if !a.gone {
		t.Fatal("not gone")
	}
}

func TestVector(t *testing.T) {
	a := newArena()
	defer a.retire()
	var v vector
	for n := range uint64(5000) {
		v.push(a, n*3)
	}
	for v.len > 0 {
		if got := *v.at(v.len - 1); got != (v.len-1)*3 {
			t.Fatalf("word %d is %d", v.len-1, got)
		}
		v.pop(a)
	}
	if len(v.pages) != 1 && len(v.pages) != 2 {
		t.Errorf("an empty vector keeps %d pages", len(v.pages))
	}
	for len(v.pages) > 0 {
		v.dropPage(a)
	}
	if a.used != 0 {
		t.Errorf("%d bytes in use", a.used)
	}
}
