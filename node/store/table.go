// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"unsafe"
)

// table finds entries by key: linear hashing over buckets that are as long as
// what they hold. A directory has one word for each bucket; with every
// insertion that takes the average above bucketLoad the next bucket in order is
// split in two, with deletions the last one is merged back. So no operation
// moves more than one bucket, there is no moment at which the table doubles,
// and next to nothing of it is empty.
//
// (Segments of fixed size, each split on its own, were the other candidate:
// they are half empty after each doubling, a split moves hundreds of keys, and
// merging them again needs a search for a partner.)
//
// Bucket b of n, with 2^L <= n < 2^(L+1), holds the keys whose hash ends in
// b's last L+1 bits if its partner exists too (b >= 2^L or b + 2^L < n), else
// in its last L bits. That is the order in which scan cursors count, see
// scan.go.
//
// A word of the directory:
//
//	bits  0-39  handle of the bucket's block, 0 if it is empty
//	bits 40-47  number of entries
//	bits 48-63  version: the snapshot for which the bucket was last dealt with
//
// A block is a row of groups of 48 bytes, each of 8 fingerprints (the top byte
// of the hash) and 8 handles of 5 bytes; the last group is cut to 32 bytes if it
// holds 4 or fewer.
type table struct {
	a     *arena
	seed  maphash.Seed
	dir   vector
	lo    uint64 // 2^L - 1
	hi    uint64 // 2^(L+1) - 1
	count int
}

const (
	bucketLoad  = 14  // entries per bucket above which a bucket is split
	mergeLoad   = 6   // entries per bucket below which two are merged
	bucketLimit = 255 // entries that a directory word can count

	groupSize = 48
	halfGroup = 32

	countShift   = 40
	countMask    = 0xff
	versionShift = 48
	versionMask  = 0xffff << versionShift

	everyByte = 0x0101010101010101
	highBits  = 0x8080808080808080
)

func newTable(a *arena, seed maphash.Seed) table { return table{a: a, seed: seed, hi: 1} }

func (t *table) hash(key []byte) uint64 { return maphash.Bytes(t.seed, key) }

// bucketOf returns the bucket of a hash; there must be one.
func (t *table) bucketOf(hash uint64) uint64 {
	b := hash & t.hi
	if b >= t.dir.len {
		b = hash & t.lo
	}
	return b
}

// slot is a place in the table with what it holds.
type slot struct {
	bucket uint64
	index  int
	h      handle
	e      entry // nil pointer: not found
}

func groupBytes(n int) int {
	size := n >> 3 * groupSize
	switch r := n & 7; {
	case r == 0:
		return size
	case r <= 4:
		return size + halfGroup
	}
	return size + groupSize
}

func fingerprintAt(block unsafe.Pointer, i int) *byte {
	return (*byte)(unsafe.Add(block, i>>3*groupSize+i&7))
}

func handleAt(block unsafe.Pointer, i int) unsafe.Pointer {
	return unsafe.Add(block, i>>3*groupSize+8+i&7*5)
}

func wordCount(w uint64) int { return int(w >> countShift & countMask) }

// find looks a key up.
func (t *table) find(hash uint64, key []byte) slot {
	if t.dir.len == 0 {
		return slot{}
	}
	b := t.bucketOf(hash)
	w := *t.dir.at(b)
	n := wordCount(w)
	if n == 0 {
		return slot{bucket: b}
	}
	group := t.a.ptr(handle(w & handleMask))
	want := hash >> 56 * everyByte
	for base := 0; base < n; base += 8 {
		x := binary.LittleEndian.Uint64((*[8]byte)(group)[:]) ^ want
		match := (x - everyByte) &^ x & highBits
		for match != 0 {
			i := bits.TrailingZeros64(match) >> 3
			if base+i >= n {
				break
			}
			h := load40(unsafe.Add(group, 8+i*5))
			e := entry{t.a.ptr(h)}
			if string(e.key()) == string(key) {
				return slot{b, base + i, h, e}
			}
			match &= match - 1
		}
		group = unsafe.Add(group, groupSize)
	}
	return slot{bucket: b}
}

// insert adds an entry; the key must not be there yet.
func (t *table) insert(hash uint64, h handle) {
	if t.dir.len == 0 {
		t.dir.push(t.a, 0)
		t.lo, t.hi = 0, 1
	} else if t.count >= int(t.dir.len)*bucketLoad {
		t.split()
	}
	t.append(t.bucketOf(hash), byte(hash>>56), h)
	t.count++
}

// append adds a slot to a bucket.
func (t *table) append(b uint64, fingerprint byte, h handle) {
	word := t.dir.at(b)
	n := wordCount(*word)
	if n == bucketLimit {
		panic("store: a bucket overflows: the hash is broken")
	}
	block := t.reserve(word, n, n+1)
	*fingerprintAt(block, n) = fingerprint
	store40(handleAt(block, n), h)
	*word += 1 << countShift
}

