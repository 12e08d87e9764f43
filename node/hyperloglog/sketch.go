// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package hyperloglog

import (
	"encoding/binary"
	"math/bits"
)

// sketch is the bytes of a HyperLogLog: a header of 16 bytes,
//
//	"HYLL", form, three bytes of zeros, the cached estimate in eight bytes
//
// the lowest byte first, whose highest bit says that the cache is out of date;
// and behind it the registers in one of two forms.
//
// A register holds the longest run of zeros, plus one, that the hash of an
// element had whose lower bits chose the register. The dense form has six bits
// for each, from the lowest bits of a byte to the highest.
type sketch []byte

const (
	indexBits  = 14
	registers  = 1 << indexBits
	rankMost   = 64 - indexBits + 1
	headerSize = 16
	denseSize  = headerSize + registers*6/8

	formDense  = 0
	formSparse = 1

	formAt  = 4
	cacheAt = 8
	staleAt = 15
	stale   = 1 << 7
)

// newSketch is one without elements, as Redis creates them: sparse.
const newSketch = "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x7f\xff"

// valid tells whether the header is that of a HyperLogLog. The sparse form may
// still turn out to be none.
func (s sketch) valid() bool {
	return len(s) >= headerSize && string(s[:formAt]) == "HYLL" &&
		(s[formAt] == formSparse || s[formAt] == formDense && len(s) == denseSize)
}

func (s sketch) sparse() bool { return s[formAt] == formSparse }

// cached returns the estimate in the header. ok is false when it is out of date.
func (s sketch) cached() (n uint64, ok bool) {
	return binary.LittleEndian.Uint64(s[cacheAt:]), s[staleAt]&stale == 0
}

func (s sketch) setCached(n uint64) { binary.LittleEndian.PutUint64(s[cacheAt:], n) }

func (s sketch) invalidate() { s[staleAt] |= stale }

// add takes an element in; a sparse sketch may become a longer or a dense one. ok
// is false when it is corrupted.
func (s sketch) add(element []byte, limit int) (_ sketch, changed, ok bool) {
	register, rank := place(element)
	if s.sparse() {
		return s.setSparse(register, rank, limit)
	}
	return s, s.setDense(register, rank), true
}

// get reads a register of the dense form.
func (s sketch) get(register int) byte {
	at, shift := headerSize+register*6>>3, register*6&7
	v := s[at] >> shift
	if shift > 2 {
		v |= s[at+1] << (8 - shift)
	}
	return v & 63
}

// set writes a register of the dense form.
func (s sketch) set(register int, v byte) {
	at, shift := headerSize+register*6>>3, register*6&7
	s[at] = s[at]&^(63<<shift) | v<<shift
	if shift > 2 {
		s[at+1] = s[at+1]&^(63>>(8-shift)) | v>>(8-shift)
	}
}

// setDense raises a register of the dense form.
func (s sketch) setDense(register int, rank byte) (changed bool) {
	if s.get(register) >= rank {
		return false
	}
	s.set(register, rank)
	return true
}

// place is the register of an element and what the register is to hold at least.
func place(element []byte) (register int, rank byte) {
	h := hash(element)
	rest := h>>indexBits | 1<<(64-indexBits) // so that the zeros come to an end
	return int(h & (registers - 1)), byte(bits.TrailingZeros64(rest) + 1)
}

// hash is MurmurHash64A with Redis's seed.
func hash(b []byte) uint64 {
	const (
		seed = 0xadc83b19
		m    = 0xc6a4a7935bd1e995
		r    = 47
	)
	h := seed ^ uint64(len(b))*m
	for ; len(b) >= 8; b = b[8:] {
		k := binary.LittleEndian.Uint64(b) * m
		k ^= k >> r
		h = (h ^ k*m) * m
	}
	if len(b) > 0 {
		var tail [8]byte
		copy(tail[:], b)
		h = (h ^ binary.LittleEndian.Uint64(tail[:])) * m
	}
	h = (h ^ h>>r) * m
	return h ^ h>>r
}
