// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// FormatError says where a dump is damaged or ends too early, or where reading
// it failed.
type FormatError struct {
	Offset   int64  // bytes from the dump's beginning
	Expected string // what should have been there; or
	Damaged  string // what is wrong with what is there, in Redis's words, and why
	Err      error  // io.ErrUnexpectedEOF, an error of the reader, or nil
}

func (e *FormatError) Error() string {
	switch {
	case errors.Is(e.Err, io.ErrUnexpectedEOF):
		return fmt.Sprintf("rdb: offset %d: the dump ends where %s should be", e.Offset, e.Expected)
	case e.Err != nil:
		return fmt.Sprintf("rdb: offset %d: reading %s: %v", e.Offset, e.Expected, e.Err)
	}
	if e.Damaged != "" {
		return fmt.Sprintf("rdb: offset %d: %s", e.Offset, e.Damaged)
	}
	return fmt.Sprintf("rdb: offset %d: expected %s", e.Offset, e.Expected)
}

// Unwrap gives the error of the reader.
func (e *FormatError) Unwrap() error { return e.Err }

const (
	inputSize    = 64 << 10
	smallestSize = 16 // holds whatever next is asked for
	// firstPiece is taken at once for a text of claimed length; beyond it,
	// memory is doubled as bytes really arrive.
	firstPiece = 64 << 10
)

// input reads a dump: it buffers, counts, and keeps the checksum over whole
// buffers.
type input struct {
	src    io.Reader
	buf    []byte // of which [pos:end] is read and not used
	pos    int
	end    int
	summed int    // up to here the checksum covers the buffer
	base   int64  // offset of the buffer's first byte
	sum    uint64 // without what follows summed
	closed error  // what ended the source

	progress     func(int64) // may be nil
	progressStep int64
	progressNext int64

	packed []byte // of an LZF text, kept for the next one
}

func newInput(src io.Reader, size int) *input {
	return &input{src: src, buf: make([]byte, size)}
}

// offset is that of the next byte.
func (in *input) offset() int64 { return in.base + int64(in.pos) }

func (in *input) failAt(at int64, err error, format string, args ...any) error {
	return &FormatError{Offset: at, Expected: fmt.Sprintf(format, args...), Err: err}
}

// checksum is that of all bytes used so far.
func (in *input) checksum() uint64 {
	in.sum = checksum(in.sum, in.buf[in.summed:in.pos])
	in.summed = in.pos
	return in.sum
}

// fill makes at least n bytes available, n no more than the buffer holds. what
// names them in an error.
func (in *input) fill(n int, what string) error {
	if in.end-in.pos >= n {
		return nil
	}
	in.checksum()
	in.base += int64(in.pos)
	in.end = copy(in.buf, in.buf[in.pos:in.end])
	in.pos, in.summed = 0, 0
	for in.end < n {
		got, err := in.read(in.buf[in.end:])
		in.end += got
		if err != nil && in.end < n {
			return in.ended(in.base+int64(in.end), err, what)
		}
	}
	in.report()
	return nil
}

