// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package listpack

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
)

// The first byte of an entry says how its element is written:
//
//	0xxxxxxx  a number from 0 to 127
//	10xxxxxx  a string of up to 63 bytes, which follow
//	110xxxxx  a number of 13 bits, the high ones first, in this byte and the next
//	1110xxxx  a string of up to 4095 bytes; the high bits of its length, then the
//	          low ones in the next byte, then its bytes
//	11110000  a string; its length as a uint32, then its bytes
//	11110001  a number of 16 bits, 11110010 of 24, 11110011 of 32, 11110100 of 64
//
// Everything but the 12 and 13 bits is little-endian.
const (
	tag6Str  = 0x80
	tag13Int = 0xc0
	tag12Str = 0xe0
	tag32Str = 0xf0
	tag16Int = 0xf1
	tag24Int = 0xf2
	tag32Int = 0xf3
	tag64Int = 0xf4

	max6Str  = 1<<6 - 1
	max12Str = 1<<12 - 1
)

// Element is one element of a listpack: a number, or a string that lies in the
// listpack and is valid until the next edit.
type Element struct {
	Str   []byte
	Int   int64
	IsInt bool
}

// Append appends the element as a string.
func (e Element) Append(dst []byte) []byte {
	if e.IsInt {
		return strconv.AppendInt(dst, e.Int, 10)
	}
	return append(dst, e.Str...)
}

// Equal says whether the element is this string.
func (e Element) Equal(b []byte) bool {
	if e.IsInt {
		n, ok := ParseInt(b)
		return ok && n == e.Int
	}
	return bytes.Equal(e.Str, b)
}

// Get returns the element at an offset.
func Get(lp []byte, off int) Element {
	head, size := prefix(lp, off)
	if lp[off]&0xc0 == tag6Str || lp[off]&0xf0 == tag12Str || lp[off] == tag32Str {
		return Element{Str: lp[off+head : off+size : off+size]}
	}
	return Element{Int: number(lp, off), IsInt: true}
}

// number returns the element at an offset, which is one.
func number(lp []byte, off int) int64 {
	switch c := lp[off]; {
	case c < tag6Str:
		return int64(c)
	case c < tag12Str: // 13 bits: shifted up and down again to copy the sign
		return int64(int16(uint16(c)<<11|uint16(lp[off+1])<<3) >> 3)
	case c == tag16Int:
		return int64(int16(binary.LittleEndian.Uint16(lp[off+1:])))
	case c == tag24Int:
		// The tag is the low byte of the word and is shifted out.
		return int64(int32(binary.LittleEndian.Uint32(lp[off:])) >> 8)
	case c == tag32Int:
		return int64(int32(binary.LittleEndian.Uint32(lp[off+1:])))
	case c == tag64Int:
		return int64(binary.LittleEndian.Uint64(lp[off+1:]))
	}
	panic(badEntry(lp, off))
}

// prefix returns the sizes of an entry's head, which is the first byte and the
// length of a string, and of head and data.
func prefix(lp []byte, off int) (head, size int) {
	switch c := lp[off]; {
	case c < tag6Str:
		return 1, 1
	case c < tag13Int:
		return 1, 1 + int(c&0x3f)
	case c < tag12Str:
		return 1, 2
	case c < tag32Str:
		return 2, 2 + int(c&0x0f)<<8 + int(lp[off+1])
	case c == tag32Str:
		return 5, 5 + int(binary.LittleEndian.Uint32(lp[off+1:]))
	case c == tag16Int:
		return 1, 3
	case c == tag24Int:
		return 1, 4
	case c == tag32Int:
		return 1, 5
	case c == tag64Int:
		return 1, 9
	}
	panic(badEntry(lp, off))
}

// span returns the size of the whole entry at an offset.
func span(lp []byte, off int) int {
	if c := lp[off]; c < tag6Str {
		return 2
	} else if c < tag13Int {
		return 2 + int(c&0x3f)
	}
	return longSpan(lp, off)
}

func longSpan(lp []byte, off int) int {
	_, size := prefix(lp, off)
	return size + backLengthSize(size)
}

// holds says whether the element at an offset is this value, which as a number
// is n, if it is one.
func holds(lp []byte, off int, value []byte, n int64, isNumber bool) bool {
	c := lp[off]
	if c&0xc0 == tag6Str {
		size := int(c & 0x3f)
		return size == len(value) && string(lp[off+1:off+1+size]) == string(value)
	}
	if c&0xf0 == tag12Str || c == tag32Str {
		head, size := prefix(lp, off)
		return size-head == len(value) && string(lp[off+head:off+size]) == string(value)
	}
	return isNumber && number(lp, off) == n
}

