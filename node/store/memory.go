// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import "unsafe"

// Memory tells what a store takes, in bytes.
type Memory struct {
	Used    int // keys, values, tables and indexes, by the blocks they lie in
	Mapped  int // memory got from the system for that
	Retired int // of Used: flushed data that a snapshot still reads
	Aside   int // of Used: set aside, or kept, for a snapshot
	Pending int // keys that wait for Reclaim
}

// bookkeeping is what an arena keeps on the Go heap for each chunk.
const bookkeeping = int(unsafe.Sizeof(chunk{})) + 16

// Memory tells what the store takes. It is cheap enough for every INFO.
func (s *Store) Memory() Memory {
	m := Memory{Used: s.UsedMemory(), Mapped: s.a.mapped, Pending: s.PendingObjects()}
	for _, a := range s.retired {
		m.Retired += a.used
		m.Mapped += a.mapped
	}
	if s.snapshot != nil {
		m.Aside = s.snapshot.aside
	}
	return m
}

// UsedMemory returns the bytes in use by keys, values, tables and indexes, what
// a snapshot has set aside or keeps from being freed included.
func (s *Store) UsedMemory() int {
	used := s.a.used + len(s.a.chunks)*bookkeeping
	live := s.retired[:0]
	for _, a := range s.retired {
		if !a.gone {
			used += a.used
			live = append(live, a)
		}
	}
	clear(s.retired[len(live):])
	s.retired = live
	return used
}

// MemoryUsage returns what a key with its value takes, in bytes, its share of
// the table and of the expiry index included (MEMORY USAGE), and whether it is
// there.
func (db *DB) MemoryUsage(key []byte) (int, bool) {
	s := db.ks.lookup(key)
	if s.e.p == nil {
		return 0, false
	}
	const slotShare = 8
	n := db.ks.a.sizeOf(s.h) + slotShare
	if s.e.hasTTL() {
		n += 8
	}
	if block := s.e.block(); block != 0 {
		leaves := sampledLeaves
		n += db.ks.a.below(block, &leaves)
	}
	return n, true
}

// sampledLeaves is how many leaves of a large collection MemoryUsage looks at;
// what the others take is taken from them. (Redis looks at five elements.)
const sampledLeaves = 256

// below returns what a block takes with all that can be reached through it, by
// as many leaves as there are left to look at.
func (a *arena) below(h handle, leaves *int) int {
	size, seen, rest := a.sizeOf(h), 0, 0
	p := a.ptr(h)
	if kindOf(p) == kindInner {
		n := inner{p}
		below := 0
		for i := range n.len() {
			if *leaves > 0 {
				below += a.below(n.child(i), leaves)
				seen += n.count(i)
			} else {
				rest += n.count(i)
			}
		}
		return size + below + int(float64(below)/float64(max(1, seen))*float64(rest))
	}
	*leaves--
	eachNamed(p, func(h handle) {
		if kindOf(p) == kindPair {
			*leaves = sampledLeaves
		}
		size += a.below(h, leaves)
	})
	return size
}

// TableStats describes the hash table of a database (DEBUG HTSTATS).
type TableStats struct {
	Keys    int
	Buckets int
	Longest int         // entries in the fullest bucket
	Lengths map[int]int // buckets by number of entries
	Bytes   int         // directory and buckets
	Expires int
	Load    float64 // entries per slot that the buckets have room for
}

// TableStats walks the table.
func (db *DB) TableStats() TableStats {
	t := &db.ks.table
	st := TableStats{
		Keys: t.count, Buckets: int(t.dir.len), Lengths: map[int]int{},
		Bytes: t.bytes(), Expires: db.Expires(),
	}
	slots := 0
	for b := range t.dir.len {
		w := *t.dir.at(b)
		n := wordCount(w)
		st.Lengths[n]++
		st.Longest = max(st.Longest, n)
		if n > 0 {
			size := t.a.sizeOf(handle(w & handleMask))
			slots += size/groupSize*8 + size%groupSize/halfGroup*4
		}
	}
	if slots > 0 {
		st.Load = float64(t.count) / float64(slots)
	}
	return st
}
