// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package resp

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestReaderReply(t *testing.T) {
	for _, c := range []struct {
		input string
		want  Value
		text  string
	}{
		{"+OK\r\n", Value{Kind: KindSimple, Str: "OK"}, "OK"},
		{"-ERR no\r\n", Value{Kind: KindError, Str: "ERR no"}, "ERR no"},
		{":-5\r\n", Value{Kind: KindInt, Int: -5}, "-5"},
		{"$5\r\na\r\nbc\r\n", Value{Kind: KindBulk, Str: "a\r\nbc"}, "a\r\nbc"},
		{"$-1\r\n", Value{Kind: KindNull}, "(nil)"},
		{"*-1\r\n", Value{Kind: KindNull}, "(nil)"},
		{"_\r\n", Value{Kind: KindNull}, "(nil)"},
		{"#t\r\n", Value{Kind: KindBool, Int: 1}, "true"},
		{"#f\r\n", Value{Kind: KindBool}, "false"},
		{",1.5\r\n", Value{Kind: KindDouble, Double: 1.5}, "1.5"},
		{"(123456789012345678901\r\n", Value{Kind: KindBig, Str: "123456789012345678901"}, "123456789012345678901"},
		{"=7\r\ntxt:abc\r\n", Value{Kind: KindVerbatim, Str: "txt:abc"}, "txt:abc"},
		{"!3\r\nE a\r\n", Value{Kind: KindBlob, Str: "E a"}, "E a"},
		{"*2\r\n:1\r\n*1\r\n+x\r\n", Value{Kind: KindArray, Elems: []Value{
			{Kind: KindInt, Int: 1}, {Kind: KindArray, Elems: []Value{{Kind: KindSimple, Str: "x"}}}}}, "[1 [x]]"},
		{"%1\r\n+k\r\n:1\r\n", Value{Kind: KindMap, Elems: []Value{
			{Kind: KindSimple, Str: "k"}, {Kind: KindInt, Int: 1}}}, "[k 1]"},
		{"~0\r\n", Value{Kind: KindSet, Elems: []Value{}}, "[]"},
		{">1\r\n+x\r\n", Value{Kind: KindPush, Elems: []Value{{Kind: KindSimple, Str: "x"}}}, "[x]"},
		{"|1\r\n+a\r\n:1\r\n+OK\r\n", Value{Kind: KindSimple, Str: "OK", Attrs: []Value{
			{Kind: KindSimple, Str: "a"}, {Kind: KindInt, Int: 1}}}, "OK"},
	} {
		r := NewReader(iotest.OneByteReader(strings.NewReader(c.input+"+next\r\n")), 16)
		got, err := r.Reply()
		if err != nil {
			t.Errorf("%q: %v", c.input, err)
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.input, diff)
		}
		if got.Text() != c.text {
			t.Errorf("%q: Text = %q", c.input, got.Text())
		}
		if next, err := r.Reply(); err != nil || next.Str != "next" {
			t.Errorf("%q: then %v, %v", c.input, next, err)
		}
	}
}

func TestReaderRefuses(t *testing.T) {
	for _, input := range []string{
		"\r\n", "?\r\n", ":x\r\n", ":\r\n", "$-2\r\n", "$x\r\n", "$3\r\nabcde", "*-2\r\n", "#x\r\n",
		",abc\r\n", "(x\r\n", "*9223372036854775807\r\n", "%9223372036854775807\r\n", "$536870913\r\n",
		strings.Repeat("*1\r\n", 100),
	} {
		_, err := NewReader(strings.NewReader(input), 64).Reply()
		if _, ok := errors.AsType[ProtocolError](err); !ok {
			t.Errorf("%.20q: %v", input, err)
		}
	}
	for _, input := range []string{"+OK", "$5\r\nab", "$2\r\nab", "*2\r\n+a\r\n"} {
		if _, err := NewReader(strings.NewReader(input), 64).Reply(); err != io.ErrUnexpectedEOF {
			t.Errorf("%q: %v", input, err)
		}
	}
	if _, err := NewReader(strings.NewReader(""), 64).Reply(); err != io.EOF {
		t.Errorf("closed between replies: %v", err)
	}
	long := "+" + strings.Repeat("a", maxLine)
	if _, err := NewReader(strings.NewReader(long), 64).Reply(); err != ErrLineTooLong {
		t.Errorf("long line: %v", err)
	}
}

// The snapshot of a full resync lies between lines; nothing of it may be lost.
func TestReaderRaw(t *testing.T) {
	input := "+FULLRESYNC abc 1\r\n\n\n$5\r\nREDISrest"
	r := NewReader(strings.NewReader(input), 4096)
	for _, want := range []string{"+FULLRESYNC abc 1", "", "", "$5"} {
		if got, err := r.Line(); got != want || err != nil {
			t.Fatalf("Line = %q, %v, want %q", got, err, want)
		}
	}
	if got := string(r.Buffered()); got != "REDISrest" {
		t.Fatalf("Buffered = %q", got)
	}
	if err := r.Discard(2); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(r)
	if string(rest) != "DISrest" || err != nil {
		t.Errorf("rest = %q, %v", rest, err)
	}
}

func TestErrorCode(t *testing.T) {
	err := Value{Kind: KindError, Str: "NOAUTH Authentication required."}.Err()
	if e, ok := errors.AsType[Error](err); !ok || e.Code() != "NOAUTH" {
		t.Errorf("Err = %v", err)
	}
	if err := (Value{Kind: KindSimple, Str: "OK"}).Err(); err != nil {
		t.Errorf("Err = %v", err)
	}
}

// Whatever a server sends, the reader neither panics nor loses its place: what
// it reads as bulk strings is what was written.
func FuzzReader(f *testing.F) {
	f.Add([]byte("*2\r\n$1\r\na\r\n%1\r\n+x\r\n,1\r\n"))
	f.Add([]byte("|1\r\n+a\r\n_\r\n$-1\r\n"))
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) > 4096 {
			t.Skip("longer inputs only cost time")
		}
		r := NewReader(strings.NewReader(string(input)), 64)
		r.MaxBulk = 1 << 20
		for {
			if _, err := r.Reply(); err != nil {
				break
			}
		}
		w := Writer{}
		w.Bulk(input)
		w.Error("ERR " + string(input))
		r = NewReader(strings.NewReader(string(w.Buffer())), 64)
		if v, err := r.Reply(); err != nil || v.Str != string(input) {
			t.Fatalf("bulk: %v, %v", v, err)
		}
		if v, err := r.Reply(); err != nil || v.Kind != KindError {
			t.Fatalf("error: %v, %v", v, err)
		}
		if _, err := r.Reply(); err != io.EOF {
			t.Fatalf("after both: %v", err)
		}
	})
}
