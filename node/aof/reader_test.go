// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package aof

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/espalier-io/espalier/node/resp"
)

var sample = bytes.Join([][]byte{
	[]byte("#TS:1628217470\r\n"),
	resp.AppendCommand(nil, "SELECT", "0"),
	resp.AppendCommand(nil, "SET", "key", strings.Repeat("v", 700<<10)),
	[]byte("#EP:" + strings.Repeat("a", 40) + ":123:0\r\n"),
	resp.AppendCommand(nil, "SET", "", "\r\n*1\r\n"),
	resp.AppendCommand(nil, "DEL", "key"),
}, nil)

// readAll gives what can be read, and how it ends.
func readAll(src io.Reader, size int64) (text []byte, at int64, err error) {
	r := NewReader(src, 0, size)
	for {
		rec, err := r.Next()
		switch {
		case err != nil:
			return text, r.Offset(), err
		case rec.Argv != nil:
			text = resp.AppendCommand(text, rec.Argv...)
		default:
			text = append(append(text, rec.Note...), "\r\n"...)
		}
	}
}

func TestReader(t *testing.T) {
	for name, src := range map[string]io.Reader{
		"at once": bytes.NewReader(sample), "by halves": iotest.HalfReader(bytes.NewReader(sample)),
		"with the end": iotest.DataErrReader(bytes.NewReader(sample)),
	} {
		text, at, err := readAll(src, int64(len(sample)))
		if err != io.EOF || at != int64(len(sample)) || !bytes.Equal(text, sample) {
			t.Errorf("%s: %d bytes up to %d, %v", name, len(text), at, err)
		}
	}
}

// TestReaderAtEveryCut: wherever a file is cut, what is whole is read, and the
// rest is told to be cut off.
func TestReaderAtEveryCut(t *testing.T) {
	text := bytes.ReplaceAll(sample, bytes.Repeat([]byte("v"), 700<<10), []byte("value"))
	text = bytes.Replace(text, []byte("$716800"), []byte("$5"), 1)
	for cut := range text {
		got, at, err := readAll(bytes.NewReader(text[:cut]), int64(cut))
		if err != io.EOF && !errors.Is(err, ErrTruncated) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if !bytes.HasPrefix(text, got) || int64(len(got)) != at || (err == io.EOF) != (at == int64(cut)) {
			t.Fatalf("cut at %d: %q up to %d, %v", cut, got, at, err)
		}
	}
}

func TestReaderRefuses(t *testing.T) {
	for _, c := range []struct {
		text string
		at   int64
	}{
		{"!!!*1\r\n$4\r\nPING\r\n", 0}, {"PING\r\n", 0}, {"*1\r\n$4\r\nPINGxx*1\r\n", 12}, {"*1\n$4\r\nPING\r\n", 3},
		{"*0\r\n", 4}, {"*-1\r\n", 5}, {"*x\r\n", 4}, {"*1\r\n:4\r\nPING\r\n", 4}, {"*1\r\n$-1\r\n\r\n\r\n", 9},
		{"*1\r\n$99999999999999999999\r\n", 27}, {"*" + strings.Repeat("1", 64), 0}, {"#" + strings.Repeat("x", 2000), 0},
		{"*1\r\n$4\r\nPING\r\n\x00\x00\x00\x00\x00\x00", 14},
	} {
		_, _, err := readAll(strings.NewReader(c.text), int64(len(c.text)))
		var format *FormatError
		if !errors.As(err, &format) || format.Offset != c.at {
			t.Errorf("%.40q: %v, want an error at %d", c.text, err, c.at)
		}
	}
}

