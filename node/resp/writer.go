// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package resp

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Writer appends replies to a buffer in protocol 2 or 3; types that protocol 2
// lacks become what Redis makes of them there. The zero value writes protocol
// 2 into a buffer of its own. A Writer is not safe for concurrent use.
type Writer struct {
	buf    []byte
	proto3 bool
}

// SetProtocol chooses version 2 or 3 for the replies that follow.
func (w *Writer) SetProtocol(version int) { w.proto3 = version >= 3 }

// Protocol is the version in use, 2 or 3.
func (w *Writer) Protocol() int {
	if w.proto3 {
		return 3
	}
	return 2
}

// Len is the number of bytes written and not yet taken.
func (w *Writer) Len() int { return len(w.buf) }

// Buffer shows the bytes written and not yet taken.
func (w *Writer) Buffer() []byte { return w.buf }

// Take hands the written bytes to the caller and goes on in spare's memory.
func (w *Writer) Take(spare []byte) []byte {
	taken := w.buf
	w.buf = spare[:0]
	return taken
}

// Reset forgets what has been written and keeps the memory.
func (w *Writer) Reset() { w.buf = w.buf[:0] }

// Truncate drops everything written behind the first n bytes.
func (w *Writer) Truncate(n int) { w.buf = w.buf[:n] }

// Raw appends bytes that are protocol already.
func (w *Writer) Raw(b []byte) { w.buf = append(w.buf, b...) }

// RawString appends text that is protocol already.
func (w *Writer) RawString(s string) { w.buf = append(w.buf, s...) }

// OK appends the simple string OK.
func (w *Writer) OK() { w.buf = append(w.buf, "+OK\r\n"...) }

// Simple appends a simple string; s must not contain a line end.
func (w *Writer) Simple(s string) {
	w.buf = append(w.buf, '+')
	w.buf = append(w.buf, s...)
	w.buf = append(w.buf, '\r', '\n')
}

// Error appends an error; msg begins with its code ("ERR …", "WRONGTYPE …").
// Line ends at either side are trimmed and those within become blanks, as an
// argument quoted in the message may contain them.
func (w *Writer) Error(msg string) {
	msg = strings.Trim(msg, "\r\n")
	w.buf = append(w.buf, '-')
	start := len(w.buf)
	w.buf = append(w.buf, msg...)
	for i, c := range w.buf[start:] {
		if c == '\r' || c == '\n' {
			w.buf[start+i] = ' '
		}
	}
	w.buf = append(w.buf, '\r', '\n')
}

// Int appends an integer.
func (w *Writer) Int(n int64) { w.buf = appendHeader(w.buf, ':', n) }

// Bulk appends a bulk string.
func (w *Writer) Bulk(b []byte) { w.buf = AppendBulk(w.buf, b) }

// BulkString appends a bulk string.
func (w *Writer) BulkString(s string) { w.buf = AppendBulk(w.buf, s) }

// BulkInt appends an integer as a bulk string.
func (w *Writer) BulkInt(n int64) {
	var digits [20]byte
	w.buf = AppendBulk(w.buf, strconv.AppendInt(digits[:0], n, 10))
}

// Null appends the null of a single value.
func (w *Writer) Null() {
	if w.proto3 {
		w.buf = append(w.buf, "_\r\n"...)
		return
	}
	w.buf = append(w.buf, "$-1\r\n"...)
}

// NullArray appends the null that stands for a list.
func (w *Writer) NullArray() {
	if w.proto3 {
		w.buf = append(w.buf, "_\r\n"...)
		return
	}
	w.buf = append(w.buf, "*-1\r\n"...)
}

// ArrayLen begins an array of n elements.
func (w *Writer) ArrayLen(n int) { w.buf = appendHeader(w.buf, '*', int64(n)) }

// MapLen begins a map of n pairs, in protocol 2 an array of 2n elements.
func (w *Writer) MapLen(n int) {
	w.buf = w.aggregate(w.buf, '%', n)
}

// SetLen begins a set of n elements, in protocol 2 an array.
func (w *Writer) SetLen(n int) { w.buf = w.aggregate(w.buf, '~', n) }

// PushLen begins an out-of-band message of n elements, in protocol 2 an array.
func (w *Writer) PushLen(n int) { w.buf = w.aggregate(w.buf, '>', n) }

// AttributeLen begins n pairs of attributes that go before a reply. Protocol 2
// has no attributes: it returns false, and the caller writes none.
func (w *Writer) AttributeLen(n int) bool {
	if !w.proto3 {
		return false
	}
	w.buf = appendHeader(w.buf, '|', int64(n))
	return true
}

