// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"math"
	"unsafe"
)

// orderedLeaf is a leaf of the tree that keeps the members of a sorted set in
// their order, by score, then by member as bytes:
//
//	0  refs, kind; at 6 the number of members n, 2 bytes
//	8  n scores, 8 bytes each
//	   n ends, 2 bytes each: where each member ends, counted from where the
//	   first one begins; the top bit says that the member lies in a value block
//	   the members, one after the other; of one in a value block its handle
//	   (5 bytes) and length (4 bytes)
//
// So a member of 10 bytes takes 20, and a search looks at scores that lie side
// by side and at members only where scores are the same. Blocks are as large as
// what they hold, up to orderedLeafMax.
type orderedLeaf struct{ p unsafe.Pointer }

const (
	orderedHead = 8
	orderedItem = 8 + 2 // bytes of a member beside its own

	// orderedLeafMax is the most bytes of a leaf: a split makes two of it.
	orderedLeafMax = 4 << 10

	// longMember is the length from which on a member lies in a value block,
	// one for both trees of a sorted set: it bounds what is kept twice.
	longMember = 48

	longEnd = 1 << 15
)

func (l orderedLeaf) len() int     { return int(load16(unsafe.Add(l.p, 6))) }
func (l orderedLeaf) setLen(n int) { store16(unsafe.Add(l.p, 6), uint16(n)) }

func (l orderedLeaf) score(i int) float64 {
	return math.Float64frombits(load64(unsafe.Add(l.p, orderedHead+8*i)))
}

func (l orderedLeaf) setScore(i int, score float64) {
	store64(unsafe.Add(l.p, orderedHead+8*i), math.Float64bits(score))
}

func (l orderedLeaf) endAt(n, i int) unsafe.Pointer {
	return unsafe.Add(l.p, orderedHead+8*n+2*i)
}

// span returns where member i of n begins and ends, and whether it lies in a
// value block.
func (l orderedLeaf) span(n, i int) (from, to int, long bool) {
	if i > 0 {
		from = int(load16(l.endAt(n, i-1)) &^ longEnd)
	}
	end := load16(l.endAt(n, i))
	return from, int(end &^ longEnd), end&longEnd != 0
}

// text is the number of bytes that the first i of n members take.
func (l orderedLeaf) text(n, i int) int {
	if i == 0 {
		return 0
	}
	return int(load16(l.endAt(n, i-1)) &^ longEnd)
}

func (l orderedLeaf) textAt(n, from int) unsafe.Pointer {
	return unsafe.Add(l.p, orderedHead+orderedItem*n+from)
}

// size is what the leaf takes of its block.
func (l orderedLeaf) size() int {
	n := l.len()
	return orderedHead + orderedItem*n + l.text(n, n)
}

// raw returns the bytes that stand for member i: its own or, with long, the
// reference to its value block.
func (l orderedLeaf) raw(i int) (b []byte, long bool) {
	n := l.len()
	from, to, long := l.span(n, i)
	return bytesAt(l.textAt(n, from), to-from), long
}

// member returns member i.
func (l orderedLeaf) member(r *reader, i int) []byte {
	b, long := l.raw(i)
	if long {
		return r.long(b)
	}
	return b
}

// longRef is the size of a reference to a member in a value block.
const longRef = 5 + 4

// longReference makes the reference to a member of n bytes.
func longReference(ref *[longRef]byte, block handle, n int) []byte {
	p := unsafe.Pointer(ref)
	store40(p, block)
	store32(unsafe.Add(p, 5), uint32(n))
	return ref[:]
}

// long returns the member that a reference stands for.
func (r *reader) long(ref []byte) []byte {
	p := unsafe.Pointer(unsafe.SliceData(ref))
	return r.valueBytes(load40(p), int(load32(unsafe.Add(p, 5))))
}

// compare tells how member i with its score stands to another.
func (l orderedLeaf) compare(r *reader, i int, score float64, member []byte) int {
	switch s := l.score(i); {
	case s < score:
		return -1
	case s > score:
		return 1
	}
	return bytes.Compare(l.member(r, i), member)
}

