// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"math/big"
	"unsafe"
)

// audit checks the invariants that the types cannot express: every entry in its
// bucket and in its place of the expiry index, every count right, and every byte
// in use reachable from somewhere, exactly once. batch is one that may be in use.
func (s *Store) audit(batch *Batch) error {
	a := &auditor{arena: s.a, blocks: map[handle]uint32{}}
	for _, db := range s.dbs {
		if db.ks.a != s.a {
			return fmt.Errorf("db %d lies in another arena", db.index)
		}
		if err := a.keyspace(db.ks); err != nil {
			return fmt.Errorf("db %d: %w", db.index, err)
		}
	}
	for _, ks := range s.garbage {
		a.reach(ks)
	}
	if sn := s.snapshot; sn != nil && sn.a == s.a {
		for _, sp := range sn.spaces[sn.current:] {
			if sp.flushed {
				a.reach(sp.ks)
			}
			a.aside(&sp.aside)
		}
	}
	if batch.a == s.a {
		for _, h := range batch.pins {
			a.blocks[h]++
		}
	}
	return a.finish()
}

type auditor struct {
	arena  *arena
	used   int
	blocks map[handle]uint32 // value blocks, with references found
}

func (a *auditor) keyspace(ks *keyspace) error {
	t := &ks.table
	if n := t.dir.len; n > 0 && (t.lo+1 > n || n > t.hi || t.hi != t.lo<<1|1) {
		return fmt.Errorf("%d buckets with masks %x, %x", n, t.lo, t.hi)
	}
	count, ttls := 0, 0
	sum := new(big.Int)
	for b := range t.dir.len {
		w := *t.dir.at(b)
		if h := handle(w & handleMask); (h == 0) != (wordCount(w) == 0) {
			return fmt.Errorf("bucket %d: %d entries in block %x", b, wordCount(w), h)
		}
		i := 0
		var err error
		t.each(b, func(h handle, e entry) bool {
			err = ks.auditEntry(b, i, h, e)
			if e.hasTTL() {
				ttls++
				sum.Add(sum, big.NewInt(e.expireAt()))
			}
			count++
			i++
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	if count != t.count || ttls != ks.expires.len() {
		return fmt.Errorf("%d entries, %d with a time to live, counted as %d and %d", count, ttls, t.count, ks.expires.len())
	}
	if want := new(big.Int).And(sum, new(big.Int).SetUint64(1<<64-1)); want.Uint64() != ks.expires.sumLo {
		return fmt.Errorf("the times of expiry add up to %v, not %x%016x", sum, ks.expires.sumHi, ks.expires.sumLo)
	}
	a.reach(ks)
	return nil
}

func (ks *keyspace) auditEntry(b uint64, i int, h handle, e entry) error {
	hash := ks.hash(e.key())
	if ks.bucketOf(hash) != b {
		return fmt.Errorf("key %q in bucket %d, not %d", e.key(), b, ks.bucketOf(hash))
	}
	block := ks.a.ptr(handle(*ks.dir.at(b) & handleMask))
	if *fingerprintAt(block, i) != byte(hash>>56) {
		return fmt.Errorf("key %q has a wrong fingerprint", e.key())
	}
	if e.size() > ks.a.sizeOf(h) {
		return fmt.Errorf("key %q: %d bytes in a block of %d", e.key(), e.size(), ks.a.sizeOf(h))
	}
	if e.hasTTL() {
		if w := *ks.expires.words.at(uint64(e.expiryIndex())); w != ks.expires.word(h, e.expireAt()) {
			return fmt.Errorf("key %q: expiry index has %x", e.key(), w)
		}
	}
	return nil
}

// reach adds up what a keyspace takes.
func (a *auditor) reach(ks *keyspace) {
	for _, v := range []*vector{&ks.dir, &ks.expires.words} {
		for _, pg := range v.pages {
			a.used += a.arena.sizeOf(pg.h)
		}
	}
	for b := range ks.dir.len {
		if h := handle(*ks.dir.at(b) & handleMask); h != 0 {
			a.used += a.arena.sizeOf(h)
		}
		ks.each(b, func(h handle, e entry) bool {
			a.used += a.arena.sizeOf(h)
			a.refer(e)
			return true
		})
	}
}

func (a *auditor) aside(q *asideQueue) {
	read := q.read
	for _, pg := range q.pages {
		a.used += a.arena.sizeOf(pg.h)
		for read < pg.write {
			at := bytesAt(pg.p, pg.write)[read:]
			a.refer(entry{ptrOf(at[asideHead:])})
			read += int(load64(ptrOf(at)))
		}
		read = 0
	}
}

func (a *auditor) refer(e entry) {
	if h := e.block(); h != 0 {
		a.blocks[h]++
	}
}

// finish compares what was reached with what is in use.
func (a *auditor) finish() error {
	for h, n := range a.blocks {
		a.used += a.arena.sizeOf(h)
		if refs := valueRefs(a.arena, h); refs != n {
			return fmt.Errorf("value block %x has %d references of %d", h, refs, n)
		}
	}
	if a.used != a.arena.used {
		return fmt.Errorf("%d bytes reachable, %d in use", a.used, a.arena.used)
	}
	return a.auditChunks()
}

func (a *auditor) auditChunks() error {
	used := 0
	for id, c := range a.arena.chunks {
		if c == nil {
			continue
		}
		free := 0
		for u := c.free; u != 0; free++ {
			u = load32(ptrOf(c.mem[(u-1)*8:]))
		}
		if int(c.used)+free != int(c.fresh) {
			return fmt.Errorf("chunk %d: %d used, %d free, %d touched", id, c.used, free, c.fresh)
		}
		if full := c.used == c.capacity; c.class != 0 && full == c.listed {
			return fmt.Errorf("chunk %d: full %t, listed %t", id, full, c.listed)
		}
		used += int(c.used) * c.size
	}
	if used != a.arena.used {
		return fmt.Errorf("chunks have %d bytes in use, the arena %d", used, a.arena.used)
	}
	return nil
}

func ptrOf(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }
