// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

// Package intset reads and edits intsets, Redis's compact form of a set of
// 64-bit integers: the same numbers put in and taken out by the same steps give
// the same bytes as with Redis 7.0.
//
// An intset is a header (the width of a number in bytes, 2, 4 or 8, and how many
// there are, each a uint32) and the numbers, ascending; all of it little-endian.
// The width is the least that the widest number ever put in needs; it never
// becomes less.
//
// Everything but Validate trusts its argument and takes its length from the
// header. Edits work as append does: in place where the capacity suffices, else
// in a new slice; the result replaces the argument.
package intset

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"slices"
)

const headerSize = 8

// New returns an empty intset.
func New() []byte { return []byte{2, 0, 0, 0, 0, 0, 0, 0} }

// Len returns how many numbers there are.
func Len(set []byte) int { return int(binary.LittleEndian.Uint32(set[4:])) }

func width(set []byte) int { return int(set[0]) }

// widthOf returns the least width for a number.
func widthOf(n int64) int {
	switch {
	case n >= math.MinInt16 && n <= math.MaxInt16:
		return 2
	case n >= math.MinInt32 && n <= math.MaxInt32:
		return 4
	}
	return 8
}

// At returns the i-th number from the least on, 0 <= i < Len.
func At(set []byte, i int) int64 { return get(set, i, width(set)) }

func get(set []byte, i, width int) int64 {
	b := set[headerSize+i*width:]
	switch width {
	case 2:
		return int64(int16(binary.LittleEndian.Uint16(b)))
	case 4:
		return int64(int32(binary.LittleEndian.Uint32(b)))
	}
	return int64(binary.LittleEndian.Uint64(b))
}

func put(set []byte, i, width int, n int64) {
	b := set[headerSize+i*width:]
	switch width {
	case 2:
		binary.LittleEndian.PutUint16(b, uint16(n))
	case 4:
		binary.LittleEndian.PutUint32(b, uint32(n))
	default:
		binary.LittleEndian.PutUint64(b, uint64(n))
	}
}

// All yields the numbers, ascending.
func All(set []byte) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for i := range Len(set) {
			if !yield(At(set, i)) {
				return
			}
		}
	}
}

// Find returns the index of a number and whether it is there; if it is not, the
// index is where it would be put.
func Find(set []byte, n int64) (i int, found bool) {
	low, high := 0, Len(set)
	if high == 0 || n > At(set, high-1) { // numbers often come ascending
		return high, false
	}
	for low < high {
		middle := (low + high) / 2
		if At(set, middle) < n {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, At(set, low) == n
}

// Size returns how many bytes the set takes with one more number.
func Size(set []byte, n int64) int {
	return headerSize + (Len(set)+1)*max(width(set), widthOf(n))
}

// Add puts a number in, unless it is there, and tells whether it is new.
func Add(set []byte, n int64) (grown []byte, added bool) {
	if widthOf(n) > width(set) {
		return widen(set, n), true
	}
	i, found := Find(set, n)
	if found {
		return set, false
	}
	size, w := Len(set), width(set)
	set = resize(set, size+1, w)
	at := headerSize + i*w
	copy(set[at+w:], set[at:headerSize+size*w])
	put(set, i, w, n)
	return set, true
}

// widen gives a set the width of a number that does not fit, and puts that in:
// it lies before all others or behind them.
func widen(set []byte, n int64) []byte {
	size, from, to := Len(set), width(set), widthOf(n)
	set = resize(set, size+1, to)
	binary.LittleEndian.PutUint32(set, uint32(to))
	first := 0
	if n < 0 {
		first = 1
	}
	for i := size - 1; i >= 0; i-- { // from the end: none is written over unread
		put(set, i+first, to, get(set, i, from))
	}
	if n < 0 {
		put(set, 0, to, n)
	} else {
		put(set, size, to, n)
	}
	return set
}

// Remove takes a number out and tells whether it was there.
func Remove(set []byte, n int64) (shrunk []byte, removed bool) {
	i, found := Find(set, n)
	if !found {
		return set, false
	}
	size, w := Len(set), width(set)
	copy(set[headerSize+i*w:], set[headerSize+(i+1)*w:headerSize+size*w])
	return resize(set, size-1, w), true
}

// resize gives a set room for so many numbers and says so in the header.
func resize(set []byte, n, width int) []byte {
	if size := headerSize + n*width; size > len(set) {
		set = slices.Grow(set, size-len(set))[:size]
	} else {
		set = set[:size]
	}
	binary.LittleEndian.PutUint32(set[4:], uint32(n))
	return set
}

// Fault is what is wrong with bytes that should be an intset.
type Fault struct {
	Offset int // in bytes from the start of the intset
	Reason string
}

func (f *Fault) Error() string {
	return fmt.Sprintf("intset: offset %d: %s", f.Offset, f.Reason)
}

// Validate says what is wrong with a blob, nil if it is an intset with a number
// at least, always a *Fault. Without deep it does not look at the order of the
// numbers. No function of this package fails on what passes it deep.
func Validate(blob []byte, deep bool) error {
	if len(blob) < headerSize {
		return &Fault{len(blob), "shorter than its header"}
	}
	w := binary.LittleEndian.Uint32(blob)
	if w != 2 && w != 4 && w != 8 {
		return &Fault{0, fmt.Sprintf("numbers of %d bytes", w)}
	}
	n := binary.LittleEndian.Uint32(blob[4:])
	if n == 0 {
		return &Fault{4, "empty"}
	}
	if size := headerSize + uint64(n)*uint64(w); size != uint64(len(blob)) {
		return &Fault{4, fmt.Sprintf("%d numbers of %d bytes in %d bytes", n, w, len(blob))}
	}
	if !deep {
		return nil
	}
	for i := 1; i < int(n); i++ {
		if At(blob, i) <= At(blob, i-1) {
			return &Fault{headerSize + i*int(w), "out of order"}
		}
	}
	return nil
}
