// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package resp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Kind is the type of a reply, named by its first byte on the wire.
type Kind byte

// Kinds of replies; those from KindNull on exist in protocol 3 only, except
// that a Value of KindNull also stands for protocol 2's "$-1" and "*-1".
const (
	KindSimple   Kind = '+'
	KindError    Kind = '-'
	KindInt      Kind = ':'
	KindBulk     Kind = '$'
	KindArray    Kind = '*'
	KindNull     Kind = '_'
	KindBool     Kind = '#'
	KindDouble   Kind = ','
	KindBig      Kind = '('
	KindVerbatim Kind = '='
	KindBlob     Kind = '!' // an error of several lines
	KindMap      Kind = '%'
	KindSet      Kind = '~'
	KindPush     Kind = '>'
)

// Value is one reply.
type Value struct {
	Kind   Kind
	Str    string  // simple string, error, bulk, verbatim (with its "txt:"), big number
	Int    int64   // integer; 1 or 0 for a boolean
	Double float64 // double
	Elems  []Value // array, set, push; a map's keys and values in turn
	Attrs  []Value // attributes that came before the reply, keys and values in turn
}

// IsNull tells whether the reply is a null of either protocol.
func (v Value) IsNull() bool { return v.Kind == KindNull }

// Err gives an error reply as an Error, nil for any other reply.
func (v Value) Err() error {
	if v.Kind == KindError || v.Kind == KindBlob {
		return Error(v.Str)
	}
	return nil
}

// Text gives the reply as one line for people and for comparisons.
func (v Value) Text() string {
	switch v.Kind {
	case KindNull:
		return "(nil)"
	case KindInt:
		return strconv.FormatInt(v.Int, 10)
	case KindBool:
		return strconv.FormatBool(v.Int == 1)
	case KindDouble:
		return string(AppendDouble(nil, v.Double))
	case KindArray, KindSet, KindPush, KindMap:
		parts := make([]string, len(v.Elems))
		for i, e := range v.Elems {
			parts[i] = e.Text()
		}
		return "[" + strings.Join(parts, " ") + "]"
	}
	return v.Str
}

// Error is an error reply; its text begins with the code.
type Error string

func (e Error) Error() string { return string(e) }

// Code is the first word: "ERR", "NOAUTH", "MASTERDOWN" and so on.
func (e Error) Code() string {
	code, _, _ := strings.Cut(string(e), " ")
	return code
}

// Bounds of what a Reader accepts from a server, so that a hostile or confused
// peer cannot exhaust memory or stack.
const (
	maxLine  = 64 << 10
	maxDepth = 64
)

// ErrLineTooLong reports a line that does not end within 64 KiB.
var ErrLineTooLong = errors.New("resp: line too long")

// Reader reads replies. In between, the connection may be read raw, line by
// line (Line) or as a stream (Read), without losing what is buffered: the
// snapshot of a replication handshake comes between two replies.
type Reader struct {
	// MaxBulk is the longest accepted bulk reply in bytes; 0 means
	// DefaultMaxBulk.
	MaxBulk int64

	in *bufio.Reader
}

// NewReader makes a Reader with a buffer of size bytes (at least 16).
func NewReader(r io.Reader, size int) *Reader {
	return &Reader{in: bufio.NewReaderSize(r, size)}
}

// Read reads raw bytes, those already buffered first.
func (r *Reader) Read(p []byte) (int, error) { return r.in.Read(p) }

// Buffered shows the bytes that have been received and not read. They stay
// valid until the next call of another method; Discard consumes them.
func (r *Reader) Buffered() []byte {
	b, _ := r.in.Peek(r.in.Buffered()) // cannot fail: exactly what is there
	return b
}

// Discard drops n bytes, reading them first if they are not buffered.
func (r *Reader) Discard(n int) error {
	_, err := r.in.Discard(n)
	return err
}

