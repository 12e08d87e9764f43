// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package intset

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/espalier-io/espalier/node/redistest"
)

// of returns an intset of these numbers.
func of(numbers ...int64) []byte {
	set := New()
	for _, n := range numbers {
		set, _ = Add(set, n)
	}
	return set
}

func TestBytes(t *testing.T) {
	for _, c := range []struct {
		numbers []int64
		want    string
		why     string
	}{
		{nil, "\x02\x00\x00\x00\x00\x00\x00\x00", "empty"},
		{[]int64{2, -1, 2}, "\x02\x00\x00\x00\x02\x00\x00\x00\xff\xff\x02\x00", "ascending, each once"},
		{[]int64{1, math.MaxInt16 + 1}, "\x04\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x00\x80\x00\x00", "wider, behind"},
		{[]int64{1, math.MinInt16 - 1}, "\x04\x00\x00\x00\x02\x00\x00\x00\xff\x7f\xff\xff\x01\x00\x00\x00", "wider, before"},
		{[]int64{math.MinInt64}, "\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80", "the widest"},
	} {
		if got := string(of(c.numbers...)); got != c.want {
			t.Errorf("%v: got %x, want %x: %s", c.numbers, got, c.want, c.why)
		}
	}
}

// TestAgainstSlice does the same to an intset and to a sorted slice.
func TestAgainstSlice(t *testing.T) {
	number := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-50, 50), rapid.Int64Range(math.MinInt16-5, math.MinInt16+5),
		rapid.Int64Range(math.MaxInt32-5, math.MaxInt32+5))
	rapid.Check(t, func(rt *rapid.T) {
		set, model := New(), []int64{}
		rt.Repeat(map[string]func(*rapid.T){
			"add": func(rt *rapid.T) {
				n := number.Draw(rt, "n")
				size := Size(set, n)
				i, there := slices.BinarySearch(model, n)
				var added bool
				if set, added = Add(set, n); added == there {
					rt.Fatalf("added %v, was there %v", added, there)
				}
				if added {
					model = slices.Insert(model, i, n)
					if len(set) != size {
						rt.Fatalf("%d bytes, Size said %d", len(set), size)
					}
				}
			},
			"remove": func(rt *rapid.T) {
				n := number.Draw(rt, "n")
				if len(model) > 0 && rapid.Bool().Draw(rt, "there") {
					n = rapid.SampledFrom(model).Draw(rt, "n")
				}
				i, there := slices.BinarySearch(model, n)
				var removed bool
				if set, removed = Remove(set, n); removed != there {
					rt.Fatalf("removed %v, was there %v", removed, there)
				}
				if removed {
					model = slices.Delete(model, i, i+1)
				}
			},
			"": func(rt *rapid.T) {
				if got := slices.Collect(All(set)); !slices.Equal(got, model) || Len(set) != len(model) {
					rt.Fatalf("got %d, want %d", got, model)
				}
				if err := Validate(set, true); len(model) > 0 && err != nil {
					rt.Fatal(err)
				}
				n := number.Draw(rt, "n")
				want, there := slices.BinarySearch(model, n)
				if i, found := Find(set, n); i != want || found != there {
					rt.Fatalf("%d found at %d %v, want %d %v", n, i, found, want, there)
				}
			},
		})
	})
}

func TestInPlace(t *testing.T) {
	set := append(make([]byte, 0, 512), of(1, 2)...)
	start := &set[0]
	allocations := testing.AllocsPerRun(100, func() {
		for n := range int64(20) {
			set, _ = Add(set, n<<(2*n))
		}
		for n := range int64(20) {
			set, _ = Remove(set, n<<(2*n))
		}
	})
	if allocations != 0 || &set[0] != start {
		t.Errorf("%v allocations, moved %v", allocations, &set[0] != start)
	}
}

func TestAsRedis(t *testing.T) {
	redis := redistest.Start(t, t.TempDir(), "--rdbcompression", "no")
	random := rand.New(rand.NewPCG(1, 2))
	set := New()
	for i := range 500 {
		n := int64(random.Uint64()) >> (64 - 1 - min(62, random.IntN(9+i/8)))
		if random.IntN(3) > 0 || Len(set) < 2 {
			redis.Do("SADD", "s", strconv.FormatInt(n, 10))
			set, _ = Add(set, n)
		} else {
			n = At(set, random.IntN(Len(set)))
			redis.Do("SREM", "s", strconv.FormatInt(n, 10))
			set, _ = Remove(set, n)
		}
		dump := []byte(redis.Do("DUMP", "s").Str)
		dump = dump[:len(dump)-10] // the version and the checksum
		if !bytes.HasSuffix(dump, set) || len(dump) > len(set)+6 {
			t.Fatalf("after %d:\n  redis %x\n  here  %x", n, dump, set)
		}
	}
}

func TestValidate(t *testing.T) {
	whole := string(of(1, 2, 70000))
	patch := func(off int, with string) string { return whole[:off] + with + whole[off+len(with):] }
	for _, c := range []struct {
		blob   string
		offset int // -1: is valid
		why    string
	}{
		{whole, -1, "whole"},
		{"", 0, "nothing"},
		{whole[:7], 7, "less than a header"},
		{string(New()), 4, "empty: Redis has none such"},
		{patch(0, "\x03"), 0, "a width that does not exist"},
		{patch(1, "\x01"), 0, "a large width"},
		{patch(4, "\x04"), 4, "cut off"},
		{patch(4, "\x02"), 4, "more than it says"},
		{patch(7, "\xff"), 4, "a number of numbers that would overflow"},
		{patch(12, "\x01"), 12, "one twice"},
		{patch(16, "\x00\x00\x00\x00"), 16, "descending"},
	} {
		err := Validate([]byte(c.blob), true)
		var fault *Fault
		if errors.As(err, &fault) {
			if fault.Offset != c.offset {
				t.Errorf("%s: %v, want offset %d", c.why, err, c.offset)
			}
		} else if c.offset >= 0 {
			t.Errorf("%s: taken for valid", c.why)
		}
	}
	if err := Validate([]byte(patch(12, "\x01")), false); err != nil {
		t.Errorf("a look at the header only looks at the numbers: %v", err)
	}
}

// FuzzValidate does everything that there is to what passes Validate.
func FuzzValidate(f *testing.F) {
	f.Add([]byte(nil), int64(0))
	f.Add(of(5, -3, 20000), int64(5))
	f.Add(of(math.MinInt64, 0), int64(70000))
	f.Fuzz(func(t *testing.T, blob []byte, n int64) {
		_ = Validate(blob, false)
		if Validate(blob, true) != nil {
			return
		}
		numbers := slices.Collect(All(blob))
		if !slices.IsSorted(numbers) || len(numbers) != Len(blob) {
			t.Fatalf("not a set: %d", numbers)
		}
		_, found := Find(blob, n)
		edited, added := Add(append([]byte(nil), blob...), n)
		if added == found {
			t.Fatalf("found %v, added %v", found, added)
		}
		if err := Validate(edited, true); err != nil {
			t.Fatalf("after an addition: %v", err)
		}
		edited, removed := Remove(edited, At(edited, Len(edited)/2))
		if !removed || Len(edited) > 0 && Validate(edited, true) != nil {
			t.Fatal("a removal leaves it broken")
		}
	})
}
