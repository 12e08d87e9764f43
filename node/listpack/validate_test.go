// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package listpack

import (
	"errors"
	"testing"
)

func TestValidate(t *testing.T) {
	whole := string(of("1", "two", "3000"))
	patch := func(off int, with string) string { return whole[:off] + with + whole[off+len(with):] }
	for _, c := range []struct {
		blob   string
		offset int // -1: is valid
		why    string
	}{
		{whole, -1, "whole"},
		{string(New()), -1, "empty"},
		{patch(4, "\xff\xff"), -1, "an unknown number of elements is not compared"},
		{"", 0, "nothing"},
		{whole[:6], 6, "the header alone"},
		{whole[:len(whole)-1], 0, "cut off"},
		{whole + "\xff", 0, "more than it says"},
		{patch(len(whole)-1, "\x00"), len(whole) - 1, "no end"},
		{patch(4, "\x02"), 4, "more than it counts"},
		{patch(4, "\x04"), 4, "less than it counts"},
		{patch(6, "\xf5"), 6, "a tag that does not exist"},
		{patch(8, "\xff"), 8, "ends before its end"},
		{patch(7, "\x02"), 6, "another length from behind"},
		{patch(12, "\x84"), 8, "a length from behind that goes on"},
		{patch(8, "\xbf"), 8, "a string beyond the end"},
		{patch(8, "\xef"), 8, "a longer string beyond the end"},
		{patch(8, "\xf0\xff\xff\xff\xff"), 8, "a string that would overflow 32 bits"},
		{patch(8, "\xf4"), 8, "a number beyond the end"},
		{patch(13, "\xf0"), 13, "the length of a string beyond the end"},
		{"\x08\x00\x00\x00\x01\x00\xe0\xff", 6, "the second byte of a length is the end"},
	} {
		err := Validate([]byte(c.blob), true)
		var fault *Fault
		if offset := -1; errors.As(err, &fault) {
			if offset = fault.Offset; offset != c.offset {
				t.Errorf("%s: %v, want offset %d", c.why, err, c.offset)
			}
		} else if c.offset >= 0 {
			t.Errorf("%s: taken for valid", c.why)
		}
	}
	if err := Validate([]byte(patch(6, "\xf5")), false); err != nil {
		t.Errorf("a look at the header only looks at the entries: %v", err)
	}
}

// FuzzValidate does everything that there is to what passes Validate.
func FuzzValidate(f *testing.F) {
	f.Add([]byte(nil), "")
	f.Add(New(), "")
	f.Add(of("", "1", "-5000", "two", "9223372036854775807"), "two")
	f.Add(of(string(make([]byte, 70)), "70000", string(make([]byte, 4100)), "-1"), "-1")
	// A length of two bytes where one would do.
	f.Add([]byte("\x0e\x00\x00\x00\x01\x00\x85abc\x00\x85\x06\xff"), "abc")
	f.Fuzz(func(t *testing.T, blob []byte, value string) {
		_ = Validate(blob, false)
		if Validate(blob, true) != nil {
			return
		}
		forwards := elements(blob)
		if Len(blob) != len(forwards) {
			t.Fatalf("%d elements, Len says %d", len(forwards), Len(blob))
		}
		i := len(forwards)
		for off := Last(blob); off >= 0; off = Prev(blob, off) {
			i--
			if !Get(blob, off).Equal([]byte(forwards[i])) {
				t.Fatalf("element %d differs backwards", i)
			}
			if len(forwards) < 100 && Seek(blob, i) != off { // a long one takes its square
				t.Fatalf("element %d is not at %d", i, off)
			}
		}
		if i != 0 {
			t.Fatalf("%d elements are not met backwards", i)
		}
		Find(blob, First(blob), []byte(value), 0)
		Find(blob, First(blob), []byte(value), 1)

		edited := Prepend(append([]byte(nil), blob...), []byte(value))
		edited = Append(edited, []byte(value))
		edited = Replace(edited, Seek(edited, Len(edited)/2), []byte(value))
		edited = Merge(edited, blob)
		edited = Delete(edited, Seek(edited, 1), len(forwards)/2)
		if err := Validate(edited, true); err != nil {
			t.Fatalf("after edits: %v", err)
		}
	})
}
