// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package resp

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parsed is everything that a Parser makes of an input.
type parsed struct {
	Requests   [][]string
	KeepAlives int
	Rest       int // bytes not consumed
	Err        string
}

// parseAll feeds input in pieces of the given size, moving the buffer each
// time, as a connection does.
func parseAll(input []byte, piece int, limits Limits) parsed {
	p := Parser{Limits: limits}
	var got parsed
	var buf []byte
	for len(input) > 0 {
		n := min(piece, len(input))
		buf = append(bytes.Clone(buf), input[:n]...)
		input = input[n:]
		for {
			consumed, argv, err := p.Next(buf, nil)
			if err != nil {
				got.Err, got.Rest = err.Error(), len(buf)+len(input)
				return got
			}
			if consumed == 0 {
				break
			}
			buf = buf[consumed:]
			if len(argv) == 0 {
				if IsKeepAlive(consumed) {
					got.KeepAlives++
				}
				continue
			}
			got.Requests = append(got.Requests, texts(argv))
		}
	}
	got.Rest = len(buf)
	return got
}

func texts(argv [][]byte) []string {
	out := make([]string, len(argv))
	for i, a := range argv {
		out[i] = string(a)
	}
	return out
}

var parserCases = []struct {
	name, input string
	limits      Limits
	want        parsed
}{
	{name: "one request", input: "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
		want: parsed{Requests: [][]string{{"GET", "k"}}}},
	{name: "pipeline of both forms", input: "*1\r\n$4\r\nPING\r\nPING x\r\n*1\r\n$4\r\nPING\r\n",
		want: parsed{Requests: [][]string{{"PING"}, {"PING", "x"}, {"PING"}}}},
	{name: "empty argument", input: "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$1\r\nv\r\n",
		want: parsed{Requests: [][]string{{"SET", "", "v"}}}},
	{name: "argument with line ends", input: "*2\r\n$4\r\nECHO\r\n$4\r\n\r\n\x00$\r\n",
		want: parsed{Requests: [][]string{{"ECHO", "\r\n\x00$"}}}},
	{name: "empty requests are skipped", input: "\r\n\n*0\r\n*-1\r\n*-2147483649\r\nPING\n   \r\n",
		want: parsed{Requests: [][]string{{"PING"}}, KeepAlives: 2}},
	{name: "incomplete", input: "*2\r\n$3\r\nGET\r\n$1\r\nk\r",
		want: parsed{Rest: 19}},
	{name: "inline with quotes", input: "SET k \"a\\x41\\n\" 'it\\'s'\r\n",
		want: parsed{Requests: [][]string{{"SET", "k", "aA\n", "it's"}}}},
	{name: "unbalanced quotes", input: "SET k \"a\r\n",
		want: parsed{Rest: 10, Err: "Protocol error: unbalanced quotes in request"}},
	{name: "not a count", input: "*x\r\n",
		want: parsed{Rest: 4, Err: "Protocol error: invalid multibulk length"}},
	{name: "leading zero", input: "*01\r\n",
		want: parsed{Rest: 5, Err: "Protocol error: invalid multibulk length"}},
	{name: "count beyond an int", input: "*2147483648\r\n",
		want: parsed{Rest: 13, Err: "Protocol error: invalid multibulk length"}},
	{name: "not a bulk", input: "*1\r\nfoo\r\n",
		want: parsed{Rest: 9, Err: "Protocol error: expected '$', got 'f'"}},
	{name: "negative bulk", input: "*1\r\n$-1\r\n",
		want: parsed{Rest: 9, Err: "Protocol error: invalid bulk length"}},
	{name: "bulk over the limit", input: "*1\r\n$11\r\n", limits: Limits{MaxBulk: 10},
		want: parsed{Rest: 9, Err: "Protocol error: invalid bulk length"}},
	{name: "default limit", input: "*1\r\n$536870913\r\n",
		want: parsed{Rest: 16, Err: "Protocol error: invalid bulk length"}},
	{name: "no limit", input: "*1\r\n$536870913\r\n", limits: Limits{MaxBulk: -1},
		want: parsed{Rest: 16}},
	{name: "ten arguments before AUTH", input: "*10\r\n", limits: Limits{Unauthenticated: true},
		want: parsed{Rest: 5}},
	{name: "eleven arguments before AUTH", input: "*11\r\n", limits: Limits{Unauthenticated: true},
		want: parsed{Rest: 5, Err: "Protocol error: unauthenticated multibulk length"}},
	{name: "16 KiB before AUTH", input: "*1\r\n$16384\r\n", limits: Limits{Unauthenticated: true},
		want: parsed{Rest: 12}},
	{name: "more before AUTH", input: "*1\r\n$16385\r\n", limits: Limits{Unauthenticated: true},
		want: parsed{Rest: 12, Err: "Protocol error: unauthenticated bulk length"}},
	{name: "request before the error", input: "PING\r\n*1\r\nx\r\n",
		want: parsed{Requests: [][]string{{"PING"}}, Rest: 7, Err: "Protocol error: expected '$', got 'x'"}},
	{name: "endless inline", input: strings.Repeat("a", MaxInline+1),
		want: parsed{Rest: MaxInline + 1, Err: "Protocol error: too big inline request"}},
	{name: "endless count", input: "*" + strings.Repeat("1", MaxInline),
		want: parsed{Rest: MaxInline + 1, Err: "Protocol error: too big mbulk count string"}},
	{name: "endless length", input: "*1\r\n$" + strings.Repeat("1", MaxInline),
		want: parsed{Rest: MaxInline + 5, Err: "Protocol error: too big bulk count string"}},
	{name: "NUL hides the line end", input: "PI\x00NG\r\n",
		want: parsed{Rest: 7}},
}