// Line reads up to and including a line feed and returns the text before the
// line end, "\r\n" or "\n" (a master's keep-alive is a bare "\n").
func (r *Reader) Line() (string, error) {
	var long []byte
	for {
		part, err := r.in.ReadSlice('\n')
		if len(long)+len(part) > maxLine {
			return "", ErrLineTooLong
		}
		if err == bufio.ErrBufferFull {
			long = append(long, part...)
			continue
		}
		if err != nil {
			if err == io.EOF && len(long)+len(part) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return "", err
		}
		if long != nil {
			part = append(long, part...)
		}
		part = part[:len(part)-1]
		if n := len(part); n > 0 && part[n-1] == '\r' {
			part = part[:n-1]
		}
		return string(part), nil
	}
}

// Reply reads one reply of either protocol. An error reply is a Value, not an
// err; err means that the connection or its protocol is broken.
func (r *Reader) Reply() (Value, error) { return r.reply(0) }

func (r *Reader) reply(depth int) (Value, error) {
	if depth > maxDepth {
		return Value{}, ProtocolError("reply nested too deeply")
	}
	line, err := r.Line()
	if err != nil {
		return Value{}, err
	}
	if line == "" {
		return Value{}, ProtocolError("empty line in place of a reply")
	}
	v := Value{Kind: Kind(line[0])}
	body := line[1:]
	switch v.Kind {
	case KindSimple, KindError, KindBig:
		v.Str = body
		if v.Kind == KindBig {
			if _, ok := new(big.Int).SetString(body, 10); !ok {
				err = badLine(line)
			}
		}
	case KindInt:
		v.Int, err = count(line, math.MinInt64)
	case KindNull:
	case KindBool:
		if body != "t" && body != "f" {
			err = badLine(line)
		}
		if body == "t" {
			v.Int = 1
		}
	case KindDouble:
		if v.Double, err = strconv.ParseFloat(body, 64); err != nil {
			err = badLine(line)
		}
	case KindBulk, KindVerbatim, KindBlob:
		err = r.bulk(&v, line)
	case KindArray, KindSet, KindPush, KindMap:
		err = r.elements(&v, line, depth)
	case '|':
		return r.withAttributes(line, depth)
	default:
		err = badLine(line)
	}
	return v, after(err)
}

func (r *Reader) bulk(v *Value, line string) error {
	n, err := count(line, -1)
	if err != nil {
		return err
	}
	if n < 0 {
		v.Kind = KindNull
		return nil
	}
	limit := r.MaxBulk
	if limit == 0 {
		limit = DefaultMaxBulk
	}
	if n > limit {
		return ProtocolError("reply too long: " + line)
	}
	// Memory grows with what arrives, not with what is announced.
	var text strings.Builder
	if _, err := io.CopyN(&text, r.in, n); err != nil {
		return err
	}
	v.Str = text.String()
	var end [2]byte
	if _, err := io.ReadFull(r.in, end[:]); err != nil {
		return err
	}
	if end != [2]byte{'\r', '\n'} {
		return ProtocolError("no line end behind a bulk reply")
	}
	return nil
}

func (r *Reader) elements(v *Value, line string, depth int) error {
	n, err := count(line, -1)
	if err != nil {
		return err
	}
	if n < 0 {
		v.Kind = KindNull
		return nil
	}
	if n > MaxArgs {
		return badLine(line)
	}
	if v.Kind == KindMap {
		n *= 2
	}
	v.Elems = make([]Value, 0, min(n, 1024))
	for range n {
		e, err := r.reply(depth + 1)
		if err != nil {
			return err
		}
		v.Elems = append(v.Elems, e)
	}
	return nil
}

func (r *Reader) withAttributes(line string, depth int) (Value, error) {
	attrs := Value{Kind: KindMap}
	if err := r.elements(&attrs, line, depth); err != nil {
		return Value{}, after(err)
	}
	v, err := r.reply(depth + 1)
	v.Attrs = attrs.Elems
	return v, after(err)
}

// count reads the number behind a line's first byte.
func count(line string, least int64) (int64, error) {
	n, err := strconv.ParseInt(line[1:], 10, 64)
	if err != nil || n < least {
		return 0, badLine(line)
	}
	return n, nil
}

func badLine(line string) error {
	return ProtocolError(fmt.Sprintf("cannot read reply %.64q", line))
}

// after turns an end of input within a reply into an unexpected one.
func after(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
