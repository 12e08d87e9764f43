// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package bitmaps

import "encoding/binary"

// integer is one of BITFIELD's: width bits from bit offset on, the highest
// first. It is unsigned up to 63 bits, so that every value is an int64.
type integer struct {
	offset, width int
	signed        bool
}

// end is how many bytes a string has at least that holds it.
func (i integer) end() int { return (i.offset+i.width-1)>>3 + 1 }

// window is the bytes that an integer of 64 bits may touch.
type window [9]byte

// load reads the integer; behind the end of b there are zeros.
func (i integer) load(b []byte) int64 {
	var w window
	if at := i.offset >> 3; at < len(b) {
		copy(w[:], b[at:])
	}
	shift := i.offset & 7
	top := binary.BigEndian.Uint64(w[:])<<shift | uint64(w[8])>>(8-shift)
	if i.signed {
		return int64(top) >> (64 - i.width)
	}
	return int64(top >> (64 - i.width))
}

// store writes the lowest bits of n. b has all the bytes of the integer.
func (i integer) store(b []byte, n int64) {
	b = b[i.offset>>3:]
	var w window
	size := copy(w[:], b)
	shift := i.offset & 7
	mask := ^uint64(0) << (64 - i.width)
	top := uint64(n) << (64 - i.width)
	head := binary.BigEndian.Uint64(w[:])
	binary.BigEndian.PutUint64(w[:], head&^(mask>>shift)|top>>shift)
	w[8] = w[8]&^byte(mask<<(8-shift)) | byte(top<<(8-shift))
	copy(b, w[:size])
}

// overflow says what becomes of a value that does not fit.
type overflow int

const (
	wrap overflow = iota // only its lowest bits count
	saturate
	fail
)

// add adds to a value, which need not fit itself. ok is false when the sum does
// not fit and is to fail.
func (i integer) add(value, by int64, beyond overflow) (sum int64, ok bool) {
	over, under := i.exceeds(value, by)
	switch {
	case !over && !under:
		return value + by, true
	case beyond == fail:
		return 0, false
	case beyond == wrap:
		return i.wrapped(value + by), true
	case over:
		return i.most(), true
	}
	return i.least(), true
}

func (i integer) most() int64 {
	if i.signed {
		return 1<<(i.width-1) - 1
	}
	return 1<<i.width - 1
}

func (i integer) least() int64 {
	if i.signed {
		return -i.most() - 1
	}
	return 0
}

// wrapped is the value that the lowest bits of n stand for.
func (i integer) wrapped(n int64) int64 {
	if i.signed {
		return n << (64 - i.width) >> (64 - i.width)
	}
	return n & i.most()
}

// exceeds tells whether a sum is above or below what fits. A value that is
// negative is too large for an unsigned integer, not too small, and one near
// the lowest of all is too large for a signed one, since the room above it
// leaves 64 bits: Redis has it so, and a value that saturates shows it.
func (i integer) exceeds(value, by int64) (over, under bool) {
	most, least := i.most(), i.least()
	if !i.signed {
		over = value < 0 || value > most || by > 0 && by > most-value
		return over, !over && by < 0 && by < -value
	}
	room, depth := most-value, least-value // modulo 2^64
	narrow := i.width != 64
	over = value > most || narrow && by > room || value >= 0 && by > 0 && by > room
	under = value < least || narrow && by < depth || value < 0 && by < 0 && by < depth
	return over, under && !over
}