// find returns the place of a member or, if it is not there, the place where it
// belongs.
func (l orderedLeaf) find(r *reader, score float64, member []byte) (i int, ok bool) {
	lo, hi := 0, l.len()
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch c := l.compare(r, mid, score, member); {
		case c == 0:
			return mid, true
		case c < 0:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return lo, false
}

// countBelow returns how many scores are below the given one or, with
// inclusive, at most that.
func (l orderedLeaf) countBelow(score float64, inclusive bool) int {
	lo, hi := 0, l.len()
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if s := l.score(mid); s < score || inclusive && s == score {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// insert puts a member in at a place. The block must have the room.
func (l orderedLeaf) insert(i int, score float64, raw []byte, long bool) {
	n := l.len()
	from, all := l.text(n, i), l.text(n, n)
	grown := orderedHead + orderedItem*(n+1) + all + len(raw)
	b := bytesAt(l.p, grown)

	// From the back to the front: members behind, members before, ends behind,
	// ends before, scores behind.
	texts, moved := orderedHead+orderedItem*n, orderedHead+orderedItem*(n+1)
	copy(b[moved+from+len(raw):], b[texts+from:texts+all])
	copy(b[moved:], b[texts:texts+from])
	copy(b[moved+from:], raw)
	ends := orderedHead + 8*n
	copy(b[ends+8+2*(i+1):], b[ends+2*i:ends+2*n])
	copy(b[ends+8:], b[ends:ends+2*i])
	copy(b[orderedHead+8*(i+1):ends+8], b[orderedHead+8*i:ends])

	l.setLen(n + 1)
	l.setScore(i, score)
	end := uint16(from + len(raw))
	if long {
		end |= longEnd
	}
	store16(l.endAt(n+1, i), end)
	l.shift(n+1, i+1, uint16(len(raw)))
}

// shift adds to the ends from the i-th of n on. Ends stay below longEnd, so four
// are added to at once without a carry between them.
func (l orderedLeaf) shift(n, i int, by uint16) {
	const every = 0x0001000100010001
	for ; i+4 <= n; i += 4 {
		p := l.endAt(n, i)
		store64(p, load64(p)+uint64(by)*every)
	}
	for ; i < n; i++ {
		p := l.endAt(n, i)
		store16(p, load16(p)+by)
	}
}

// remove takes k members out from a place on. References to value blocks are the
// caller's.
func (l orderedLeaf) remove(i, k int) {
	n := l.len()
	from, to, all := l.text(n, i), l.text(n, i+k), l.text(n, n)
	b := bytesAt(l.p, orderedHead+orderedItem*n+all)
	for j := i + k; j < n; j++ {
		p := l.endAt(n, j)
		store16(p, load16(p)-uint16(to-from))
	}
	left := n - k
	ends, texts := orderedHead+8*n, orderedHead+orderedItem*n
	newEnds, newTexts := orderedHead+8*left, orderedHead+orderedItem*left
	copy(b[orderedHead+8*i:], b[orderedHead+8*(i+k):ends])
	copy(b[newEnds:], b[ends:ends+2*i])
	copy(b[newEnds+2*i:], b[ends+2*(i+k):texts])
	copy(b[newTexts:], b[texts:texts+from])
	copy(b[newTexts+from:], b[texts+to:])
	l.setLen(left)
}

// rangeSize is what a leaf of the members from i to j would take.
func (l orderedLeaf) rangeSize(i, j int) int {
	n := l.len()
	return orderedHead + orderedItem*(j-i) + l.text(n, j) - l.text(n, i)
}

// fill makes a new leaf of the members of src from i to j.
func (l orderedLeaf) fill(src orderedLeaf, i, j int) {
	n, k := src.len(), j-i
	from, to := src.text(n, i), src.text(n, j)
	l.setLen(k)
	b := bytesAt(l.p, orderedHead+orderedItem*k+to-from)
	copy(b[orderedHead:], bytesAt(unsafe.Add(src.p, orderedHead+8*i), 8*k))
	for e := range k {
		store16(l.endAt(k, e), load16(src.endAt(n, i+e))-uint16(from))
	}
	copy(b[orderedHead+orderedItem*k:], bytesAt(src.textAt(n, from), to-from))
}

// join puts the members of another leaf behind its own. The block must have the
// room.
func (l orderedLeaf) join(next orderedLeaf) {
	n, k := l.len(), next.len()
	all, more := l.text(n, n), next.text(k, k)
	b := bytesAt(l.p, orderedHead+orderedItem*(n+k)+all+more)
	ends, texts := orderedHead+8*n, orderedHead+orderedItem*n
	newEnds, newTexts := ends+8*k, texts+orderedItem*k
	copy(b[newTexts:], b[texts:texts+all])
	copy(b[newTexts+all:], bytesAt(next.textAt(k, 0), more))
	copy(b[newEnds:], b[ends:ends+2*n])
	for e := range k {
		store16(unsafe.Add(l.p, newEnds+2*(n+e)), load16(next.endAt(k, e))+uint16(all))
	}
	copy(b[ends:], bytesAt(unsafe.Add(next.p, orderedHead), 8*k))
	l.setLen(n + k)
}

// half returns the place at which to split a full leaf that gets a member at
// place i: in the middle of its bytes, but at the very end where the member goes
// to the end, so that growing scores leave full leaves behind them.
func (l orderedLeaf) half(i int) int {
	n := l.len()
	if i == n || i == 0 {
		return i
	}
	all := l.size()
	lo, hi := 1, n-1
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if 2*l.rangeSize(0, mid) < all {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}
