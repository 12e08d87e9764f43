// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package rdb

import (
	"encoding/binary"
	"errors"
	"math"
)

// LZF is a byte stream of literal runs and back references:
//
//	000LLLLL            the next L+1 bytes literally
//	LLLooooo oooooooo   copy L+2 bytes from o+1 back
//	111ooooo LLLLLLLL oooooooo   copy L+9 bytes from o+1 back
const (
	lzfMostLiterals = 1 << 5
	lzfMostDistance = 1 << 13
	lzfMostCopy     = 264 // 255 + 9
	lzfMostRatio    = lzfMostCopy / 3

	lzfHashBits = 16
)

var errLZF = errors.New("damaged LZF data")

// lzfCompressor keeps the table of places where three bytes were last seen.
// An entry counts from base, so that entries of earlier texts fall out of the
// range by themselves and the table is not cleared between texts; what comes
// out depends on the text alone.
type lzfCompressor struct {
	seen [1 << lzfHashBits]uint32
	base uint32
}

// compress appends the compressed text to dst. ok is false, and dst of no use,
// if it would not fit into most bytes.
//
// A text has many compressed forms. This takes the decisions that Redis's
// compressor takes with an empty table, down to where it gives up, so that a
// value is dumped in the same bytes: it remembers the last place of any three
// bytes, never refers to the first byte of the text, and remembers only the last
// two places inside a copied stretch.
func (c *lzfCompressor) compress(dst, text []byte, most int) (out []byte, ok bool) {
	if len(text) >= math.MaxInt32 {
		return dst, false
	}
	if uint32(len(text))+1 > math.MaxUint32-c.base {
		clear(c.seen[:])
		c.base = 0
	}
	base := c.base + 1 // no entry is valid yet, a cleared one neither
	c.base += uint32(len(text)) + 1
	begin := len(dst)
	literals, i := 0, 0 // the first byte not written yet, and the next to look at
	for i+2 < len(text) {
		three := lzfThree(text, i)
		seen := &c.seen[lzfHash(three)]
		at := int(int64(*seen) - int64(base))
		*seen = base + uint32(i)
		distance := i - at
		if at <= 0 || distance > lzfMostDistance || lzfThree(text, at) != three {
			i++
			continue
		}
		room := literalsSize(i - literals)
		if (i-literals)%lzfMostLiterals == 0 {
			room--
		}
		if len(dst)-begin+room+4 >= most {
			return dst, false
		}
		n := matchLength(text[at:], text[i:])
		dst = appendLiterals(dst, text[literals:i])
		dst = appendCopy(dst, n, distance)
		i += n
		literals = i
		if i+2 >= len(text) {
			break
		}
		c.seen[lzfHash(lzfThree(text, i-2))] = base + uint32(i-2)
		c.seen[lzfHash(lzfThree(text, i-1))] = base + uint32(i-1)
	}
	if len(dst)-begin+literalsSize(i-literals)+3 > most {
		return dst, false
	}
	return appendLiterals(dst, text[literals:]), true
}

// literalsSize is what n literals take, with the byte in front of the run that
// the next one belongs to.
func literalsSize(n int) int { return n + n/lzfMostLiterals + 1 }

// lzfThree are the three bytes at i, in one number.
func lzfThree(text []byte, i int) uint32 {
	p := text[i : i+3 : i+3]
	return uint32(p[0])<<16 | uint32(p[1])<<8 | uint32(p[2])
}

func lzfHash(three uint32) uint16 { return uint16(three>>8 - three*5) }

// matchLength counts equal bytes; b is the later of the two stretches. Near the
// end it stops two bytes early or, by a quirk of Redis's that is kept, with 17 or
// 18 bytes to go to there, one or two later.
func matchLength(a, b []byte) int {
	most := max(3, min(len(b)-2, lzfMostCopy))
	if most == 17 || most == 18 {
		most = 19
	}
	n := 3
	for n+8 <= most && binary.LittleEndian.Uint64(a[n:]) == binary.LittleEndian.Uint64(b[n:]) {
		n += 8
	}
	for n < most && a[n] == b[n] {
		n++
	}
	return n
}

func appendLiterals(dst, run []byte) []byte {
	for len(run) > 0 {
		n := min(len(run), lzfMostLiterals)
		dst = append(append(dst, byte(n-1)), run[:n]...)
		run = run[n:]
	}
	return dst
}

func appendCopy(dst []byte, n, distance int) []byte {
	o := distance - 1
	if n < 9 {
		return append(dst, byte(n-2)<<5|byte(o>>8), byte(o))
	}
	return append(dst, 7<<5|byte(o>>8), byte(n-9), byte(o))
}

// lzfDecompress appends to dst the text of exactly size bytes that in holds.
// The caller has bounded size by lzfMostRatio.
func lzfDecompress(dst, in []byte, size int) ([]byte, error) {
	begin, end := len(dst), len(dst)+size
	for i := 0; i < len(in); {
		control := int(in[i])
		i++
		if control < lzfMostLiterals {
			n := control + 1
			if n > len(in)-i || n > end-len(dst) {
				return dst, errLZF
			}
			dst = append(dst, in[i:i+n]...)
			i += n
			continue
		}
		n := control>>5 + 2
		if n == 9 {
			if i == len(in) {
				return dst, errLZF
			}
			n += int(in[i])
			i++
		}
		if i == len(in) {
			return dst, errLZF
		}
		distance := ((control&0x1f)<<8 | int(in[i])) + 1
		i++
		if distance > len(dst)-begin || n > end-len(dst) {
			return dst, errLZF
		}
		dst = appendBack(dst, distance, n)
	}
	if len(dst) != end {
		return dst, errLZF
	}
	return dst, nil
}

// appendBack appends n bytes from distance back; they may overlap what they
// make.
func appendBack(dst []byte, distance, n int) []byte {
	from := len(dst) - distance
	for n > distance {
		dst = append(dst, dst[from:from+distance]...)
		n -= distance
	}
	return append(dst, dst[from:from+n]...)
}
