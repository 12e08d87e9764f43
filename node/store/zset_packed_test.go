// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/espalier-io/espalier/node/listpack"
)

// scored is a member of a sorted set in a model.
type scored struct {
	member string
	score  float64
}

func compareScored(a, b scored) int {
	switch {
	case a.score < b.score:
		return -1
	case a.score > b.score:
		return 1
	}
	return bytes.Compare([]byte(a.member), []byte(b.member))
}

// scores are scores that tie, that listpacks write in their several ways, and
// those at the ends.
var scores = []float64{
	0, 1, 1, 2, 3, -1, 127, 128, 4095, 4096, -4097, 40000, 1 << 23, 1 << 31, 1 << 40, 1 << 62, 1 << 63,
	math.Copysign(0, -1), 0.5, -0.25, 3.14159, 1e20, -1e20, 1e300, 5e-324, math.Inf(1), math.Inf(-1),
}

func TestPackedZSetAgainstModel(t *testing.T) {
	for seed := range uint64(3) {
		rng := rand.New(rand.NewPCG(seed, 1))
		z := packedZSet(listpack.New())
		var model []scored
		for range 300 {
			member := []byte(fmt.Sprint(rng.IntN(60)))
			if rng.IntN(2) == 0 {
				member = append([]byte("m"), member...)
			}
			at := slices.IndexFunc(model, func(s scored) bool { return s.member == string(member) })
			off := z.find(member)
			if off >= 0 != (at >= 0) {
				t.Fatalf("%q: found at %d, in the model at %d", member, off, at)
			}
			if at >= 0 {
				if got := z.rank(off); got != at {
					t.Fatalf("%q has rank %d, not %d", member, got, at)
				}
				z, model = z.remove(off, 1), slices.Delete(model, at, at+1)
			}
			if rng.IntN(3) == 0 {
				continue
			}
			score := scores[rng.IntN(len(scores))]
			off, rank := z.place(score, member)
			size := len(z) + packedZSetItem(member, score)
			z = z.insert(off, member, score)
			if len(z) != size {
				t.Fatalf("%q with %v: %d bytes, foretold as %d", member, score, len(z), size)
			}
			model = slices.Insert(model, rank, scored{string(member), score})
			checkPackedZSet(t, z, model)
		}
	}
}

func checkPackedZSet(t *testing.T, z packedZSet, model []scored) {
	t.Helper()
	if err := listpack.Validate(z, true); err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(model, compareScored) {
		t.Fatalf("out of order: %v", model)
	}
	var got []scored
	for off := listpack.First(z); off >= 0; off = z.next(off) {
		got = append(got, scored{string(listpack.Get(z, off).Append(nil)), z.score(off)})
	}
	if !slices.Equal(got, model) || z.len() != len(model) {
		t.Fatalf("%v\nnot\n%v", got, model)
	}
	for _, s := range scores {
		below := len(slices.Collect(filter(model, func(m scored) bool { return m.score < s })))
		upTo := len(slices.Collect(filter(model, func(m scored) bool { return m.score <= s })))
		if z.countBelow(s, false) != below || z.countBelow(s, true) != upTo {
			t.Fatalf("%v: %d below, %d up to it; not %d and %d", s, z.countBelow(s, false), z.countBelow(s, true), below, upTo)
		}
	}
}

func filter(model []scored, keep func(scored) bool) func(func(scored) bool) {
	return func(yield func(scored) bool) {
		for _, m := range model {
			if keep(m) && !yield(m) {
				return
			}
		}
	}
}

func TestScoresAsRedisWritesThem(t *testing.T) {
	for _, c := range []struct {
		score float64
		text  string // "" for an integer of the listpack
	}{
		{3, ""},
		{-17, ""},
		{math.Copysign(0, -1), ""},
		{1 << 61, ""},
		{0.1, "0.10000000000000001"},
		{-2.5, "-2.5"},
		{1e20, "1e+20"},
		{1 << 63, "9.2233720368547758e+18"},
		{123456789.125, "123456789.125"},
		{5e-324, "4.9406564584124654e-324"},
		{math.Inf(1), "inf"},
		{math.Inf(-1), "-inf"},
	} {
		if _, whole := wholeScore(c.score); whole {
			if c.text != "" {
				t.Errorf("%v is written as an integer", c.score)
			}
			continue
		}
		got := appendScore(nil, c.score)
		if string(got) != c.text {
			t.Errorf("%v is written as %q, not %q", c.score, got, c.text)
		}
		if len(got) > scoreDigits {
			t.Errorf("%v takes %d digits", c.score, len(got))
		}
		if back := parseScore(listpack.Element{Str: got}); back != c.score {
			t.Errorf("%q is read as %v", got, back)
		}
	}
}
