// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package listpack

import (
	"encoding/binary"
	"slices"
)

// Size returns how many bytes an element takes in a listpack.
func Size(value []byte) int { return encodingOf(value).span() }

// SizeInt is Size for a number.
func SizeInt(n int64) int { return encodingOfInt(n).span() }

// Insert puts an element before the one at off, where it is found from then on.
func Insert(lp []byte, off int, value []byte) []byte {
	return insert(lp, off, encodingOf(value))
}

// InsertInt is Insert for a number.
func InsertInt(lp []byte, off int, n int64) []byte {
	return insert(lp, off, encodingOfInt(n))
}

// Append puts an element behind the last.
func Append(lp, value []byte) []byte { return insert(lp, End(lp), encodingOf(value)) }

// AppendInt is Append for a number.
func AppendInt(lp []byte, n int64) []byte { return insert(lp, End(lp), encodingOfInt(n)) }

// Prepend puts an element before the first.
func Prepend(lp, value []byte) []byte { return insert(lp, headerSize, encodingOf(value)) }

// PrependInt is Prepend for a number.
func PrependInt(lp []byte, n int64) []byte { return insert(lp, headerSize, encodingOfInt(n)) }

func insert(lp []byte, off int, e encoding) []byte {
	lp = splice(lp, off, 0, e.span())
	e.write(lp[off:])
	addCount(lp, 1)
	return lp
}

// Replace puts a value in the place of the element at off.
func Replace(lp []byte, off int, value []byte) []byte {
	return replace(lp, off, encodingOf(value))
}

// ReplaceInt is Replace for a number.
func ReplaceInt(lp []byte, off int, n int64) []byte {
	return replace(lp, off, encodingOfInt(n))
}

func replace(lp []byte, off int, e encoding) []byte {
	lp = splice(lp, off, span(lp, off), e.span())
	e.write(lp[off:])
	return lp
}

// Delete takes out up to n elements from off on. The one behind them, if any, is
// found at off then; else off is the End.
func Delete(lp []byte, off, n int) []byte {
	tail, deleted := off, 0
	for ; deleted < n && lp[tail] != endByte; deleted++ {
		tail += span(lp, tail)
	}
	if deleted == 0 {
		return lp
	}
	lp = splice(lp, off, tail-off, 0)
	addCount(lp, -deleted)
	return lp
}

// Merge puts all elements of another listpack behind the last.
func Merge(lp, other []byte) []byte {
	n := Len(lp) + Len(other)
	entries := other[headerSize:End(other)]
	off := End(lp)
	lp = splice(lp, off, 0, len(entries))
	copy(lp[off:], entries)
	setCount(lp, n)
	return lp
}

// splice makes room for add bytes in the place of others at off and writes the
// new length to the header. Who asks for more than MaxBytes has not asked Fits.
func splice(lp []byte, off, remove, add int) []byte {
	old, size := len(lp), len(lp)+add-remove
	if size > old {
		lp = slices.Grow(lp, size-old)[:size]
	}
	if add != remove {
		copy(lp[off+add:size], lp[off+remove:old])
	}
	lp = lp[:size]
	binary.LittleEndian.PutUint32(lp, uint32(size))
	return lp
}