// Bool appends a boolean, in protocol 2 the integer 1 or 0.
func (w *Writer) Bool(b bool) {
	s := ":0\r\n"
	switch {
	case w.proto3 && b:
		s = "#t\r\n"
	case w.proto3:
		s = "#f\r\n"
	case b:
		s = ":1\r\n"
	}
	w.buf = append(w.buf, s...)
}

// Double appends a floating-point number with 17 significant digits at most
// (AppendDouble), in protocol 2 as a bulk string.
func (w *Writer) Double(f float64) {
	var text [32]byte
	digits := AppendDouble(text[:0], f)
	if !w.proto3 {
		w.buf = AppendBulk(w.buf, digits)
		return
	}
	w.buf = append(w.buf, ',')
	w.buf = append(w.buf, digits...)
	w.buf = append(w.buf, '\r', '\n')
}

// BigNumber appends an integer of any size, in protocol 2 as a bulk string.
func (w *Writer) BigNumber(n *big.Int) {
	if !w.proto3 {
		w.buf = AppendBulk(w.buf, n.Append(nil, 10))
		return
	}
	w.buf = append(w.buf, '(')
	w.buf = n.Append(w.buf, 10)
	w.buf = append(w.buf, '\r', '\n')
}

// Verbatim appends text with its three-letter format ("txt", "mkd"), in
// protocol 2 as a bulk string.
func (w *Writer) Verbatim(format, text string) {
	if !w.proto3 {
		w.buf = AppendBulk(w.buf, text)
		return
	}
	w.buf = appendHeader(w.buf, '=', int64(len(format)+1+len(text)))
	w.buf = append(w.buf, format...)
	w.buf = append(w.buf, ':')
	w.buf = append(w.buf, text...)
	w.buf = append(w.buf, '\r', '\n')
}

// Deferred is the place of an aggregate's header whose length is not known
// until its elements have been written.
type Deferred int

// Defer marks the place of a header that one of the Set…Len methods fills in.
// Inner marks must be filled in before outer ones.
func (w *Writer) Defer() Deferred { return Deferred(len(w.buf)) }

// SetArrayLen fills in the header of an array.
func (w *Writer) SetArrayLen(d Deferred, n int) { w.insert(d, '*', n) }

// SetMapLen fills in the header of a map of n pairs.
func (w *Writer) SetMapLen(d Deferred, n int) { w.insert(d, '%', n) }

// SetSetLen fills in the header of a set.
func (w *Writer) SetSetLen(d Deferred, n int) { w.insert(d, '~', n) }

// SetPushLen fills in the header of an out-of-band message.
func (w *Writer) SetPushLen(d Deferred, n int) { w.insert(d, '>', n) }

func (w *Writer) insert(d Deferred, kind byte, n int) {
	var space [24]byte
	header := w.aggregate(space[:0], kind, n)
	end := len(w.buf)
	w.buf = append(w.buf, header...)
	copy(w.buf[int(d)+len(header):], w.buf[d:end])
	copy(w.buf[d:], header)
}

func (w *Writer) aggregate(dst []byte, kind byte, n int) []byte {
	if !w.proto3 {
		if kind == '%' {
			n *= 2
		}
		kind = '*'
	}
	return appendHeader(dst, kind, int64(n))
}

// appendHeader appends kind, n and a line end. One and two digits, nearly all
// there are, are spelled out.
func appendHeader(dst []byte, kind byte, n int64) []byte {
	switch {
	case 0 <= n && n < 10:
		return append(dst, kind, '0'+byte(n), '\r', '\n')
	case 10 <= n && n < 100:
		return append(dst, kind, '0'+byte(n/10), '0'+byte(n%10), '\r', '\n')
	}
	dst = append(dst, kind)
	dst = strconv.AppendInt(dst, n, 10)
	return append(dst, '\r', '\n')
}

// AppendBulk appends a bulk string to dst.
func AppendBulk[T string | []byte](dst []byte, b T) []byte {
	dst = appendHeader(dst, '$', int64(len(b)))
	dst = append(dst, b...)
	return append(dst, '\r', '\n')
}

// AppendCommand appends a request to dst, in the form that clients send and
// that the replication stream and the append-only file consist of.
func AppendCommand[T string | []byte](dst []byte, argv ...T) []byte {
	dst = appendHeader(dst, '*', int64(len(argv)))
	for _, arg := range argv {
		dst = AppendBulk(dst, arg)
	}
	return dst
}

// AppendDouble appends f as C's "%.17g" prints it, which is how Redis 7.0
// sends scores and other doubles.
func AppendDouble(dst []byte, f float64) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	case math.IsNaN(f):
		if math.Signbit(f) {
			dst = append(dst, '-')
		}
		return append(dst, "nan"...)
	}
	return strconv.AppendFloat(dst, f, 'g', 17, 64)
}
