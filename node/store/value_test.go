// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
)

func TestParseInt(t *testing.T) {
	rows := []struct {
		in string
		n  int64
		ok bool
	}{
		{"0", 0, true},
		{"7", 7, true},
		{"-1", -1, true},
		{"10", 10, true},
		{"9223372036854775807", math.MaxInt64, true},
		{"-9223372036854775808", math.MinInt64, true},
		{"9223372036854775808", 0, false},
		{"-9223372036854775809", 0, false},
		{"18446744073709551615", 0, false},
		{"18446744073709551616", 0, false},
		{"99999999999999999999", 0, false},
		{"100000000000000000000", 0, false},
		{"", 0, false},
		{"-", 0, false},
		{"-0", 0, false},
		{"01", 0, false},
		{"-01", 0, false},
		{"+1", 0, false},
		{" 1", 0, false},
		{"1 ", 0, false},
		{"1.0", 0, false},
		{"1e3", 0, false},
		{"0x10", 0, false},
	}
	for _, row := range rows {
		if n, ok := ParseInt([]byte(row.in)); n != row.n || ok != row.ok {
			t.Errorf("ParseInt(%q) = %d, %t, want %d, %t", row.in, n, ok, row.n, row.ok)
		}
	}
}

func TestIntsOfEveryWidth(t *testing.T) {
	db := New(Options{}).DB(0)
	defer db.st.Close()
	for shift := range 64 {
		for _, near := range []int64{-1, 0, 1} {
			for _, n := range []int64{1<<shift + near, -(1 << shift) + near} {
				if _, err := db.SetInt([]byte("n"), n, true); err != nil {
					t.Fatal(err)
				}
				v, _ := db.Get([]byte("n"))
				if got, ok := v.Int(); got != n || !ok || string(v.Bytes()) != strconv.FormatInt(n, 10) {
					t.Fatalf("%d came back as %d, %q", n, got, v.Bytes())
				}
			}
		}
	}
}

func TestEncodings(t *testing.T) {
	type step func(*DB, []byte) error
	set := func(text string) step {
		return func(db *DB, key []byte) error { _, err := db.Set(key, []byte(text), false); return err }
	}
	setText := func(text string) step {
		return func(db *DB, key []byte) error { _, err := db.SetText(key, []byte(text), false); return err }
	}
	appendTo := func(text string) step {
		return func(db *DB, key []byte) error { _, err := db.Append(key, []byte(text)); return err }
	}
	setRange := func(offset int, text string) step {
		return func(db *DB, key []byte) error { _, err := db.SetRange(key, offset, []byte(text)); return err }
	}
	long, longer := strings.Repeat("x", 44), strings.Repeat("x", 45)
	rows := []struct {
		why   string
		steps []step
		text  string
		enc   string
	}{
		{"an integer", []step{set("12")}, "12", "int"},
		{"not an integer to the letter", []step{set("012")}, "012", "embstr"},
		{"text that is to stay text", []step{setText("12")}, "12", "embstr"},
		{"the empty string", []step{set("")}, "", "embstr"},
		{"the longest embstr", []step{set(long)}, long, "embstr"},
		{"one byte more", []step{set(longer)}, longer, "raw"},
		{"append to nothing sets", []step{appendTo("12")}, "12", "int"},
		{"append to a number", []step{set("12"), appendTo("3")}, "123", "raw"},
		{"append nothing to a number", []step{set("12"), appendTo("")}, "12", "raw"},
		{"setrange of nothing there", []step{setRange(2, "x")}, "\x00\x00x", "raw"},
		{"setrange within", []step{set("hello"), setRange(1, "u")}, "hullo", "raw"},
		{"setrange over a number", []step{set("123"), setRange(1, "x")}, "1x3", "raw"},
		{"setrange beyond the end", []step{set("ab"), setRange(4, "c")}, "ab\x00\x00c", "raw"},
		{"set ends raw", []step{set("ab"), appendTo("c"), set("abc")}, "abc", "embstr"},
	}
	for _, row := range rows {
		t.Run(row.why, func(t *testing.T) {
			db := New(Options{}).DB(0)
			defer db.st.Close()
			for _, do := range row.steps {
				if err := do(db, []byte("k")); err != nil {
					t.Fatal(err)
				}
			}
			v, ok := db.Get([]byte("k"))
			if !ok || string(v.Bytes()) != row.text || v.Encoding().String() != row.enc {
				t.Errorf("%q %s, want %q %s", v.Bytes(), v.Encoding(), row.text, row.enc)
			}
			if n, ok := v.Int(); ok != (row.enc == "int" || row.text == "123" || row.text == "12") || ok && strconv.FormatInt(n, 10) != row.text {
				t.Errorf("%q is the number %d, %t", row.text, n, ok)
			}
			if v.Type() != TypeString || v.Type().String() != "string" {
				t.Errorf("type %s", v.Type())
			}
		})
	}
}

