// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package listpack

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// of returns a listpack of these elements.
func of(elements ...string) []byte {
	lp := New()
	for _, e := range elements {
		lp = Append(lp, []byte(e))
	}
	return lp
}

// elements returns what a listpack holds, read forwards.
func elements(lp []byte) []string {
	got := []string{}
	for off := First(lp); off >= 0; off = Next(lp, off) {
		got = append(got, string(Get(lp, off).Append(nil)))
	}
	return got
}

func TestEntries(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for _, c := range []struct{ value, bytes, why string }{
		{"", "\x80\x01", "no byte at all is a string"},
		{"0", "\x00\x01", "the least number of one byte"},
		{"127", "\x7f\x01", "the greatest number of one byte"},
		{"128", "\xc0\x80\x02", "13 bits from 128 on"},
		{"4095", "\xcf\xff\x02", "the greatest of 13 bits"},
		{"-1", "\xdf\xff\x02", "13 bits below 0"},
		{"-4096", "\xd0\x00\x02", "the least of 13 bits"},
		{"4096", "\xf1\x00\x10\x03", "16 bits"},
		{"-4097", "\xf1\xff\xef\x03", "16 bits below 0"},
		{"32768", "\xf2\x00\x80\x00\x04", "24 bits"},
		{"-8388608", "\xf2\x00\x00\x80\x04", "the least of 24 bits"},
		{"8388608", "\xf3\x00\x00\x80\x00\x05", "32 bits"},
		{"-2147483648", "\xf3\x00\x00\x00\x80\x05", "the least of 32 bits"},
		{"2147483648", "\xf4\x00\x00\x00\x80\x00\x00\x00\x00\x09", "64 bits"},
		{"-9223372036854775808", "\xf4\x00\x00\x00\x00\x00\x00\x00\x80\x09", "the least of all"},
		{"9223372036854775807", "\xf4\xff\xff\xff\xff\xff\xff\xff\x7f\x09", "the greatest of all"},
		{"9223372036854775808", "\x939223372036854775808\x14", "one more is a string"},
		{"-9223372036854775809", "\x94-9223372036854775809\x15", "one less is one, too"},
		{"01", "\x8201\x03", "a leading zero would be lost"},
		{"-0", "\x82-0\x03", "so would the sign of zero"},
		{"+1", "\x82+1\x03", "and a plus"},
		{" 1", "\x82 1\x03", "and a space"},
		{"-", "\x81-\x02", "a sign alone is no number"},
		{long[:63], "\xbf" + long[:63] + "\x40", "the longest of 6 bits"},
		{long[:64], "\xe0\x40" + long[:64] + "\x42", "12 bits"},
		{long[:125], "\xe0\x7d" + long[:125] + "\x7f", "the longest with one byte behind"},
		{long[:126], "\xe0\x7e" + long[:126] + "\x01\x80", "two bytes behind"},
		{long[:4095], "\xef\xff" + long[:4095] + "\x20\x81", "the longest of 12 bits"},
		{long[:4096], "\xf0\x00\x10\x00\x00" + long[:4096] + "\x20\x85", "32 bits"},
	} {
		lp := Append(New(), []byte(c.value))
		if got := string(lp[headerSize:End(lp)]); got != c.bytes {
			t.Errorf("%.30q: got %.60q, want %.60q: %s", c.value, got, c.bytes, c.why)
		}
		if got := string(Get(lp, First(lp)).Append(nil)); got != c.value {
			t.Errorf("%.30q reads as %.30q", c.value, got)
		}
		if !Get(lp, First(lp)).Equal([]byte(c.value)) || Get(lp, First(lp)).Equal([]byte(c.value+"0")) {
			t.Errorf("%.30q: Equal is wrong", c.value)
		}
		if got := Size([]byte(c.value)); got != len(c.bytes) {
			t.Errorf("%.30q: got size %d, want %d", c.value, got, len(c.bytes))
		}
	}
}

func TestBackLength(t *testing.T) {
	for _, c := range []struct {
		n    int
		want string
		why  string
	}{
		{127, "\x7f", "seven bits"},
		{128, "\x01\x80", "two times seven"},
		{16382, "\x7f\xfe", "the last that Redis writes in two"},
		{16383, "\x00\xff\xff", "would fit in two, but Redis takes three"},
		{2097150, "\x7f\xff\xfe", "the last in three"},
		{2097151, "\x00\xff\xff\xff", "four, one early again"},
		{268435454, "\x7f\xff\xff\xfe", "the last in four"},
		{268435455, "\x00\xff\xff\xff\xff", "five"},
		{MaxBytes, "\x04\x80\x80\x80\x80", "the largest there can be"},
	} {
		b := make([]byte, backLengthSize(c.n))
		writeBackLength(b, c.n)
		if string(b) != c.want {
			t.Errorf("%d: got %x, want %x: %s", c.n, b, c.want, c.why)
		}
		if got := backLength(append(make([]byte, 5), b...), 5+len(b)-1); got != c.n {
			t.Errorf("%d is read as %d", c.n, got)
		}
	}
	if got := backLength(bytes.Repeat([]byte{0x80}, 6), 5); got != -1 {
		t.Errorf("a length without an end is read as %d", got)
	}
}

