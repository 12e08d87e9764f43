// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// prefetchWidth is how many keys are looked up side by side: about as many as a
// core has misses under way.
const prefetchWidth = 16

// Prefetch brings what lookups of these keys will touch into the processor's
// caches: for a batch of commands whose keys are known before the first is
// executed. A lookup in a large store is two or three waits for memory, one
// after the other; the waits of different keys pass at the same time. It
// changes nothing, whether the keys are there or not.
func (db *DB) Prefetch(keys ...[]byte) {
	t := &db.ks.table
	if t.count == 0 {
		return
	}
	for len(keys) > prefetchWidth {
		t.prefetch(keys[:prefetchWidth])
		keys = keys[prefetchWidth:]
	}
	t.prefetch(keys)
}

// prefetch goes through the keys once for each level of the lookup. Within a
// level no load depends on another, nor does a branch depend on one that may
// miss, so that the processor can run ahead.
func (t *table) prefetch(keys [][]byte) {
	var hashes, words [prefetchWidth]uint64
	for i, key := range keys {
		hashes[i] = t.hash(key)
	}
	for i := range keys {
		words[i] = *t.dir.at(t.bucketOf(hashes[i]))
	}
	sum := uint64(0)
	for i := range keys {
		h := handle(words[i] & handleMask)
		if h == 0 {
			continue
		}
		block := t.a.ptr(h)
		last := groupBytes(wordCount(words[i])) - 8
		sum += load64(block) + load64(unsafe.Add(block, last/2&^7)) + load64(unsafe.Add(block, last))
	}
	for i := range keys {
		if h := t.candidate(hashes[i], words[i]); h != 0 {
			sum += t.a.touch(h)
		}
	}
	t.a.prefetched += sum
}

// touch loads the first cache line of a block and, where most small entries
// end, the second. The one may lie at the very end of a chunk.
func (a *arena) touch(h handle) uint64 {
	const nearEnd = 56
	p := a.ptr(h)
	sum := uint64(load32(p))
	if h&unitMask<<3 < chunkSize-nearEnd {
		sum += uint64(*(*byte)(unsafe.Add(p, nearEnd)))
	}
	return sum
}

// candidate returns the first entry of a bucket with the hash's fingerprint,
// most likely the one that a lookup will find.
func (t *table) candidate(hash, word uint64) handle {
	n := wordCount(word)
	if n == 0 {
		return 0
	}
	group := t.a.ptr(handle(word & handleMask))
	want := hash >> 56 * everyByte
	for base := 0; base < n; base += 8 {
		x := binary.LittleEndian.Uint64((*[8]byte)(group)[:]) ^ want
		if match := (x - everyByte) &^ x & highBits; match != 0 {
			if i := bits.TrailingZeros64(match) >> 3; base+i < n {
				return load40(unsafe.Add(group, 8+i*5))
			}
		}
		group = unsafe.Add(group, groupSize)
	}
	return 0
}