// A string that grows byte by byte must hold what was appended, with linear
// work in all, from an entry to a value block to a mapping of its own.
func TestAppendAcrossAllSizes(t *testing.T) {
	db := New(Options{}).DB(0)
	defer db.st.Close()
	key := []byte("k")
	var want []byte
	piece := []byte("0123456789abcdef!")
	for len(want) < 3*chunkSize {
		piece = piece[:min(len(piece), 17)]
		if len(want) > 5000 {
			piece = bytes.Repeat([]byte{byte(len(want))}, 4099)
		}
		n, err := db.Append(key, piece)
		want = append(want, piece...)
		if err != nil || n != len(want) {
			t.Fatalf("Append: %d, %v, want %d", n, err, len(want))
		}
	}
	v, _ := db.Get(key)
	if !bytes.Equal(v.Bytes(), want) {
		t.Fatal("the appended string is not what was appended")
	}
	if _, err := db.Set(key, []byte("short"), false); err != nil {
		t.Fatal(err)
	}
	if err := db.st.audit(&Batch{}); err != nil {
		t.Fatal(err)
	}
	if used := db.st.a.used; used > 4096 {
		t.Errorf("%d bytes in use after the long string is gone", used)
	}
}

func TestLimits(t *testing.T) {
	db := New(Options{MaxValue: 100}).DB(0)
	defer db.st.Close()
	key := []byte("k")
	full := bytes.Repeat([]byte("x"), 100)
	if _, err := db.Set(key, full, false); err != nil {
		t.Fatal(err)
	}
	rows := map[string]func() error{
		"set":             func() error { _, err := db.Set(key, append(full, 'x'), false); return err },
		"append":          func() error { _, err := db.Append(key, []byte("x")); return err },
		"setrange":        func() error { _, err := db.SetRange(key, 100, []byte("x")); return err },
		"setrange, huge":  func() error { _, err := db.SetRange(key, math.MaxInt, []byte("x")); return err },
		"grow":            func() error { _, err := db.Grow([]byte("other"), 101); return err },
		"append, new key": func() error { _, err := db.Append([]byte("new"), append(full, 'x')); return err },
	}
	for name, do := range rows {
		if err := do(); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if v, _ := db.Get(key); !bytes.Equal(v.Bytes(), full) || db.Len() != 1 {
		t.Error("a refused write left something behind")
	}
	db.st.SetMaxValue(101)
	if _, err := db.Append(key, []byte("x")); err != nil {
		t.Errorf("within the raised limit: %v", err)
	}
}

// Keys of every length class, the empty one and one of megabytes included.
func TestKeyLengths(t *testing.T) {
	st := New(Options{})
	defer st.Close()
	db := st.DB(0)
	var keys [][]byte
	for _, n := range []int{0, 1, 255, 256, 257, 70_000, maxSlab, 3 << 20} {
		keys = append(keys, bytes.Repeat([]byte{byte(n)}, n))
	}
	for _, key := range keys {
		if _, err := db.Set(key, []byte("v"), false); err != nil {
			t.Fatal(err)
		}
		db.SetExpire(key, 5000)
		if _, err := db.Append(key, []byte("w")); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.audit(&Batch{}); err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		v, ok := db.Get(key)
		if !ok || string(v.Bytes()) != "vw" || v.ExpireAt() != 5000 {
			t.Errorf("key of %d bytes: %t", len(key), ok)
		}
		if !db.Rename(key, append(key, "renamed"...)) || !db.Delete(append(key, "renamed"...)) {
			t.Errorf("key of %d bytes is lost by renaming", len(key))
		}
	}
	if st.a.used != st.DB(0).ks.bytes()+st.DB(0).ks.expires.words.bytes() {
		t.Errorf("%d bytes in use", st.a.used)
	}
}
