// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package listpack reads and edits listpacks, Redis's compact form of a short
// sequence of strings and numbers: the same elements put in by the same steps
// give the same bytes as with Redis 7.0.
//
// A listpack is six bytes of header (its length in bytes as a uint32, the number
// of elements as a uint16, both little-endian; 65535 elements and more are
// "unknown", to be counted), the entries, and an end byte 0xFF. An entry
// (entry.go) is an encoding byte with what belongs to it, the data, and the
// length of the two, written to be read backwards. Start here for walking,
// then edit.go for changes and validate.go for bytes of unknown origin.
//
// # Contract
//
//   - The slice of a listpack is as long as its header says.
//   - Everything but Validate trusts its argument: bytes that come from outside
//     are validated first, deep, and then no function here fails on them.
//   - An element's place is its offset in the slice, as First, Last, Next, Prev,
//     Seek and Find return it; -1 stands for "none". Edits move what lies behind
//     them.
//   - Edits work as append does: in place where the capacity suffices, else in a
//     new slice; the result replaces the argument. Values given to them must not
//     point into the listpack.
package listpack

import (
	"encoding/binary"
	"fmt"
)

const (
	headerSize = 6
	endByte    = 0xff
	// unknownCount in the header says that the elements must be counted. Once
	// there, it stays.
	unknownCount = 1<<16 - 1
)

// Empty is the length in bytes of a listpack without elements.
const Empty = headerSize + 1

// MaxBytes is how large a listpack may become: Redis's bound, well below what
// the header could tell.
const MaxBytes = 1 << 30

// New returns an empty listpack.
func New() []byte { return []byte{Empty, 0, 0, 0, 0, 0, endByte} }

// Fits says whether a listpack may grow by add bytes.
func Fits(lp []byte, add int) bool { return len(lp)+add <= MaxBytes }

// Len returns the number of elements. It counts them where the header does not
// tell, from 65535 elements on.
func Len(lp []byte) int {
	n := count(lp)
	if n != unknownCount {
		return n
	}
	n = 0
	for off := headerSize; lp[off] != endByte; off += span(lp, off) {
		n++
	}
	return n
}

// End returns the offset behind the last element: an element that is inserted
// there becomes the last one.
func End(lp []byte) int { return len(lp) - 1 }

// First returns the offset of the first element, -1 if there is none.
func First(lp []byte) int {
	if lp[headerSize] == endByte {
		return -1
	}
	return headerSize
}

// Last returns the offset of the last element, -1 if there is none.
func Last(lp []byte) int { return Prev(lp, End(lp)) }

// Next returns the offset of the element behind the one at off, -1 if that is
// the last.
func Next(lp []byte, off int) int {
	off += span(lp, off)
	if lp[off] == endByte {
		return -1
	}
	return off
}

// Prev returns the offset of the element before the one at off or, for End, of
// the last one; -1 if there is none.
func Prev(lp []byte, off int) int {
	if off == headerSize {
		return -1
	}
	n := backLength(lp, off-1)
	return off - n - backLengthSize(n)
}

// Seek returns the offset of an element by its index, from 0 at the head or from
// -1 at the tail; -1 if there is no such element. It walks from the nearer end.
func Seek(lp []byte, index int) int {
	if n := count(lp); n != unknownCount {
		if index < 0 {
			index += n
		}
		if index < 0 || index >= n {
			return -1
		}
		if index > n/2 {
			index -= n
		}
	}
	var off int
	if index >= 0 {
		for off = First(lp); index > 0 && off >= 0; index-- {
			off = Next(lp, off)
		}
		return off
	}
	for off = Last(lp); index < -1 && off >= 0; index++ {
		off = Prev(lp, off)
	}
	return off
}

// Find returns the offset of the first element that equals value, looking from
// off on at one and then at each after skip further ones; -1 if there is none.
// With a skip of 1 from the first element on it looks at a hash's fields only.
func Find(lp []byte, off int, value []byte, skip int) int {
	if off < 0 {
		return -1
	}
	number, isNumber := ParseInt(value)
	// Most elements are short strings, and most of them differ in their length or
	// their last byte.
	head, tail := byte(endByte), 0
	if n := len(value); n > 0 && n <= max6Str && !isNumber {
		head, tail = tag6Str|byte(n), n
	}
	for lp[off] != endByte {
		if head == endByte || lp[off]&0xc0 != tag6Str {
			if holds(lp, off, value, number, isNumber) {
				return off
			}
		} else if lp[off] == head && lp[off+tail] == value[tail-1] && string(lp[off+1:off+1+tail]) == string(value) {
			return off
		}
		off += span(lp, off)
		for i := 0; i < skip && lp[off] != endByte; i++ {
			off += span(lp, off)
		}
	}
	return -1
}

// count returns the number of elements in the header.
func count(lp []byte) int { return int(binary.LittleEndian.Uint16(lp[4:])) }

// addCount changes the number of elements in the header, if it is known.
func addCount(lp []byte, delta int) {
	if n := count(lp); n != unknownCount {
		setCount(lp, n+delta)
	}
}

func setCount(lp []byte, n int) {
	binary.LittleEndian.PutUint16(lp[4:], uint16(min(n, unknownCount)))
}

// badEntry tells of a listpack that was never validated.
func badEntry(lp []byte, off int) string {
	return fmt.Sprintf("listpack: byte %#x at offset %d is no encoding", lp[off], off)
}
