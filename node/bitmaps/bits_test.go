// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package bitmaps

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

// TestBitByBit compares what goes over words with what goes over bits.
func TestBitByBit(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		b := make([]byte, 1+r.IntN(100))
		fill := byte(r.IntN(2) * 255)
		for i := range b {
			b[i] = fill
		}
		for range r.IntN(4) {
			b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		}
		bit := func(i int) bool { return b[i>>3]>>(7-i&7)&1 == 1 }
		from := r.IntN(len(b) * 8)
		to := from + r.IntN(len(b)*8-from)
		wantCount, wantPos := 0, [2]int{-1, -1}
		for i := to; i >= from; i-- {
			which := 0
			if bit(i) {
				wantCount++
				which = 1
			}
			wantPos[which] = i
		}
		if got := count(b, from, to); got != wantCount {
			t.Fatalf("count(%x, %d, %d) = %d, want %d", b, from, to, got, wantCount)
		}
		for which, want := range wantPos {
			if got := find(b, from, to, which == 1); got != want {
				t.Fatalf("find(%x, %d, %d, %v) = %d, want %d", b, from, to, which == 1, got, want)
			}
		}
	}
}

func TestOperationsOverWords(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		dst := make([]byte, 1+r.IntN(80))
		src := make([]byte, r.IntN(len(dst)+1))
		for i := range dst {
			dst[i] = byte(r.Uint32())
		}
		for i := range src {
			src[i] = byte(r.Uint32())
		}
		at := func(i int) byte {
			if i < len(src) {
				return src[i]
			}
			return 0
		}
		for name, op := range map[string]struct {
			run  func(dst, src []byte)
			want func(a, b byte) byte
		}{
			"and": {and, func(a, b byte) byte { return a & b }},
			"or":  {or, func(a, b byte) byte { return a | b }},
			"xor": {xor, func(a, b byte) byte { return a ^ b }},
			"not": {func(dst, _ []byte) { not(dst) }, func(a, _ byte) byte { return ^a }},
		} {
			got := append([]byte(nil), dst...)
			op.run(got, src)
			for i := range got {
				if want := op.want(dst[i], at(i)); got[i] != want {
					t.Fatalf("%s: byte %d of %d and %d: %x, want %x", name, i, len(dst), len(src), got[i], want)
				}
			}
		}
	}
}

// TestIntegers stores and loads integers of all widths at all shifts: the bits
// around them stay, and sums wrap, saturate and fail as those of big numbers do.
func TestIntegers(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 20000 {
		i := integer{offset: r.IntN(40), width: 1 + r.IntN(64), signed: r.IntN(2) == 0}
		if i.width == 64 {
			i.signed = true
		}
		b := make([]byte, i.end()+r.IntN(3))
		whole := new(big.Int)
		for j := range b {
			b[j] = byte(r.Uint32())
		}
		whole.SetBytes(b)
		old := i.load(b)
		if old < i.least() || old > i.most() {
			t.Fatalf("%+v loads %d", i, old)
		}
		i.store(b, old)
		if whole.Cmp(new(big.Int).SetBytes(b)) != 0 {
			t.Fatalf("%+v changes what it has loaded", i)
		}
		by := r.Int64() >> r.IntN(64)
		sum := new(big.Int).Add(big.NewInt(old), big.NewInt(by))
		fits := sum.Cmp(big.NewInt(i.least())) >= 0 && sum.Cmp(big.NewInt(i.most())) <= 0
		saturated, _ := i.add(old, by, saturate)
		_, ok := i.add(old, by, fail)
		wrapped, _ := i.add(old, by, wrap)
		if ok != fits {
			t.Fatalf("%+v: %d%+d fits: %v, want %v", i, old, by, ok, fits)
		}
		want := sum.Int64()
		switch {
		case !fits && sum.Sign() > 0 && by > 0:
			want = i.most()
		case !fits:
			want = i.least()
		}
		if saturated != want {
			t.Fatalf("%+v: %d%+d saturates at %d, want %d", i, old, by, saturated, want)
		}
		modulus := new(big.Int).Lsh(big.NewInt(1), uint(i.width))
		if new(big.Int).Mod(new(big.Int).Sub(sum, big.NewInt(wrapped)), modulus).Sign() != 0 {
			t.Fatalf("%+v: %d%+d wraps to %d", i, old, by, wrapped)
		}
		i.store(b, wrapped)
		if got := i.load(b); got != wrapped {
			t.Fatalf("%+v: stored %d, loaded %d", i, wrapped, got)
		}
	}
}
