// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package resp

import (
	"math"
	"math/big"
	"testing"
)

func TestWriter(t *testing.T) {
	for _, c := range []struct {
		name       string
		write      func(*Writer)
		two, three string
	}{
		{"ok", (*Writer).OK, "+OK\r\n", "+OK\r\n"},
		{"simple", func(w *Writer) { w.Simple("PONG") }, "+PONG\r\n", "+PONG\r\n"},
		{"error", func(w *Writer) { w.Error("ERR a\r\nb\n") }, "-ERR a  b\r\n", "-ERR a  b\r\n"},
		{"small ints", func(w *Writer) { w.Int(0); w.Int(9); w.Int(10); w.Int(99); w.Int(100) },
			":0\r\n:9\r\n:10\r\n:99\r\n:100\r\n", ":0\r\n:9\r\n:10\r\n:99\r\n:100\r\n"},
		{"negative int", func(w *Writer) { w.Int(-1) }, ":-1\r\n", ":-1\r\n"},
		{"bulk", func(w *Writer) { w.Bulk([]byte("ab\r\n")) }, "$4\r\nab\r\n\r\n", "$4\r\nab\r\n\r\n"},
		{"bulk of an int", func(w *Writer) { w.BulkInt(-12) }, "$3\r\n-12\r\n", "$3\r\n-12\r\n"},
		{"null", (*Writer).Null, "$-1\r\n", "_\r\n"},
		{"null array", (*Writer).NullArray, "*-1\r\n", "_\r\n"},
		{"array", func(w *Writer) { w.ArrayLen(2) }, "*2\r\n", "*2\r\n"},
		{"map", func(w *Writer) { w.MapLen(2) }, "*4\r\n", "%2\r\n"},
		{"set", func(w *Writer) { w.SetLen(2) }, "*2\r\n", "~2\r\n"},
		{"push", func(w *Writer) { w.PushLen(2) }, "*2\r\n", ">2\r\n"},
		{"attribute", func(w *Writer) { w.AttributeLen(1) }, "", "|1\r\n"},
		{"true", func(w *Writer) { w.Bool(true) }, ":1\r\n", "#t\r\n"},
		{"false", func(w *Writer) { w.Bool(false) }, ":0\r\n", "#f\r\n"},
		{"double", func(w *Writer) { w.Double(0.1) },
			"$19\r\n0.10000000000000001\r\n", ",0.10000000000000001\r\n"},
		{"infinity", func(w *Writer) { w.Double(math.Inf(-1)) }, "$4\r\n-inf\r\n", ",-inf\r\n"},
		{"big number", func(w *Writer) { w.BigNumber(new(big.Int).Lsh(big.NewInt(1), 70)) },
			"$22\r\n1180591620717411303424\r\n", "(1180591620717411303424\r\n"},
		{"verbatim", func(w *Writer) { w.Verbatim("txt", "abc") }, "$3\r\nabc\r\n", "=7\r\ntxt:abc\r\n"},
		{"deferred, nested", func(w *Writer) {
			outer := w.Defer()
			w.Int(1)
			inner := w.Defer()
			w.Int(2)
			w.SetMapLen(inner, 12)
			w.SetArrayLen(outer, 2)
		}, "*2\r\n:1\r\n*24\r\n:2\r\n", "*2\r\n:1\r\n%12\r\n:2\r\n"},
		{"deferred, empty", func(w *Writer) { w.SetSetLen(w.Defer(), 0) }, "*0\r\n", "~0\r\n"},
		{"deferred push", func(w *Writer) {
			d := w.Defer()
			w.OK()
			w.SetPushLen(d, 1)
		}, "*1\r\n+OK\r\n", ">1\r\n+OK\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for version, want := range map[int]string{2: c.two, 3: c.three} {
				var w Writer
				w.SetProtocol(version)
				c.write(&w)
				if got := string(w.Buffer()); got != want {
					t.Errorf("protocol %d: %q, want %q", w.Protocol(), got, want)
				}
			}
		})
	}
}

func TestWriterTake(t *testing.T) {
	var w Writer
	w.OK()
	spare := make([]byte, 3, 64)
	taken := w.Take(spare)
	if string(taken) != "+OK\r\n" || w.Len() != 0 {
		t.Fatalf("took %q, %d left", taken, w.Len())
	}
	w.Int(1)
	if &w.Buffer()[0] != &spare[0] {
		t.Error("the spare buffer is not used")
	}
	w.Truncate(0)
	w.Simple("x")
	w.Reset()
	if w.Len() != 0 {
		t.Error("Reset left bytes")
	}
}

// Values from the "%.17g" of the C library.
func TestAppendDouble(t *testing.T) {
	for _, c := range []struct {
		f    float64
		want string
	}{
		{0, "0"}, {math.Copysign(0, -1), "-0"}, {1, "1"}, {-1.5, "-1.5"}, {3.2, "3.2000000000000002"},
		{100000, "100000"}, {1e15, "1000000000000000"}, {1e16, "10000000000000000"}, {1e17, "1e+17"},
		{1e300, "1.0000000000000001e+300"}, {0.0001, "0.0001"}, {0.00001, "1.0000000000000001e-05"},
		{123456789012345680, "1.2345678901234568e+17"}, {5e-324, "4.9406564584124654e-324"},
		{math.NaN(), "nan"}, {math.Inf(1), "inf"}, {math.MaxFloat64, "1.7976931348623157e+308"},
	} {
		if got := string(AppendDouble(nil, c.f)); got != c.want {
			t.Errorf("AppendDouble(%v) = %s, want %s", c.f, got, c.want)
		}
	}
}

func TestAppendCommand(t *testing.T) {
	want := "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"
	if got := string(AppendCommand(nil, "SELECT", "0")); got != want {
		t.Errorf("strings: %q", got)
	}
	if got := string(AppendCommand(nil, []byte("SELECT"), []byte("0"))); got != want {
		t.Errorf("byte slices: %q", got)
	}
}

func TestWriterAllocatesNothing(t *testing.T) {
	var w Writer
	value := make([]byte, 300)
	spare := make([]byte, 0, 4096)
	w.Take(make([]byte, 0, 4096))
	if n := testing.AllocsPerRun(100, func() {
		w.OK()
		w.Bulk(value)
		w.BulkInt(1234567)
		w.Int(1234567)
		w.Double(0.1)
		w.ArrayLen(3)
		w.SetArrayLen(w.Defer(), 1000)
		w.Error("ERR syntax error")
		spare = w.Take(spare)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
