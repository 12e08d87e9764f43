// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package aof

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/espalier-io/espalier/node/resp"
)

// ErrTruncated is a file that ends in the middle of a command.
var ErrTruncated = errors.New("the file ends in the middle of a command")

// FormatError says where a file is no AOF.
type FormatError struct {
	Offset   int64
	Expected string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("offset %d: expected %s", e.Offset, e.Expected)
}

// Record is one command or one annotation. What it points to is valid until the
// next call of Next.
type Record struct {
	Argv [][]byte // of a command
	Note []byte   // of an annotation: its line, "#…", without the line end
	Raw  []byte   // the record as it stands in the file
}

// Reader takes a file of commands apart. It takes memory only as the file's
// length can justify it.
type Reader struct {
	src  io.Reader
	base int64 // offset of buf[0]
	left int64 // bytes that src still holds
	buf  []byte
	pos  int // of the next record in buf
	end  int // of the record that Next is reading, or gave

	argv [][]byte
	args []span
}

type span struct{ from, to int } // from pos on

const readSize = 256 << 10

// NewReader reads from src, of which size bytes are left; offset is that of its
// first byte in the file.
func NewReader(src io.Reader, offset, size int64) *Reader {
	return &Reader{src: src, base: offset, left: size}
}

// Offset is that of the byte behind the last record.
func (r *Reader) Offset() int64 { return r.base + int64(r.pos) }

// Next gives the next record. Errors: io.EOF behind the last one, ErrTruncated
// where the file ends within one (then Offset is where that begins),
// *FormatError, and those of the source.
func (r *Reader) Next() (Record, error) {
	r.end = r.pos
	switch ok, err := r.have(1); {
	case err != nil:
		return Record{}, err
	case !ok:
		return Record{}, io.EOF
	}
	switch r.buf[r.pos] {
	case '#':
		line, err := r.line(longestLine)
		if err != nil {
			return Record{}, err
		}
		raw := r.buf[r.pos:r.end]
		r.pos = r.end
		return Record{Note: line, Raw: raw}, nil
	case '*':
		if err := r.command(); err != nil {
			return Record{}, err
		}
		raw := r.buf[r.pos:r.end]
		r.pos = r.end
		return Record{Argv: r.argv, Raw: raw}, nil
	}
	return Record{}, r.unexpected("a command or an annotation")
}

func (r *Reader) unexpected(format string, args ...any) error {
	return &FormatError{Offset: r.base + int64(r.end), Expected: fmt.Sprintf(format, args...)}
}

// command reads a command into r.argv.
func (r *Reader) command() error {
	const leastArgument = 6 // $0 and two line ends
	n, err := r.number('*', math.MaxInt32)
	if err != nil {
		return err
	}
	if n < 1 {
		return r.unexpected("a command of at least one word")
	}
	if n*leastArgument > r.rest() {
		return ErrTruncated
	}
	r.args = r.args[:0]
	for range n {
		size, err := r.number('$', math.MaxInt64-2)
		if err != nil {
			return err
		}
		if size > r.rest()-2 {
			return ErrTruncated
		}
		if ok, err := r.have(r.end - r.pos + int(size) + 2); err != nil || !ok {
			return or(err, ErrTruncated)
		}
		from := r.end - r.pos
		r.args = append(r.args, span{from, from + int(size)})
		r.end += int(size)
		if r.buf[r.end] != '\r' || r.buf[r.end+1] != '\n' {
			return r.unexpected("a line end behind an argument of %d bytes", size)
		}
		r.end += 2
	}
	r.argv = r.argv[:0]
	for _, a := range r.args {
		r.argv = append(r.argv, r.buf[r.pos+a.from:r.pos+a.to:r.pos+a.to])
	}
	return nil
}

// number reads a line of a sign and a number from 0 to most.
func (r *Reader) number(sign byte, most int64) (int64, error) {
	const longest = 32
	if ok, err := r.have(r.end - r.pos + 1); err != nil || !ok {
		return 0, or(err, ErrTruncated)
	}
	if r.buf[r.end] != sign {
		return 0, r.unexpected("%q", sign)
	}
	line, err := r.line(longest)
	if err != nil {
		return 0, err
	}
	n, ok := resp.ParseInt(line[1:])
	if !ok || n < 0 || n > most {
		return 0, r.unexpected("a length before this line end, not %q", line[1:])
	}
	return n, nil
}