func TestUnknownCount(t *testing.T) {
	lp := New()
	for i := range unknownCount + 2 {
		lp = AppendInt(lp, int64(i%100))
	}
	if count(lp) != unknownCount || Len(lp) != unknownCount+2 {
		t.Fatalf("header says %d, Len %d", count(lp), Len(lp))
	}
	if off := Seek(lp, -2); off != End(lp)-4 {
		t.Errorf("the last but one is at %d of %d", off, len(lp))
	}
	if off := Seek(lp, 65536); off != headerSize+2*65536 {
		t.Errorf("the last is at %d", off)
	}
	if off := Seek(lp, 65537); off != -1 {
		t.Errorf("what is not there is at %d", off)
	}
	lp = Delete(lp, First(lp), 10)
	if count(lp) != unknownCount || Len(lp) != unknownCount-8 {
		t.Errorf("after 10 deletions the header says %d, Len %d", count(lp), Len(lp))
	}
	if err := Validate(lp, true); err != nil {
		t.Error(err)
	}
	if half := Merge(of(), lp[:len(lp):len(lp)]); count(half) != unknownCount-8 {
		t.Errorf("a merge counts anew: %d", count(half))
	}
}

func TestInPlace(t *testing.T) {
	lp := append(make([]byte, 0, 4096), New()...)
	start, value, other := &lp[0], []byte("some value"), of("1", "two")
	allocations := testing.AllocsPerRun(100, func() {
		lp = Append(lp, value)
		lp = Prepend(lp, value)
		lp = PrependInt(lp, 7)
		lp = ReplaceInt(lp, First(lp), math.MaxInt64)
		lp = Insert(lp, Seek(lp, 1), value[:3])
		if Find(lp, First(lp), value, 1) < 0 || !Get(lp, Last(lp)).Equal(value) {
			t.Fatal("lost")
		}
		lp = Merge(lp, other)
		lp = Delete(lp, First(lp), 6)
	})
	if allocations != 0 || &lp[0] != start || Len(lp) != 0 {
		t.Errorf("%v allocations, moved %v, %d left", allocations, &lp[0] != start, Len(lp))
	}
}

func TestFits(t *testing.T) {
	lp := New()
	if !Fits(lp, MaxBytes-len(lp)) || Fits(lp, MaxBytes-len(lp)+1) {
		t.Error("the bound is wrong")
	}
}

// TestAgainstSlice does the same to a listpack and to a slice of strings.
func TestAgainstSlice(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		element := rapid.OneOf(
			rapid.StringN(0, 5, -1),
			rapid.Custom(func(t *rapid.T) string { return strconv.FormatInt(rapid.Int64().Draw(t, "n"), 10) }),
			rapid.Custom(func(t *rapid.T) string {
				return strings.Repeat("ab", rapid.IntRange(0, 2500).Draw(t, "half"))
			}),
		)
		lp, model := New(), []string{}
		rt.Repeat(map[string]func(*rapid.T){
			"insert": func(rt *rapid.T) {
				i, e := rapid.IntRange(0, len(model)).Draw(rt, "i"), element.Draw(rt, "e")
				off := End(lp)
				if i < len(model) {
					off = Seek(lp, i)
				}
				lp, model = Insert(lp, off, []byte(e)), slices.Insert(model, i, e)
				if !Get(lp, off).Equal([]byte(e)) {
					rt.Fatal("not where it was put")
				}
			},
			"insert a number": func(rt *rapid.T) {
				n := rapid.Int64().Draw(rt, "n")
				lp, model = PrependInt(lp, n), slices.Insert(model, 0, strconv.FormatInt(n, 10))
				lp, model = InsertInt(lp, Last(lp), n), slices.Insert(model, len(model)-1, strconv.FormatInt(n, 10))
			},
			"replace": func(rt *rapid.T) {
				if len(model) > 0 {
					i, e := rapid.IntRange(0, len(model)-1).Draw(rt, "i"), element.Draw(rt, "e")
					lp, model[i] = Replace(lp, Seek(lp, i), []byte(e)), e
				}
			},
			"delete": func(rt *rapid.T) {
				if len(model) > 0 {
					i, n := rapid.IntRange(0, len(model)-1).Draw(rt, "i"), rapid.IntRange(0, 4).Draw(rt, "n")
					lp, model = Delete(lp, Seek(lp, i-len(model)), n), slices.Delete(model, i, min(i+n, len(model)))
				}
			},
			"merge": func(rt *rapid.T) {
				more := rapid.SliceOfN(element, 0, 4).Draw(rt, "more")
				lp, model = Merge(lp, of(more...)), append(model, more...)
			},
			"find": func(rt *rapid.T) {
				if len(model) > 0 {
					e, skip := rapid.SampledFrom(model).Draw(rt, "e"), rapid.IntRange(0, 2).Draw(rt, "skip")
					from, want := rapid.IntRange(0, len(model)-1).Draw(rt, "from"), -1
					for i := from; i < len(model) && want < 0; i += skip + 1 {
						if model[i] == e {
							want = Seek(lp, i)
						}
					}
					if got := Find(lp, Seek(lp, from), []byte(e), skip); got != want {
						rt.Fatalf("found at %d, want %d", got, want)
					}
				}
			},
			"": func(rt *rapid.T) { compare(rt, lp, model) },
		})
	})
}

func compare(t *rapid.T, lp []byte, model []string) {
	if err := Validate(lp, true); err != nil {
		t.Fatal(err)
	}
	if got := elements(lp); !slices.Equal(got, model) || Len(lp) != len(model) {
		t.Fatalf("%d elements, got %q, want %q", Len(lp), got, model)
	}
	i := len(model)
	for off := Last(lp); off >= 0; off = Prev(lp, off) {
		i--
		if Seek(lp, i) != off || Seek(lp, i-len(model)) != off {
			t.Fatalf("element %d is not at %d", i, off)
		}
	}
	if i != 0 {
		t.Fatalf("%d elements are not met backwards", i)
	}
}
