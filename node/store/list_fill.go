// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

// listFill is how much the leaves of a list hold, list-max-listpack-size: up to
// 32767 the most elements, which take 8 KiB at most then, and from -1 to -5 the
// most bytes, 4 KiB to 64 KiB. A leaf of one element may be larger. Leaves fill
// as the nodes of Redis 7.0's quicklist do, so that lists with the same past
// have the same dumps.
type listFill int

const (
	fillMost  = 1<<15 - 1
	fillLeast = -5

	// fillSafe is the most bytes of a leaf that is limited by its elements.
	fillSafe = 8 << 10
	// fillOverhead is what an element is taken to need beside its own bytes.
	fillOverhead = 8
	// fillJoin is what two leaves are taken to save when they become one.
	fillJoin = 11
)

// holds says whether a leaf may have so many bytes and elements.
func (f listFill) holds(size, count int) bool {
	if f < 0 {
		return size <= 2<<10<<-max(f, fillLeast)
	}
	return size <= fillSafe && count <= int(min(f, fillMost))
}

// admits says whether a leaf takes one more element, of add bytes.
func (f listFill) admits(size, count, add int) bool {
	return f.holds(size+add+fillOverhead, count+1)
}

// joins says whether two leaves may become one.
func (f listFill) joins(size, count, otherSize, otherCount int) bool {
	return f.holds(size+otherSize-fillJoin, count+otherCount)
}