// line reads up to a line end, which must be there within limit bytes. A bare
// newline ends an annotation as well, as in Redis.
func (r *Reader) line(limit int) ([]byte, error) {
	from := r.end - r.pos
	for searched := 0; ; {
		have := r.buf[r.pos+from:]
		if i := bytes.IndexByte(have[searched:], '\n'); i >= 0 && searched+i < limit {
			i += searched
			r.end += i + 1
			text, crlf := bytes.CutSuffix(have[:i], []byte("\r"))
			if !crlf && text[0] != '#' {
				return nil, r.unexpected("a line that ends with CR and LF before this place")
			}
			return text, nil
		}
		if len(have) >= limit {
			return nil, r.unexpected("a line of less than %d bytes", limit)
		}
		searched = len(have)
		if ok, err := r.have(from + len(have) + 1); err != nil || !ok {
			return nil, or(err, ErrTruncated)
		}
	}
}

func or(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// rest is how many bytes follow the place that is being read.
func (r *Reader) rest() int64 { return int64(len(r.buf)-r.end) + r.left }

// have makes n bytes from the record's first on available, false where the file
// does not have them.
func (r *Reader) have(n int) (bool, error) {
	if len(r.buf)-r.pos >= n {
		return true, nil
	}
	if int64(n) > int64(len(r.buf)-r.pos)+r.left {
		return false, nil
	}
	r.end -= r.pos
	r.base += int64(r.pos)
	r.buf = r.buf[:copy(r.buf, r.buf[r.pos:])]
	r.pos = 0
	if cap(r.buf) > 4*readSize && n < readSize {
		r.buf = append(make([]byte, 0, readSize), r.buf...)
	}
	r.buf = slices.Grow(r.buf, max(n, readSize)-len(r.buf))
	for len(r.buf) < n {
		room := r.buf[len(r.buf):cap(r.buf)]
		room = room[:min(int64(len(room)), r.left)]
		got, err := r.src.Read(room)
		r.buf = r.buf[:len(r.buf)+got]
		r.left -= int64(got)
		switch {
		case err == io.EOF && len(r.buf) < n:
			r.left = 0 // it is shorter than it was
			return false, nil
		case err != nil && err != io.EOF:
			return false, err
		}
	}
	return true, nil
}

// Tail is what follows the last position of a file.
type Tail int

// The tails.
const (
	// TailNone is nothing, or annotations.
	TailNone Tail = iota
	// TailUnplaced is whole commands of a writer that has said that it tells no
	// positions any more.
	TailUnplaced
	// TailTorn is less than a write with its position: it lacks that, ends within a
	// command or is damaged, as a write that did not come to its end leaves it.
	TailTorn
	// TailDamaged is damage with whole writes behind it. The position is the last
	// one before the damage.
	TailDamaged
)

// LastPosition reads to the end of a file and gives the last position in it,
// the offset behind that, and what follows.
func LastPosition(r *Reader) (p Position, end int64, tail Tail) {
	var t Tracker
	damaged, unplaced := false, false
	for {
		rec, err := r.Next()
		switch {
		case err == io.EOF:
			if damaged {
				tail = TailTorn
			}
			return p, end, tail
		case err == ErrTruncated:
			return p, end, TailTorn
		case err != nil:
			if r.writtenBehind() {
				return p, end, TailDamaged
			}
			return p, end, TailTorn
		}
		at, ok, err := t.See(rec)
		switch {
		case err != nil:
			damaged = true
		case ok && damaged:
			return p, end, TailDamaged
		case ok:
			p, end, tail, unplaced = at, r.Offset(), TailNone, false
		case damaged:
		case rec.Argv == nil && string(rec.Note) == unplacedMark:
			unplaced = true
		case rec.Argv != nil && unplaced:
			tail = TailUnplaced
		case rec.Argv != nil:
			tail = TailTorn
		}
	}
}

// writtenBehind tells whether, behind a place that can't be read, there is the
// end of more than the write that is damaged.
func (r *Reader) writtenBehind() bool {
	const marks = 2 // the first is that of the damaged write
	rest := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(r.buf[r.pos:]), io.LimitReader(r.src, r.left)), readSize)
	found, begin := 0, false
	for found < marks {
		line, err := rest.ReadSlice('\n')
		if begin && (bytes.HasPrefix(line, []byte(fullMark)) || bytes.HasPrefix(line, []byte(shortMark))) {
			found++
		}
		if err != nil && err != bufio.ErrBufferFull {
			return false
		}
		begin = err == nil
	}
	return true
}