// encoding is how a value is going to be written.
type encoding struct {
	value []byte // of a string
	n     int64  // the number else
	isInt bool
	size  int // of head and data
}

func encodingOf(value []byte) encoding {
	if n, ok := ParseInt(value); ok {
		return encodingOfInt(n)
	}
	switch n := len(value); {
	case n <= max6Str:
		return encoding{value: value, size: 1 + n}
	case n <= max12Str:
		return encoding{value: value, size: 2 + n}
	default:
		return encoding{value: value, size: 5 + n}
	}
}

func encodingOfInt(n int64) encoding {
	e := encoding{n: n, isInt: true}
	switch {
	case n >= 0 && n <= 127:
		e.size = 1
	case n >= -1<<12 && n < 1<<12:
		e.size = 2
	case n >= math.MinInt16 && n <= math.MaxInt16:
		e.size = 3
	case n >= -1<<23 && n < 1<<23:
		e.size = 4
	case n >= math.MinInt32 && n <= math.MaxInt32:
		e.size = 5
	default:
		e.size = 9
	}
	return e
}

// span returns the size of the whole entry.
func (e encoding) span() int { return e.size + backLengthSize(e.size) }

// write writes the entry to dst, which is as long as its span.
func (e encoding) write(dst []byte) {
	if e.isInt {
		e.writeInt(dst)
	} else {
		head := e.size - len(e.value)
		switch head {
		case 1:
			dst[0] = tag6Str | byte(len(e.value))
		case 2:
			dst[0], dst[1] = tag12Str|byte(len(e.value)>>8), byte(len(e.value))
		default:
			dst[0] = tag32Str
			binary.LittleEndian.PutUint32(dst[1:], uint32(len(e.value)))
		}
		copy(dst[head:], e.value)
	}
	writeBackLength(dst[e.size:], e.size)
}

func (e encoding) writeInt(dst []byte) {
	switch e.size {
	case 1:
		dst[0] = byte(e.n)
	case 2:
		dst[0], dst[1] = tag13Int|byte(e.n>>8)&0x1f, byte(e.n)
	case 3:
		dst[0] = tag16Int
		binary.LittleEndian.PutUint16(dst[1:], uint16(e.n))
	case 4:
		dst[0], dst[1], dst[2], dst[3] = tag24Int, byte(e.n), byte(e.n>>8), byte(e.n>>16)
	case 5:
		dst[0] = tag32Int
		binary.LittleEndian.PutUint32(dst[1:], uint32(e.n))
	default:
		dst[0] = tag64Int
		binary.LittleEndian.PutUint64(dst[1:], uint64(e.n))
	}
}

// backLengthSize returns how many bytes the length of head and data takes behind
// them: seven bits to a byte. (Redis goes to the next byte one step early for
// each size but the first.)
func backLengthSize(n int) int {
	switch {
	case n <= 1<<7-1:
		return 1
	case n < 1<<14-1:
		return 2
	case n < 1<<21-1:
		return 3
	case n < 1<<28-1:
		return 4
	}
	return 5
}

// writeBackLength writes a length to be read backwards: the low bits last, and
// the high bit set in every byte that has more before it.
func writeBackLength(dst []byte, n int) {
	for i := backLengthSize(n) - 1; i > 0; i-- {
		dst[i] = byte(n&0x7f | 0x80)
		n >>= 7
	}
	dst[0] = byte(n)
}

// backLength reads the length that ends at an offset; -1 if it is none.
func backLength(lp []byte, last int) int {
	n := 0
	for i := range 5 {
		c := lp[last-i]
		n |= int(c&0x7f) << (7 * i)
		if c&0x80 == 0 {
			return n
		}
	}
	return -1
}

// ParseInt reads the decimal form of a 64-bit integer as it must be written for
// a listpack to keep it as a number: digits without a leading zero, a minus
// before them if it is negative, nothing else.
func ParseInt(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > 20 || b[0] > '9' {
		return 0, false
	}
	digits, negative := b, b[0] == '-'
	if negative {
		digits = b[1:]
	}
	if len(digits) == 0 || digits[0] == '0' && len(b) > 1 {
		return 0, false
	}
	// 20 digits at most: more than 64 bits can hold only in the last step.
	var u uint64
	for i, d := range digits {
		d -= '0'
		if d > 9 || i == 19 {
			return 0, false
		}
		u = u*10 + uint64(d)
	}
	switch {
	case negative && u <= 1<<63:
		return -int64(u), true
	case !negative && u < 1<<63:
		return int64(u), true
	}
	return 0, false
}