// TestReaderBelievesNoLength: what a length claims beyond the file is not taken.
func TestReaderBelievesNoLength(t *testing.T) {
	for _, text := range []string{"*2000000000\r\n$1\r\n", "*1\r\n$400000000000\r\nx", "*1\r\n$9223372036854775805\r\nx"} {
		allocated := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := readAll(strings.NewReader(text), int64(len(text))); !errors.Is(err, ErrTruncated) {
					b.Fatalf("%q: %v", text, err)
				}
			}
		}).AllocedBytesPerOp()
		if allocated > 1<<20 {
			t.Errorf("%q makes the reader take %d bytes", text, allocated)
		}
	}
}

func TestLastPosition(t *testing.T) {
	id := strings.Repeat("a", 40)
	p := Position{Replid: id, Offset: 10, DB: 2}
	command := string(resp.AppendCommand(nil, "SET", "a", "b"))
	mark := string(AppendPosition(nil, p, Position{}, []byte(command)))
	damaged := strings.Replace(command, "b", "x", 1) + string(AppendPosition(nil, p, p, []byte(command)))
	later := string(AppendPosition(nil, Position{Replid: id, Offset: 40, DB: 2}, p, []byte(command)))
	for _, c := range []struct {
		why, text string
		end       int
		tail      Tail
	}{
		{"nothing", "", 0, TailNone},
		{"no position", command, 0, TailTorn},
		{"a position at the end", command + mark, len(command + mark), TailNone},
		{"times behind it", command + mark + "#TS:1\r\n", len(command + mark), TailNone},
		{"a command behind it", command + mark + command, len(command + mark), TailTorn},
		{"commands that have none", command + mark + "#EN\r\n" + command + command, len(command + mark), TailUnplaced},
		{"positions again", command + mark + "#EN\r\n" + command + later, len(command + mark + "#EN\r\n" + command + later), TailNone},
		{"half a command that has none", command + mark + "#EN\r\n" + command[:5], len(command + mark), TailTorn},
		{"half a command behind it", command + mark + command[:5], len(command + mark), TailTorn},
		{"a position of other bytes behind it", command + mark + damaged, len(command + mark), TailTorn},
		{"zeros behind it", command + mark + "\x00\x00", len(command + mark), TailTorn},
		{"damage, and a whole write behind it", command + mark + damaged + command + later, len(command + mark), TailDamaged},
		{"damage, and whole commands behind it", command + mark + damaged + command, len(command + mark), TailTorn},
		{"zeros in a write", command + mark + "\x00\x00\r\n" + later, len(command + mark), TailTorn},
		{"zeros in a write, and whole writes behind it", command + mark + "\x00\x00\r\n" + later + command + later, len(command + mark), TailDamaged},
	} {
		_, end, tail := LastPosition(NewReader(strings.NewReader(c.text), 0, int64(len(c.text))))
		if end != int64(c.end) || tail != c.tail {
			t.Errorf("%s: %d, %v; want %d, %v", c.why, end, tail, c.end, c.tail)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("#TS:1\r\n*1\r\n$4\r\nPING\r\n"))
	f.Add([]byte("*2\r\n$3\r\nDEL\r\n$1\r\na\r\n*1"))
	f.Add([]byte("*1\r\n$0\r\n\r\n#\n!!"))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, at, err := readAll(bytes.NewReader(text), int64(len(text)))
		_, slowly, again := readAll(iotest.OneByteReader(bytes.NewReader(text)), int64(len(text)))
		if err == nil || at > int64(len(text)) || at != slowly || err.Error() != again.Error() {
			t.Fatalf("%d, %v; by bytes %d, %v", at, err, slowly, again)
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte("file a.2.base.rdb seq 2 type b\nfile \"b \\n\" seq 4 type i\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseManifest(text)
		if err != nil || m.Empty() && len(m.History) == 0 {
			return
		}
		for _, e := range append(m.Files(), m.History...) {
			if len(e.format(nil)) > longestLine {
				return // its quotes make it longer than can be read
			}
		}
		again, err := ParseManifest(m.Format())
		if err != nil || !bytes.Equal(again.Format(), m.Format()) {
			t.Fatalf("%q is written as %q: %v", text, m.Format(), err)
		}
	})
}