func TestParser(t *testing.T) {
	for _, c := range parserCases {
		t.Run(c.name, func(t *testing.T) {
			pieces := []int{len(c.input), 1, 3, 7}
			if len(c.input) > 1000 {
				pieces = []int{len(c.input), 1000}
			}
			for _, piece := range pieces {
				got := parseAll([]byte(c.input), piece, c.limits)
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("in pieces of %d (-want +got):\n%s", piece, diff)
				}
			}
		})
	}
}

// A limit that falls away between two calls (AUTH in the same pipeline) lets
// the refused request pass.
func TestParserErrorIsNotFinal(t *testing.T) {
	p := Parser{Limits: Limits{Unauthenticated: true}}
	input := AppendCommand(nil, "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k")
	for range 2 {
		if _, _, err := p.Next(input, nil); !errors.Is(err, ErrUnauthMultibulk) {
			t.Fatalf("err = %v", err)
		}
	}
	p.Limits.Unauthenticated = false
	if n, argv, err := p.Next(input, nil); n != len(input) || len(argv) != 11 || err != nil {
		t.Errorf("Next = %d, %d arguments, %v", n, len(argv), err)
	}
}

func TestParserNeed(t *testing.T) {
	var p Parser
	input := []byte("*2\r\n$3\r\nSET\r\n$100000\r\nabc")
	if n, _, err := p.Next(input, nil); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	if want := len(input) - 3 + 100000 + 2; p.Need() != want {
		t.Errorf("Need = %d, want %d", p.Need(), want)
	}
}

func TestParserArgumentsCannotOverwriteInput(t *testing.T) {
	var p Parser
	input := AppendCommand(nil, "SET", "k", "v")
	before := bytes.Clone(input)
	_, argv, _ := p.Next(input, nil)
	for _, a := range argv {
		_ = append(a, "overwritten"...)
	}
	if !bytes.Equal(before, input) {
		t.Error("appending to an argument changed the input")
	}
}