// reserve gives a bucket of n slots a block for want of them and returns it.
func (t *table) reserve(word *uint64, n, want int) unsafe.Pointer {
	old := handle(*word & handleMask)
	var block unsafe.Pointer
	if old != 0 {
		block = t.a.ptr(old)
		if t.a.sizeOf(old) >= groupBytes(want) {
			return block
		}
	}
	h, grown := t.a.alloc(groupBytes(want))
	if old != 0 {
		copy(bytesAt(grown, groupBytes(n)), bytesAt(block, groupBytes(n)))
		t.a.free(old)
	}
	*word = *word&^handleMask | uint64(h)
	return grown
}

// fit gives a bucket whose entries have become fewer a smaller block.
func (t *table) fit(word *uint64) {
	old := handle(*word & handleMask)
	n := wordCount(*word)
	if n == 0 {
		t.a.free(old)
		*word &^= handleMask
		return
	}
	need := groupBytes(n)
	if t.a.sizeOf(old) < need+groupSize {
		return
	}
	h, block := t.a.alloc(need)
	copy(bytesAt(block, need), bytesAt(t.a.ptr(old), need))
	t.a.free(old)
	*word = *word&^handleMask | uint64(h)
}

// replace puts another entry into a slot.
func (t *table) replace(s slot, h handle) {
	store40(handleAt(t.a.ptr(handle(*t.dir.at(s.bucket)&handleMask)), s.index), h)
}

// remove takes a slot out; the last one of the bucket takes its place.
func (t *table) remove(s slot) {
	word := t.dir.at(s.bucket)
	block := t.a.ptr(handle(*word & handleMask))
	last := wordCount(*word) - 1
	*fingerprintAt(block, s.index) = *fingerprintAt(block, last)
	store40(handleAt(block, s.index), load40(handleAt(block, last)))
	*word -= 1 << countShift
	t.count--
	t.fit(word)
}

// split makes one more bucket out of the next one in order. Both have the old
// one's version: their content has not changed.
func (t *table) split() {
	n := t.dir.len
	from := n - t.lo - 1
	t.dir.push(t.a, *t.dir.at(from)&versionMask)
	word := t.dir.at(from)
	if count := wordCount(*word); count > 0 {
		t.divide(word, n, count)
	}
	if t.dir.len > t.hi {
		t.lo, t.hi = t.hi, t.hi<<1|1
	}
}

// divide moves those of a bucket's entries that belong to the new bucket.
func (t *table) divide(word *uint64, to uint64, count int) {
	bit := t.lo + 1
	block := t.a.ptr(handle(*word & handleMask))
	var moved [bucketLimit]struct {
		h           handle
		fingerprint byte
	}
	stay, move := 0, 0
	for i := range count {
		h, fp := load40(handleAt(block, i)), *fingerprintAt(block, i)
		if t.hash(entry{t.a.ptr(h)}.key())&bit != 0 {
			moved[move].h, moved[move].fingerprint = h, fp
			move++
			continue
		}
		*fingerprintAt(block, stay) = fp
		store40(handleAt(block, stay), h)
		stay++
	}
	if move == 0 {
		return
	}
	*word -= uint64(move) << countShift
	t.fit(word)
	target := t.dir.at(to)
	fresh := t.reserve(target, 0, move)
	for i := range move {
		*fingerprintAt(fresh, i) = moved[i].fingerprint
		store40(handleAt(fresh, i), moved[i].h)
	}
	*target += uint64(move) << countShift
}

// sparse says that the last bucket should be merged.
func (t *table) sparse() bool {
	return t.dir.len > 1 && t.count < int(t.dir.len)*mergeLoad
}

// lastPair returns the last bucket and the one that it came from.
func (t *table) lastPair() (last, into uint64) {
	last = t.dir.len - 1
	return last, last &^ (uint64(1) << (bits.Len64(last) - 1))
}

// merge undoes the last split. The version of the first of the pair stays.
func (t *table) merge() {
	last, into := t.lastPair()
	w := *t.dir.at(last)
	word := t.dir.at(into)
	if move := wordCount(w); move > 0 {
		n := wordCount(*word)
		if n+move > bucketLimit {
			return
		}
		from := t.a.ptr(handle(w & handleMask))
		block := t.reserve(word, n, n+move)
		for i := range move {
			*fingerprintAt(block, n+i) = *fingerprintAt(from, i)
			store40(handleAt(block, n+i), load40(handleAt(from, i)))
		}
		*word += uint64(move) << countShift
		t.a.free(handle(w & handleMask))
	}
	t.dir.pop(t.a)
	if t.dir.len <= t.lo && t.lo > 0 {
		t.lo, t.hi = t.lo>>1, t.lo
	}
}

// presize prepares an empty table for n entries.
func (t *table) presize(n int) {
	if t.count > 0 || n <= bucketLoad {
		return
	}
	buckets := uint64((n + bucketLoad - 1) / bucketLoad)
	for t.dir.len < buckets {
		t.dir.push(t.a, 0)
	}
	t.hi = 1<<bits.Len64(t.dir.len) - 1
	t.lo = t.hi >> 1
}

// bytes is what the table takes in the arena. It walks the directory.
func (t *table) bytes() int {
	n := t.dir.bytes()
	for b := range t.dir.len {
		if h := handle(*t.dir.at(b) & handleMask); h != 0 {
			n += t.a.sizeOf(h)
		}
	}
	return n
}
