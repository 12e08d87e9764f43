// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"math"
	"strconv"
	"unsafe"

	"github.com/espalier-io/espalier/node/listpack"
)

// packedZSet is a sorted set as a listpack: member, score, member, score, in
// order. An offset is that of a member.
type packedZSet []byte

func (z packedZSet) len() int { return listpack.Len(z) / 2 }

// score returns the score of the member at an offset. A whole number is an
// integer of the listpack, so the sign of -0 is lost here, as with Redis.
func (z packedZSet) score(off int) float64 {
	return parseScore(listpack.Get(z, listpack.Next(z, off)))
}

// next returns the offset of the member behind the one at off, -1 at the end.
func (z packedZSet) next(off int) int { return listpack.Next(z, listpack.Next(z, off)) }

// prev returns the offset of the member before the one at off, -1 at the start.
func (z packedZSet) prev(off int) int {
	score := listpack.Prev(z, off)
	if score < 0 {
		return -1
	}
	return listpack.Prev(z, score)
}

func (z packedZSet) seek(rank int) int { return listpack.Seek(z, 2*rank) }

// find returns the offset of a member, -1 if it is not there.
func (z packedZSet) find(member []byte) int { return listpack.Find(z, listpack.First(z), member, 1) }

// rank returns how many members lie before an offset.
func (z packedZSet) rank(off int) int {
	n := 0
	for at := listpack.First(z); at != off; at = z.next(at) {
		n++
	}
	return n
}

// searchMarks is how many places a search remembers on its walk.
const searchMarks = 64

// search returns the offset and the rank of the first member that is beyond
// something, as are all that follow it; the end and the length if none is. To
// read a score takes much longer than to step over it: the search walks once to
// see where members lie, and then halves.
func (z packedZSet) search(beyond func(off int) bool) (off, rank int) {
	var marks [searchMarks]uint32
	n := z.len()
	stride := n/searchMarks + 1
	off = listpack.First(z)
	for i := 0; i < n; i++ {
		if i%stride == 0 {
			marks[i/stride] = uint32(off)
		}
		off = z.next(off)
	}
	lo, hi := 0, (n+stride-1)/stride
	for lo < hi {
		if mid := (lo + hi) / 2; beyond(int(marks[mid])) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	if n == 0 {
		return listpack.End(z), 0
	}
	if lo == 0 {
		return listpack.First(z), 0
	}
	off = int(marks[lo-1])
	for rank = (lo - 1) * stride; ; {
		rank++
		off = z.next(off)
		switch {
		case off < 0:
			return listpack.End(z), n
		case rank == lo*stride || beyond(off):
			return off, rank
		}
	}
}

// place returns the offset before which a member belongs, and its rank there.
func (z packedZSet) place(score float64, member []byte) (off, rank int) {
	return z.search(func(off int) bool {
		s := z.score(off)
		return s > score || s == score && compareElement(listpack.Get(z, off), member) > 0
	})
}

// countBelow returns how many scores are below the given one or, with inclusive,
// at most that.
func (z packedZSet) countBelow(score float64, inclusive bool) int {
	_, n := z.search(func(off int) bool {
		s := z.score(off)
		return s > score || s == score && !inclusive
	})
	return n
}

// countLexBelow returns how many members come before the given one or, with
// inclusive, with it.
func (z packedZSet) countLexBelow(member []byte, inclusive bool) int {
	_, n := z.search(func(off int) bool {
		c := compareElement(listpack.Get(z, off), member)
		return c > 0 || c == 0 && !inclusive
	})
	return n
}

// packedZSetItem returns how many bytes a member with its score takes.
func packedZSetItem(member []byte, score float64) int {
	size := listpack.Size(member)
	if n, ok := wholeScore(score); ok {
		return size + listpack.SizeInt(n)
	}
	var digits [scoreDigits]byte
	return size + listpack.Size(appendScore(digits[:0], score))
}

// insert puts a member with its score in before an offset.
func (z packedZSet) insert(off int, member []byte, score float64) packedZSet {
	lp := listpack.Insert(z, off, member)
	off += listpack.Size(member)
	if n, ok := wholeScore(score); ok {
		return listpack.InsertInt(lp, off, n)
	}
	var digits [scoreDigits]byte
	return listpack.Insert(lp, off, appendScore(digits[:0], score))
}

// remove takes n members out from an offset on.
func (z packedZSet) remove(off, n int) packedZSet { return listpack.Delete(z, off, 2*n) }

// compareElement compares an element of a listpack with a string.
func compareElement(e listpack.Element, b []byte) int {
	if !e.IsInt {
		return bytes.Compare(e.Str, b)
	}
	var digits [20]byte
	return bytes.Compare(strconv.AppendInt(digits[:0], e.Int, 10), b)
}

// wholeScore says whether Redis writes a score to a listpack as an integer
// (double2ll).
func wholeScore(score float64) (n int64, ok bool) {
	const limit = math.MaxInt64 / 2
	if !(score >= -limit && score <= limit) {
		return 0, false
	}
	n = int64(score)
	return n, float64(n) == score
}

// scoreDigits is the most bytes that appendScore writes.
const scoreDigits = 24

// appendScore appends a score as C's "%.17g" prints it.
func appendScore(dst []byte, score float64) []byte {
	switch {
	case math.IsInf(score, 1):
		return append(dst, "inf"...)
	case math.IsInf(score, -1):
		return append(dst, "-inf"...)
	}
	return strconv.AppendFloat(dst, score, 'g', 17, 64)
}

// parseScore reads the score out of an element of a listpack. One that is no
// number, which only a dump of strange origin can have, counts as 0.
func parseScore(e listpack.Element) float64 {
	if e.IsInt {
		return float64(e.Int)
	}
	f, _ := strconv.ParseFloat(unsafe.String(unsafe.SliceData(e.Str), len(e.Str)), 64) // out of range gives an infinity
	if math.IsNaN(f) {
		return 0
	}
	return f
}