func TestParserAllocatesNothing(t *testing.T) {
	var p Parser
	input := AppendCommand(nil, "SET", "key:000000000001", strings.Repeat("x", 300))
	argv := make([][]byte, 0, 16)
	if n := testing.AllocsPerRun(100, func() {
		for cut := range len(input) { // suspended at every byte
			if n, _, _ := p.Next(input[:cut], argv[:0]); n != 0 {
				t.Fatal("complete too early")
			}
		}
		if n, _, _ := p.Next(input, argv[:0]); n != len(input) {
			t.Fatal("not complete")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestSplitArgs(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string // nil: unbalanced
	}{
		{"", []string{}},
		{"  \t ", []string{}},
		{"a b", []string{"a", "b"}},
		{" a\tb\r\n", []string{"a", "b"}},
		{`save ""`, []string{"save", ""}},
		{`''`, []string{""}},
		{`"\n\r\t\b\a\q\""`, []string{"\n\r\t\b\aq\""}},
		{`"\x41\xZZ\x4"`, []string{"AxZZx4"}},
		{`'a\n\'b'`, []string{`a\n'b`}},
		{`foo"bar" x`, []string{"foobar", "x"}},
		{`foo"bar"baz`, nil},
		{`"a"'b'`, nil},
		{`"abc`, nil},
		{`'abc`, nil},
		{`"abc\`, nil},
		{`"abc\"`, nil},
		{`'abc\'`, nil},
		{"a\x00b c", []string{"a"}},
		{"a\vb", []string{"a\vb"}},
		{"a \vb", []string{"a", "b"}},
		{`a\nb`, []string{`a\nb`}},
	} {
		argv, ok := SplitArgs([]byte(c.line), nil)
		if ok != (c.want != nil) {
			t.Errorf("SplitArgs(%q) ok = %v", c.line, ok)
			continue
		}
		if ok && !cmp.Equal(c.want, texts(argv)) {
			t.Errorf("SplitArgs(%q) = %q, want %q", c.line, texts(argv), c.want)
		}
	}
}

func TestParseInt(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"0", 0, true}, {"-1", -1, true}, {"9223372036854775807", 9223372036854775807, true},
		{"-9223372036854775808", -9223372036854775808, true},
		{"9223372036854775808", 0, false}, {"-9223372036854775809", 0, false},
		{"18446744073709551616", 0, false}, {"99999999999999999999", 0, false},
		{"", 0, false}, {"-", 0, false}, {"-0", 0, false}, {"00", 0, false}, {"01", 0, false},
		{"+1", 0, false}, {" 1", 0, false}, {"1 ", 0, false}, {"1a", 0, false},
	} {
		if got, ok := ParseInt([]byte(c.text)); got != c.want || ok != c.ok {
			t.Errorf("ParseInt(%q) = %d, %v", c.text, got, ok)
		}
	}
}

// However an input is cut into pieces, the parser makes the same of it, and
// what it understood in full can be written and read again.
func FuzzParser(f *testing.F) {
	for _, c := range parserCases {
		if len(c.input) < 1000 {
			f.Add([]byte(c.input), 3, false)
			f.Add([]byte(c.input), 1, true)
		}
	}
	f.Fuzz(func(t *testing.T, input []byte, piece int, unauthenticated bool) {
		if len(input) > 4096 {
			t.Skip("longer inputs only cost time")
		}
		limits := Limits{MaxBulk: 1 << 20, Unauthenticated: unauthenticated}
		whole := parseAll(input, len(input)+1, limits)
		if diff := cmp.Diff(whole, parseAll(input, max(1, piece), limits)); diff != "" {
			t.Fatalf("in pieces of %d (-whole +pieces):\n%s", piece, diff)
		}
		var again []byte
		for _, argv := range whole.Requests {
			again = AppendCommand(again, argv...)
		}
		got := parseAll(again, 5, Limits{MaxBulk: 1 << 20})
		if diff := cmp.Diff(whole.Requests, got.Requests); diff != "" {
			t.Fatalf("written again (-want +got):\n%s", diff)
		}
	})
}

func BenchmarkParser(b *testing.B) {
	for _, size := range []int{3, 300} {
		input := bytes.Repeat(AppendCommand(nil, "SET", "key:000000000001", strings.Repeat("x", size)), 16)
		b.Run(fmt.Sprintf("SET of %d", size), func(b *testing.B) {
			var p Parser
			argv := make([][]byte, 0, 64)
			b.SetBytes(int64(len(input) / 16))
			b.ReportAllocs()
			buf := input
			for b.Loop() {
				n, _, err := p.Next(buf, argv[:0])
				if n == 0 || err != nil {
					b.Fatal(n, err)
				}
				if buf = buf[n:]; len(buf) == 0 {
					buf = input
				}
			}
		})
	}
}