// read takes what the source gives, once; it never returns nothing without an
// error.
func (in *input) read(p []byte) (int, error) {
	if in.closed != nil {
		return 0, in.closed
	}
	const emptyReads = 100
	for range emptyReads {
		n, err := in.src.Read(p)
		in.closed = err
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

func (in *input) ended(at int64, err error, what string) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return in.failAt(at, err, "%s", what)
}

func (in *input) report() {
	if in.progress != nil && in.base >= in.progressNext {
		in.progress(in.base)
		in.progressNext = in.base + in.progressStep
	}
}

// next uses n bytes, which are valid until the next call; n is small.
func (in *input) next(n int, what string) ([]byte, error) {
	if err := in.fill(n, what); err != nil {
		return nil, err
	}
	p := in.buf[in.pos : in.pos+n]
	in.pos += n
	return p, nil
}

func (in *input) byte(what string) (byte, error) {
	p, err := in.next(1, what)
	if err != nil {
		return 0, err
	}
	return p[0], nil
}

// appendBytes uses n bytes and appends them to dst, taking memory only as they
// come.
func (in *input) appendBytes(dst []byte, n uint64, what string) ([]byte, error) {
	dst = slices.Grow(dst, int(min(n, firstPiece)))
	for n > 0 {
		if in.pos == in.end {
			if err := in.fill(1, what); err != nil {
				return dst, err
			}
		}
		piece := min(n, uint64(in.end-in.pos))
		dst = append(dst, in.buf[in.pos:in.pos+int(piece)]...)
		in.pos += int(piece)
		n -= piece
	}
	return dst, nil
}

// length uses a length. encoded tells that n is the encoding of a special
// string instead.
func (in *input) length(what string) (n uint64, encoded bool, err error) {
	first, err := in.byte(what)
	if err != nil {
		return 0, false, err
	}
	switch first & 0xc0 {
	case len6:
		return uint64(first & 0x3f), false, nil
	case len14:
		low, err := in.byte(what)
		return uint64(first&0x3f)<<8 | uint64(low), false, err
	case lenEncoded:
		return uint64(first & 0x3f), true, nil
	}
	switch first {
	case len32:
		p, err := in.next(4, what)
		if err != nil {
			return 0, false, err
		}
		return uint64(binary.BigEndian.Uint32(p)), false, nil
	case len64:
		p, err := in.next(8, what)
		if err != nil {
			return 0, false, err
		}
		return binary.BigEndian.Uint64(p), false, nil
	}
	return 0, false, in.failAt(in.offset()-1, nil, "%s, not a length that begins with 0x%02x", what, first)
}

// count uses a length that can't be a special string.
func (in *input) count(what string) (uint64, error) {
	at := in.offset()
	n, encoded, err := in.length(what)
	if err == nil && encoded {
		err = in.failAt(at, nil, "%s, not a specially encoded string", what)
	}
	return n, err
}

// text uses a string in any encoding and appends it to dst.
func (in *input) text(dst []byte, what string) ([]byte, error) {
	at := in.offset()
	n, encoded, err := in.length(what)
	switch {
	case err != nil:
		return dst, err
	case !encoded:
		return in.appendBytes(dst, n, what)
	case n == encLZF:
		return in.packedText(dst, what)
	case n <= encInt32:
		return in.integer(dst, 1<<n, what)
	}
	return dst, in.failAt(at, nil, "%s, not a string of the unknown encoding %d", what, n)
}

// integer uses a little-endian number of 1, 2 or 4 bytes and appends its
// digits.
func (in *input) integer(dst []byte, size int, what string) ([]byte, error) {
	p, err := in.next(size, what)
	if err != nil {
		return dst, err
	}
	var n int64
	switch size {
	case 1:
		n = int64(int8(p[0]))
	case 2:
		n = int64(int16(binary.LittleEndian.Uint16(p)))
	default:
		n = int64(int32(binary.LittleEndian.Uint32(p)))
	}
	return strconv.AppendInt(dst, n, 10), nil
}

// packedText uses an LZF text. The claimed size must be one that the packed
// bytes, which were read by then, could give.
func (in *input) packedText(dst []byte, what string) ([]byte, error) {
	at := in.offset()
	packed, err := in.count("the packed length of a compressed string")
	if err != nil {
		return dst, err
	}
	size, err := in.count("the length of a compressed string")
	if err != nil {
		return dst, err
	}
	if in.packed, err = in.appendBytes(in.packed[:0], packed, what); err != nil {
		return dst, err
	}
	if size > packed*lzfMostRatio { // packed is the length of memory: no overflow
		return dst, in.failAt(at, nil, "%s, not %d bytes that claim to unpack to %d", what, packed, size)
	}
	dst, err = lzfDecompress(slices.Grow(dst, int(size)), in.packed, int(size))
	if err != nil {
		return dst, in.failAt(at, nil, "%s, not damaged LZF data", what)
	}
	return dst, nil
}
