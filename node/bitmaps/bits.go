// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package bitmaps

import (
	"crypto/subtle"
	"encoding/binary"
	"math/bits"
)

// count counts the ones from bit from to bit to, both included and both inside
// of b.
func count(b []byte, from, to int) int {
	first, last := from>>3, to>>3
	before := b[first] &^ (0xff >> (from & 7))
	behind := b[last] & (0x7f >> (to & 7))
	return ones(b[first:last+1]) - bits.OnesCount8(before) - bits.OnesCount8(behind)
}

// ones counts all of them.
func ones(b []byte) int {
	word := binary.LittleEndian.Uint64
	n := 0
	for ; len(b) >= 32; b = b[32:] {
		n += bits.OnesCount64(word(b)) + bits.OnesCount64(word(b[8:])) +
			bits.OnesCount64(word(b[16:])) + bits.OnesCount64(word(b[24:]))
	}
	for ; len(b) >= 8; b = b[8:] {
		n += bits.OnesCount64(word(b))
	}
	for _, c := range b {
		n += bits.OnesCount8(c)
	}
	return n
}

// find returns the first place of a one, or of a zero, from bit from to bit to,
// both included and both inside of b; -1 if there is none.
func find(b []byte, from, to int, one bool) int {
	flip := ^uint64(0) // turns what is looked for into ones
	if one {
		flip = 0
	}
	at, end := from>>3, to>>3+1
	if c := (b[at] ^ byte(flip)) & (0xff >> (from & 7)); c != 0 {
		return within(at*8+bits.LeadingZeros8(c), to)
	}
	word := binary.LittleEndian.Uint64
	for at++; at+32 <= end; at += 32 {
		four := b[at : at+32]
		if (word(four)^flip)|(word(four[8:])^flip)|(word(four[16:])^flip)|(word(four[24:])^flip) != 0 {
			break
		}
	}
	for ; at+8 <= end; at += 8 {
		if w := binary.BigEndian.Uint64(b[at:]) ^ flip; w != 0 {
			return within(at*8+bits.LeadingZeros64(w), to)
		}
	}
	for ; at < end; at++ {
		if c := b[at] ^ byte(flip); c != 0 {
			return within(at*8+bits.LeadingZeros8(c), to)
		}
	}
	return -1
}

// within is a place unless it lies behind the last one that counts.
func within(pos, to int) int {
	if pos > to {
		return -1
	}
	return pos
}

// The operations of BITOP work on dst, and take src, which is not longer, for
// as if zeros followed.

func and(dst, src []byte) {
	clear(dst[len(src):])
	word, put := binary.LittleEndian.Uint64, binary.LittleEndian.PutUint64
	dst = dst[:len(src)]
	for len(src) >= 16 && len(dst) >= 16 {
		put(dst, word(dst)&word(src))
		put(dst[8:], word(dst[8:])&word(src[8:]))
		dst, src = dst[16:], src[16:]
	}
	for i, c := range src {
		dst[i] &= c
	}
}

func or(dst, src []byte) {
	word, put := binary.LittleEndian.Uint64, binary.LittleEndian.PutUint64
	for len(src) >= 16 && len(dst) >= 16 {
		put(dst, word(dst)|word(src))
		put(dst[8:], word(dst[8:])|word(src[8:]))
		dst, src = dst[16:], src[16:]
	}
	for i, c := range src {
		dst[i] |= c
	}
}

func xor(dst, src []byte) { subtle.XORBytes(dst, dst, src) }

// not inverts dst.
func not(dst []byte) {
	word, put := binary.LittleEndian.Uint64, binary.LittleEndian.PutUint64
	for ; len(dst) >= 16; dst = dst[16:] {
		put(dst, ^word(dst))
		put(dst[8:], ^word(dst[8:]))
	}
	for i := range dst {
		dst[i] = ^dst[i]
	}
}
